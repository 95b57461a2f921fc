"""What no observation whatsoever may lead to."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.observation.wal import WalIdentity
from etcd_cluster.planning import Refusal, Restart, StartExisting, StartNew, Target, bootstrap_marker, plan, quorum
from tests.unit.samples import CLUSTER, attempt, down, empty, serving, silent, status, stopped, target

NAMES = "abcde"
Observed = dict[str, HostFacts | Problem]


@st.composite
def hosts(draw: st.DrawFn, name: str, names: str) -> HostFacts | Problem:
    """Draw a host in any state, however unlikely."""
    kind = draw(st.sampled_from(["down", "empty", "stopped", "silent", "serving"]))
    if kind == "down":
        return down(name)
    leader = draw(st.sampled_from(names))
    shapes = {
        "empty": empty(),
        "stopped": stopped(name),
        "silent": silent(name),
        "serving": serving(name, leader, names),
    }
    facts = shapes[kind]
    if draw(st.booleans()):
        return facts
    cluster = draw(st.sampled_from([CLUSTER, "beef"]))
    attempts = [None, attempt(names), attempt(names, "t2"), attempt("xy"), "", "garbage"]
    return replace(
        facts,
        attempt=draw(st.sampled_from(attempts)),
        bootstrapped=draw(st.sampled_from([None, bootstrap_marker(cluster, "1"), "garbage"])),
        wal=draw(st.sampled_from([None, WalIdentity("1", cluster)])),
        has_wal=draw(st.booleans()),
        leftover=draw(st.booleans()),
        running_revision=draw(st.sampled_from([None, "r1", "r2"])),
        active_certificates=draw(st.sampled_from(["", "c1", "c2"])),
        status=draw(st.sampled_from([None, status(name, leader), replace(status(name), cluster_id="beef")])),
        members=draw(st.sampled_from([(), facts.members])),
        healthy=draw(st.booleans()),
    )


@st.composite
def clusters(draw: st.DrawFn) -> tuple[Observed, Target]:
    """Draw a wanted cluster and what its hosts look like."""
    names = NAMES[: draw(st.integers(1, 5))]
    wanted = target(names, revision="r1", certificates="c1", cluster_id=draw(st.sampled_from([None, None, CLUSTER])))
    return {name: draw(hosts(name, names)) for name in names}, wanted


@settings(max_examples=300, deadline=None)
@given(clusters())
def test_no_observation_leads_to_a_harmful_step(cluster: tuple[Observed, Target]) -> None:
    observed, wanted = cluster
    try:
        result = plan(observed, wanted)
    except Refusal as refusal:
        assert refusal.problems
        assert all(problem.where and problem.what and problem.action for problem in refusal.problems)
        return
    assert plan(dict(reversed(observed.items())), wanted) == result, "the order of answers does not matter"
    facts = {name: seen for name, seen in observed.items() if isinstance(seen, HostFacts)}
    for step in result.steps:
        match step:
            case StartNew():
                nothing_tells_of_an_old_cluster(observed, wanted)
                assert result.steps == (step,)
            case StartExisting():
                assert all(facts[name].has_wal for name in step.names), "an empty member never starts by itself"
            case Restart():
                assert len(facts) == len(observed), "settings are not rolled out with a host down"
    if result.steps and isinstance(step := result.steps[0], Restart) and len(observed) > 2:
        others = [name for name in facts if name != step.name and is_serving(facts[name])]
        assert not is_serving(facts[step.name]) or len(others) >= quorum(len(observed)), "a restart costs the quorum"


def is_serving(seen: HostFacts) -> bool:
    return seen.healthy and seen.status is not None


def nothing_tells_of_an_old_cluster(observed: Observed, wanted: Target) -> None:
    assert wanted.cluster_id is None
    for seen in observed.values():
        assert isinstance(seen, HostFacts), "unreachable is never empty"
        assert not seen.bootstrapped
        assert seen.attempt or not (seen.has_wal or seen.leftover), "no attempt explains the data"
        assert not is_serving(seen)
