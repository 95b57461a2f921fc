"""The steps that a preview lists are those that a run takes, from every start of which nothing disturbs the run."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest

from etcd_cluster import planning
from etcd_cluster.forecast.forecast import forecast
from etcd_cluster.planning import Refusal, RemoveMember, Restart, Step
from tests.model import walking
from tests.model.simulation import Harm, Wish, World, observe, take
from tests.model.test_walk import COSTLY, unborn
from tests.model.walking import clusters, walk_all


def taken(world: World, wish: Wish) -> tuple[list[Step], str]:
    """Return the steps that a run takes, each after a look of its own, and how it ends."""
    done: frozenset[Step] = frozenset()
    steps: list[Step] = []
    while len(steps) < 100:
        observed, alive, unclear = observe(world, wish)
        try:
            plan = planning.plan(observed, wish.target, alive, done, unclear)
        except Refusal:
            return steps, "refused"
        if not plan.steps:
            return steps, "as wanted"
        step = plan.steps[0]
        try:
            result = take(world, step, wish)
        except Harm:
            return steps, "harm"
        steps.append(step)
        if result.failed:
            return steps, "failed"
        world, done = result.worlds[-1], done | {step}
    raise AssertionError("it does not end")


def text(step: Step) -> str:
    """Return a step without who leads and without ids: elections and etcd choose them."""
    match step:
        case Restart():
            return f"restart {step.name}"
        case RemoveMember():
            return f"remove {step.label}"
    return str(step)


def compare(world: World, wish: Wish) -> str:
    """Compare the forecast with what is done; return how it ended."""
    observed, alive, unclear = observe(world, wish)
    did, end = taken(world, wish)
    if end == "harm":
        # What the walk is for.
        return end
    try:
        foreseen = forecast(observed, wish.target, alive, unclear)
    except Refusal:
        assert (did, end) == ([], "refused")
        return end
    shown, executed = [text(step) for step in foreseen.steps], [text(step) for step in did]
    told = f"\n{walking.told(world, wish)}\nshown {shown}\ntaken {executed} {end}"
    if end == "failed" and observed_leader(observed):
        assert shown[: len(executed)] == executed, told
    elif observed_leader(observed):
        assert shown == executed, told
        assert (foreseen.ends is not None) == (end == "refused"), told
    else:
        # While nobody serves, nobody tells who is listed and as what, nor who will lead; the first step is certain.
        assert shown[:1] == executed[:1], told
        if is_whole(world, wish) and end != "failed":
            assert sorted(shown) == sorted(executed), told
    return end


def is_whole(world: World, wish: Wish) -> bool:
    """Return whether a cluster that is down consists of voters, each with its data on the host that is wanted."""
    hosts = {
        host.data: host for host in world.hosts if host.powered and host.reachable and not host.sick and not host.hidden
    }
    return wish.known <= wish.nodes.keys() and all(
        entry.id in hosts and not entry.learner and entry.started and hosts[entry.id].place == entry.place
        for entry in world.members
    )


def observed_leader(observed: Any) -> bool:
    return any(getattr(seen, "healthy", False) for seen in observed.values())


SMALL = [*clusters(1, 1), *clusters(2, 1), *clusters(3, 1), *clusters(3, 2, "HSVW", "L")]
ALL = [*SMALL, *clusters(2, 2), *clusters(3, 2, "HSVDTWwGBCOMRrseA"), *clusters(3, 2, COSTLY, "LU"), *clusters(4, 1)]


@pytest.mark.parametrize(
    ("mixes", "versions"),
    [
        pytest.param(SMALL, ("3.6.14",), id="small"),
        pytest.param(ALL, ("3.5.33", "3.6.14", "3.7.3"), id="all", marks=pytest.mark.long),
    ],
)
def test_what_is_shown_is_what_is_done(
    mixes: list[str], versions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: dict[str, int] = {}

    def walk(worlds: Iterable[World], wish: Wish, _seen: Any) -> None:
        for world in worlds if not wish.refused else ():
            end = compare(world, wish)
            ends[end] = ends.get(end, 0) + 1

    monkeypatch.setattr(walking, "walk", walk)
    walk_all(mixes, alarms=False, versions=versions)
    assert ends["as wanted"] > 400 and ends["refused"] > 100, ends


@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_bootstrap_is_shown_as_it_is_done(names: str) -> None:
    wish = Wish({name: str(n + 1) for n, name in enumerate(names)}, cluster_id=None)
    worlds = [unborn(kinds, wish) for kinds in product("-aodsrekf", repeat=len(names))]
    assert {compare(world, wish) for world in worlds} >= {"as wanted"}
