"""The last stages of a plan: new certificates, then restarts, one at a time and the leader last."""

from collections.abc import Mapping

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.rules import quota as quota_rules
from etcd_cluster.planning.rules import trust, unqueryable, versions
from etcd_cluster.planning.rules.not_serving import FEW_VOTERS, stale_leaves
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.steps import Restart, Step, SwitchCertificates
from etcd_cluster.planning.target import Refusal, quorum
from etcd_cluster.reasons import Reason
from etcd_cluster.ssh.session import as_text


def certificates(cluster: ClusterState) -> list[Step]:
    """Put staged leaf certificates into use, once every running member's loaded bundle verifies them."""
    wanted = {name: host for name, host in cluster.facts.items() if name in cluster.target.members}
    leaves = stale_leaves(wanted, cluster.target)
    if not leaves:
        return []
    if trust.must_widen_first(cluster, leaves):
        return []
    trust.refuse_lost_clients(cluster, wanted)
    return [SwitchCertificates(leaves)]


def restarts(cluster: ClusterState) -> list[Step]:
    """Restart what does not run what is staged for it."""
    facts = {name: host for name, host in cluster.facts.items() if name in cluster.target.members}
    # One that runs what is wanted, does not serve, and has a way back was left so by a run that was interrupted. It may
    # vote all the same, so from three voters on the others must be a quorum without it.
    spared = len(cluster.voters) <= FEW_VOTERS or cluster.healthy_voters() >= quorum(len(cluster.voters))
    stale = [
        name
        for name, host in facts.items()
        if host.is_running
        and (
            host.running_revision != cluster.target.members[name].revision
            or (name not in cluster.serving and name in cluster.by_url and host.is_unproven and spared)
        )
    ]
    if not stale:
        _refuse_unproven(cluster, facts)
        # A downgrade that was enabled and taken back before any member restarted is still under way.
        return versions.cancelled(cluster)
    changed = [name for name in stale if facts[name].running_revision != cluster.target.members[name].revision]
    down = {name: problem for name, problem in cluster.down.items() if name in cluster.target.members}
    if down and changed:
        raise Refusal(
            *(
                Problem(
                    Reason.HOST_DOWN_DURING_CHANGE,
                    problem.where,
                    f"{problem.what}, and {as_text(sorted(changed))} must restart for the changed settings",
                    "Repair that host first, or take the change back",
                )
                for problem in down.values()
            )
        )
    unqueryable.refuse(facts, stale)
    stale = _allowed(cluster, stale)
    trust.refuse_narrow(cluster, stale)
    quota_rules.refuse_small(cluster, stale)
    ordered = sorted(stale, key=lambda name: (name in cluster.serving, cluster.leads(name), name))
    return [*versions.before_restarts(cluster), *(_restart(cluster, name) for name in ordered)]


def _restart(cluster: ClusterState, name: str) -> Restart:
    # Where nobody else votes there is nobody to hand over to.
    leads = cluster.leads(name) and len(cluster.voters) > 1
    moved = cluster.moved.get(name)
    return Restart(name, leads, moved.member_id if moved else "")


def _allowed(cluster: ClusterState, stale: list[str]) -> list[str]:
    """Return which stale members may restart while some do not serve: these first."""
    voters = len(cluster.voters)
    listed = {**cluster.by_url, **cluster.moved}
    sick = sorted(
        name for name in cluster.facts if name in listed and name not in cluster.serving and not listed[name].is_learner
    )
    if not sick or voters - len(sick) - 1 >= quorum(voters):
        return stale
    # A member that runs and does not answer may vote all the same.
    safe = voters <= FEW_VOTERS or cluster.healthy_voters(without=[listed[name].member_id for name in sick]) >= quorum(
        voters
    )
    if safe and (first := [name for name in stale if name in sick]):
        return first
    raise Refusal(
        *(
            Problem(
                Reason.NO_QUORUM_TO_RESTART,
                name,
                f"it does not serve, so no other member may restart (quorum of {voters} is {quorum(voters)}); "
                f"{unqueryable.why(cluster.facts[name])}",
                "Look at `journalctl -u etcd` on it and repair it first",
            )
            for name in sick
        )
    )


def _refuse_unproven(cluster: ClusterState, facts: Mapping[str, HostFacts]) -> None:
    """Refuse to call a cluster as wanted whose members never served on what they run, and cannot be spared either."""
    unproven = [
        name
        for name, host in facts.items()
        if unqueryable.cannot_ask(host) and host.is_unproven and name in cluster.by_url
        if not cluster.by_url[name].is_learner
    ]
    if unproven:
        raise Refusal(
            *(
                Problem(
                    Reason.REVISION_UNPROVEN,
                    name,
                    f"{unqueryable.why(facts[name])}; what it runs has never served, and the members that answer "
                    "are no quorum without it",
                    f"Look at `journalctl -u etcd` on {name} and repair it, or the other members that do not answer",
                )
                for name in unproven
            )
        )
