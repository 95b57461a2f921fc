"""All steps from what is to what is wanted: plan, take the first step in thought, plan again, to the end."""

from collections.abc import Mapping
from dataclasses import dataclass

from etcd_cluster import planning
from etcd_cluster.forecast.effects import after
from etcd_cluster.forecast.state import State
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.steps import Step
from etcd_cluster.planning.target import Observed, Refusal, Target

# More than any change of nine members takes.
_MOST_STEPS = 100


@dataclass(frozen=True)
class Forecast:
    """Every step as far as it can be foreseen, and why the run will end before all is as wanted, if it will."""

    steps: tuple[Step, ...]
    ends: Refusal | None = None


def forecast(
    observed: Observed, target: Target, alive: frozenset[str] = frozenset(), unclear: Mapping[str, str] | None = None
) -> Forecast:
    """Return all steps, if nothing comes in between; raises `Refusal` where not even the first can be taken.

    The leader that an election will bring is not known, so a step may turn out to concern it.
    """
    observed = planning.without_foreign_hosts(observed, target)
    down = {name: host for name, host in observed.items() if not isinstance(host, HostFacts)}
    facts = {name: host for name, host in observed.items() if isinstance(host, HostFacts)}
    state, steps = State(facts, alive, target, unclear or {}), list[Step]()
    done: frozenset[Step] = frozenset()
    while len(steps) < _MOST_STEPS:
        try:
            plan = planning.plan({**state.facts, **down}, target, state.alive, done, state.unclear)
        except Refusal as refusal:
            if not steps:
                raise
            return Forecast(tuple(steps), refusal)
        if not plan.steps or (steps and plan.steps[0] == steps[-1]):
            break
        state, done = after(state, plan.steps[0]), done | {plan.steps[0]}
        steps.append(plan.steps[0])
    return Forecast(tuple(steps))
