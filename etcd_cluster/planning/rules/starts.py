"""No member is started where other unit files would make it another, nor on data that another process uses."""

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.steps import Plan, Restart, StartExisting, StartJoin, StartNew
from etcd_cluster.planning.target import Refusal
from etcd_cluster.preflight import unit_files
from etcd_cluster.reasons import Reason


def checked(plan: Plan, cluster: ClusterState) -> Plan:
    """Return the plan, unless a step of it starts such a member."""
    started: dict[str, None] = {}
    for step in plan.steps:
        match step:
            case StartNew() | StartExisting():
                started |= dict.fromkeys(step.names)
            case Restart() | StartJoin():
                started[step.name] = None
            case _:
                pass
    found = [
        held(name, cluster.facts[name]) for name in started if name in cluster.facts and cluster.facts[name].data_holder
    ]
    found += [
        problem
        for name in started
        if name in cluster.facts and name in cluster.target.members
        for problem in unit_files.problems(cluster.target.members[name].member, cluster.facts[name])
    ]
    if found:
        raise Refusal(*found)
    return plan


def held(name: str, host: HostFacts) -> Problem:
    """Return what is wrong with a host on which a process that is not the unit's uses the member's data."""
    return Problem(
        Reason.DATA_IN_USE,
        name,
        f"its data is in use by {host.data_holder}, which is no process of etcd.service",
        "Stop that process there, in the way it was started; then `pulumi up` starts the member as a service again",
    )
