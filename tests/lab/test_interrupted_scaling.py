"""A change of members that was cut short at any point is finished by the next `up`; no write is lost or fails."""

from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Run, Stack
from tests.lab.interruptions import crash, cut_short, has_all_writes, is_whole, recover
from tests.lab.outside import Client, Writer

pytestmark = pytest.mark.lab
long = pytest.mark.long
NODES = ["etcd-1", "etcd-2", "etcd-3", "etcd-4", "etcd-5"]


@pytest.fixture(scope="module")
def stack(fresh_for_module: MakeHosts, make_module_stack: MakeStack) -> Stack:
    made = make_module_stack(fresh_for_module(5))
    _want(made, 3)
    made.up()
    return made


def _want(stack: Stack, count: int) -> None:
    stack.config["nodes"] = {node: {"address": stack.hosts[node].address} for node in NODES[:count]}


def _begin_with(stack: Stack, count: int) -> None:
    """Have a cluster of so many members; in the order of this file it is there already."""
    if len(stack.config["nodes"]) != count:
        _want(stack, count)
        stack.up()


def _staying(stack: Stack, *counts: int) -> dict[str, int]:
    pids = stack.pids()
    return {node: pids[node] for node in NODES[: min(counts)]}


def _is_finished(stack: Stack, client: Client, writer: Writer, goal: int, staying: dict[str, int]) -> None:
    is_whole(stack, client, NODES[:goal])
    assert _staying(stack, len(staying)) == staying, "a member that stays was restarted"
    has_all_writes(client, writer)


@pytest.mark.parametrize(
    ("start", "goal", "point"),
    [
        (3, 4, "learner-added"),
        pytest.param(4, 5, "join-activated", marks=long),
        pytest.param(5, 3, "removed", marks=long),
        pytest.param(3, 4, "join-started", marks=long),
        pytest.param(4, 5, "promoted", marks=long),
        pytest.param(5, 3, "set-aside", marks=long),
        pytest.param(3, 5, "learner-added:2", marks=long),
        pytest.param(5, 3, "before-remove", marks=long),
        pytest.param(3, 5, "join-activated:2", marks=long),
        pytest.param(5, 3, "removed:2", marks=long),
        pytest.param(3, 5, "join-started:2", marks=long),
        pytest.param(5, 3, "set-aside:2", marks=long),
        pytest.param(3, 5, "promoted:2", marks=long),
    ],
)
def test_a_change_of_members_that_crashed_is_finished_by_the_next_up(
    start: int, goal: int, point: str, stack: Stack, tools: Path
) -> None:
    _begin_with(stack, start)
    client, staying = Client(stack, tools), _staying(stack, start, goal)
    _want(stack, goal)
    with Writer(client) as writer:
        crash(stack, point)
        recover(stack)
    _is_finished(stack, Client(stack, tools), writer, goal, staying)


@long
def test_a_leader_that_leaves_and_a_crash_after_it_handed_over(stack: Stack, tools: Path) -> None:
    _begin_with(stack, 5)
    client, staying = Client(stack, tools), _staying(stack, 3)
    ids = {member["name"]: member["id"] for member in stack.output("members")}
    client.run("move-leader", ids["etcd-5"], endpoints=[client.leader()], check=False)
    assert stack.hosts["etcd-5"].address in client.leader()
    _want(stack, 3)
    with Writer(client) as writer:
        crash(stack, "leader-moved")
        recover(stack)
    _is_finished(stack, Client(stack, tools), writer, 3, staying)


@long
@pytest.mark.parametrize(
    ("start", "goal", "told", "engine_alone"),
    [
        (3, 5, "Add etcd-4 as a learner", False),
        (5, 3, "Remove member etcd-4", False),
        (3, 5, "Promote etcd-4", True),
        (5, 3, "Remove member etcd-5", True),
    ],
)
def test_a_change_of_members_that_was_killed_is_finished_by_the_next_up(
    start: int, goal: int, told: str, engine_alone: bool, stack: Stack, tools: Path
) -> None:
    _begin_with(stack, start)
    client, staying = Client(stack, tools), _staying(stack, start, goal)
    _want(stack, goal)

    def due(run: Run) -> bool:
        return told in run.output

    with Writer(client) as writer:
        cut_short(stack, due, engine_alone=engine_alone)
        recover(stack)
    _is_finished(stack, Client(stack, tools), writer, goal, staying)
    assert stack.preview("--expect-no-changes").returncode == 0
