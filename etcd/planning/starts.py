"""No member is started where other unit files on its host would make it another than the settings say."""

from etcd import unit_files
from etcd.planning.situation import Situation
from etcd.planning.steps import Plan, Restart, StartExisting, StartJoin, StartNew
from etcd.planning.target import Refusal


def checked(plan: Plan, now: Situation) -> Plan:
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
        problem
        for name in started
        if name in now.facts and name in now.target.members
        for problem in unit_files.problems(now.target.members[name].member, now.facts[name])
    ]
    if found:
        raise Refusal(*found)
    return plan
