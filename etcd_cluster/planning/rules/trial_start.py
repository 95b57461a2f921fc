"""When what is staged is tried on its hosts: before anything prepares for a start with it, and once in a run.

A stopped member that has its data is started without, and so is what restarts while nobody serves: nobody is served
worse by that, and it has its own way back.
"""

from dataclasses import replace

from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.steps import (
    AddLearner,
    AwaitServing,
    DisarmAlarms,
    Plan,
    RecordBootstrap,
    Reinstall,
    RememberServed,
    Restart,
    Retire,
    StartExisting,
    StartJoin,
    StartNew,
    Step,
    SwitchCertificates,
    TrialStart,
)

# What brings back or tidies up what is there already; no trial holds it up.
_REPAIRS = (StartExisting, AwaitServing, RecordBootstrap, Reinstall, RememberServed, DisarmAlarms, Retire)


def before(plan: Plan, cluster: ClusterState) -> Plan:
    """Return the plan with a trial start in front of all that prepares for something untried."""
    if not cluster.target.trial_start:
        return plan
    tried = {name for step in cluster.done if isinstance(step, TrialStart) for name in step.names}
    due = {name for step in plan.steps for name in _begins(step, cluster)} - tried
    if not due:
        return plan
    at = next(number for number, step in enumerate(plan.steps) if not isinstance(step, _REPAIRS))
    return replace(plan, steps=(*plan.steps[:at], TrialStart(tuple(sorted(due))), *plan.steps[at:]))


def _begins(step: Step, cluster: ClusterState) -> tuple[str, ...]:
    """Return the nodes that a step leads to use something that their hosts have not seen serve."""
    match step:
        case StartNew():
            names = step.names
        case Restart() | StartJoin() | AddLearner():
            names = (step.name,) if cluster.serving else ()
        case SwitchCertificates():
            return tuple(name for name in step.names if name in cluster.serving)
        case _:
            return ()
    return tuple(name for name in names if not _has_served(name, cluster))


def _has_served(name: str, cluster: ClusterState) -> bool:
    host, revision = cluster.facts.get(name), cluster.target.members[name].revision
    return host is not None and bool(revision) and revision in (host.running_revision, host.served_revision)
