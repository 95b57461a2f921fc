"""What to do next with a cluster: a pure function of what was observed and what is wanted."""

from collections.abc import Callable, Mapping

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.rules import bootstrap, membership, rolling, starts, trial_start, unqueryable, versions
from etcd_cluster.planning.rules.bootstrap import is_unrecorded
from etcd_cluster.planning.rules.foreign_hosts import without_strangers
from etcd_cluster.planning.rules.not_serving import plan_silent, refuse_copies, refuse_foreign_data
from etcd_cluster.planning.rules.unqueryable import cannot_ask
from etcd_cluster.planning.state import Situation
from etcd_cluster.planning.steps import (
    AddLearner,
    AwaitServing,
    CancelDowngrade,
    CheckV2Store,
    DisarmAlarms,
    EnableDowngrade,
    Plan,
    Promote,
    RecordBirth,
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
    born_cluster,
    born_text,
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
    "RecordBirth",
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
    "born_cluster",
    "born_text",
    "cannot_ask",
    "is_unrecorded",
    "plan",
    "quorum",
    "without_strangers",
]

_STAGES: tuple[Callable[[Situation], list[Step]], ...] = (
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
    observed = without_strangers(observed, target)
    facts = {name: seen for name, seen in sorted(observed.items()) if isinstance(seen, HostFacts)}
    down = {name: seen for name, seen in sorted(observed.items()) if isinstance(seen, Problem)}
    staying = {name: seen for name, seen in facts.items() if name in target.members}
    wanted_down = {name: problem for name, problem in down.items() if name in target.members}
    refuse_foreign_data(staying, target)
    now = Situation(facts, down, target, alive, done, unclear or {})
    if not now.serving:
        refuse_copies(facts, now)
        leaving = {name: seen for name, seen in facts.items() if name not in target.members}
        return trial_start.before(starts.checked(plan_silent(staying, leaving, wanted_down, target), now), now)
    if begun := bootstrap.go_on(now, wanted_down):
        return trial_start.before(starts.checked(begun, now), now)
    return _plan_serving(now)


def _plan_serving(now: Situation) -> Plan:
    """Plan stage by stage; what a later stage refuses counts only when no earlier one has anything to do."""
    corrupt = {member for member, kind in now.alarms if kind == "CORRUPT"}
    wanted = {entry.member_id: name for name, entry in (*now.by_url.items(), *now.moved.items())}
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
            steps += stage(now)
        except Refusal:
            if not steps:
                raise
            break
    outside = [starts.held(name, seen) for name, seen in now.wanted_facts.items() if seen.data_holder]
    told = [*now.down.values(), *unqueryable.problems(now.wanted_facts), *outside]
    found = Plan(tuple(steps), tuple(told))
    return trial_start.before(starts.checked(found, now), now)
