"""What to do next with a cluster: a pure function of what was observed and what is wanted."""

from collections.abc import Callable, Mapping

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.rules import bootstrap, membership, rolling, starts, trial_start, unqueryable, versions
from etcd_cluster.planning.rules.bootstrap import is_unrecorded
from etcd_cluster.planning.rules.foreign_hosts import without_foreign_hosts
from etcd_cluster.planning.rules.not_serving import plan_silent, refuse_copies, refuse_foreign_data
from etcd_cluster.planning.rules.unqueryable import cannot_ask
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.steps import (
    AddLearner,
    AwaitServing,
    CancelDowngrade,
    CheckV2Store,
    DisarmAlarms,
    EnableDowngrade,
    Plan,
    Promote,
    RecordBootstrap,
    Reinstall,
    RememberServed,
    RemoveMember,
    Restart,
    Retire,
    SaveSnapshot,
    StartExisting,
    StartJoin,
    StartNew,
    Step,
    SwitchCertificates,
    TrialStart,
    UpdatePeerUrl,
)
from etcd_cluster.planning.target import (
    Attempt,
    Observed,
    Refusal,
    Target,
    TargetMember,
    bootstrap_marker,
    bootstrapped_cluster,
    quorum,
)
from etcd_cluster.reasons import Reason

__all__ = [
    "AddLearner",
    "Attempt",
    "AwaitServing",
    "CancelDowngrade",
    "CheckV2Store",
    "DisarmAlarms",
    "EnableDowngrade",
    "Observed",
    "Plan",
    "Promote",
    "RecordBootstrap",
    "Refusal",
    "Reinstall",
    "RememberServed",
    "RemoveMember",
    "Restart",
    "Retire",
    "SaveSnapshot",
    "StartExisting",
    "StartJoin",
    "StartNew",
    "Step",
    "SwitchCertificates",
    "Target",
    "TargetMember",
    "TrialStart",
    "UpdatePeerUrl",
    "bootstrap_marker",
    "bootstrapped_cluster",
    "cannot_ask",
    "is_unrecorded",
    "plan",
    "quorum",
    "without_foreign_hosts",
]

_STAGES: tuple[Callable[[ClusterState], list[Step]], ...] = (
    membership.start,
    versions.refuse_mixed,
    membership.drop,
    membership.repair,
    membership.add,
    membership.remove,
    rolling.certificates,
    rolling.restarts,
)


def plan(
    observed: Observed,
    target: Target,
    alive: frozenset[str] = frozenset(),
    done: frozenset[Step] = frozenset(),
    unclear: Mapping[str, str] | None = None,
) -> Plan:
    """Return the steps that are due now; raises `Refusal` for what cannot be done safely.

    `alive` are the ids of members that answer although no observed host runs them, `unclear` of those that gave
    something else than an answer, with that; `done` are the steps that this run has taken. Only the first step is safe
    for certain: who executes it looks again before the next.
    """
    observed = without_foreign_hosts(observed, target)
    facts = {name: host for name, host in sorted(observed.items()) if isinstance(host, HostFacts)}
    down = {name: each for name, each in sorted(observed.items()) if isinstance(each, Problem)}
    staying = {name: host for name, host in facts.items() if name in target.members}
    wanted_down = {name: problem for name, problem in down.items() if name in target.members}
    refuse_foreign_data(staying, target)
    cluster = ClusterState(facts, down, target, alive, done, unclear or {})
    if not cluster.serving:
        refuse_copies(facts, cluster)
        leaving = {name: host for name, host in facts.items() if name not in target.members}
        return trial_start.before(starts.checked(plan_silent(staying, leaving, wanted_down, target), cluster), cluster)
    if begun := bootstrap.go_on(cluster, wanted_down):
        return trial_start.before(starts.checked(begun, cluster), cluster)
    return _plan_serving(cluster)


def _plan_serving(cluster: ClusterState) -> Plan:
    """Plan stage by stage; what a later stage refuses counts only when no earlier one has anything to do."""
    corrupt = {member for member, kind in cluster.alarms if kind == "CORRUPT"}
    wanted = {entry.member_id: name for name, entry in (*cluster.by_url.items(), *cluster.moved.items())}
    if standing := sorted(corrupt & set(wanted)):
        raise Refusal(
            *(
                Problem(
                    Reason.DATA_CORRUPT,
                    wanted[member],
                    "its data is corrupt (alarm CORRUPT), so nothing else is changed",
                    f"Take {wanted[member]} out of `nodes`, run `pulumi up`, then add it again with an empty disk",
                )
                for member in standing
            )
        )
    steps: list[Step] = []
    for stage in _STAGES:
        try:
            steps += stage(cluster)
        except Refusal:
            if not steps:
                raise
            break
    outside = [starts.held(name, host) for name, host in cluster.wanted_facts.items() if host.data_holder]
    told = [*cluster.down.values(), *unqueryable.problems(cluster.wanted_facts), *outside]
    found = Plan(tuple(steps), tuple(told))
    return trial_start.before(starts.checked(found, cluster), cluster)
