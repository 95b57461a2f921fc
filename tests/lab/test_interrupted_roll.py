"""A roll of restarts that was cut short at any point is finished by the next `up`; no write is lost or fails."""

from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack, main_pid
from tests.lab.interruptions import crash, cut_short, has_all_writes, is_restarting, is_whole, recover, running_with
from tests.lab.outside import Client, Writer
from tests.lab.rolls import FIRST, NODES, SETTING, change

pytestmark = pytest.mark.lab
long = pytest.mark.long


@pytest.fixture(scope="module")
def stack(fresh_for_module: MakeHosts, make_module_stack: MakeStack) -> Stack:
    made = make_module_stack(fresh_for_module(3), etcd=FIRST)
    made.up()
    return made


@pytest.fixture
def client(stack: Stack, tools: Path) -> Client:
    return Client(stack, tools)


def _running_with(stack: Stack, value: str) -> dict[str, int]:
    """Return the PIDs of the members that run this value."""
    return {node: main_pid(host) for node, host in stack.hosts.items() if running_with(host, SETTING) == value}


def _is_finished(stack: Stack, client: Client, value: str) -> None:
    is_whole(stack, client, NODES)
    assert {running_with(host, SETTING) for host in stack.hosts.values()} == {value}


@pytest.mark.parametrize(
    ("point", "at_least"),
    [
        pytest.param("revision-switched", 0, marks=long),
        pytest.param("restarted", 0, marks=long),
        pytest.param("member-served", 1, marks=long),
        pytest.param("revision-switched:2", 1, marks=long),
        pytest.param("restarted:2", 1, marks=long),
        pytest.param("member-served:2", 2, marks=long),
        pytest.param("leader-moved", 2, marks=long),
        pytest.param("revision-switched:3", 2, marks=long),
        pytest.param("restarted:3", 2, marks=long),
        pytest.param("member-served:3", 3, marks=long),
    ],
)
def test_a_roll_that_crashed_is_finished_by_the_next_up(
    point: str, at_least: int, stack: Stack, client: Client
) -> None:
    value = change(stack)
    with Writer(client) as writer:
        crash(stack, point)
        done = _running_with(stack, value)
        recover(stack)
    assert len(done) >= at_least
    _is_finished(stack, client, value)
    after = stack.pids()
    assert {node: after[node] for node in done} == done, "a member that ran its new settings was restarted again"
    has_all_writes(client, writer)


@long
def test_a_roll_whose_engine_and_provider_were_killed_is_finished_by_the_next_up(stack: Stack, client: Client) -> None:
    before, value = stack.pids(), change(stack)
    with Writer(client) as writer:
        cut_short(stack, lambda _: is_restarting(stack, before))
        recover(stack)
    _is_finished(stack, client, value)
    has_all_writes(client, writer)
    assert stack.preview("--expect-no-changes").returncode == 0


@long
def test_a_roll_whose_engine_alone_was_killed_is_finished_by_the_next_up(stack: Stack, client: Client) -> None:
    value = change(stack)
    with Writer(client) as writer:
        cut_short(stack, lambda _: len(_running_with(stack, value)) == 2, engine_alone=True)
        recover(stack)
    _is_finished(stack, client, value)
    has_all_writes(client, writer)


@long
@pytest.mark.parametrize("point", ["revision-switched", "restarted"])
def test_a_roll_onto_a_setting_that_etcd_refuses_is_taken_back_after_a_crash_too(
    point: str, stack: Stack, client: Client
) -> None:
    good, before, leader = dict(stack.config["etcd"]), stack.pids(), stack.output("leader")["name"]
    first = next(node for node in NODES if node != leader)
    stack.config["etcd"] = good | {"listen-metrics-urls": "http://192.0.2.1:2381"}
    with Writer(client) as writer:
        crash(stack, point)
        said = stack.refused()
        after = stack.pids()
        stack.config["etcd"] = good
        stack.up()
    assert f"{first}: etcd ended at its start" in said
    assert "cannot assign requested address" in said
    assert f"{first}: it runs on its former settings again" in said
    assert 0 not in after.values()
    assert [node for node in NODES if after[node] != before[node]] == [first]
    assert stack.pids() == after, "a member was restarted although it ran these settings"
    _is_finished(stack, client, good["snapshot-count"])
    has_all_writes(client, writer)


@long
def test_a_setting_that_etcd_refuses_is_corrected_right_after_a_crash(stack: Stack, client: Client) -> None:
    good = dict(stack.config["etcd"])
    stack.config["etcd"] = good | {"listen-metrics-urls": "http://192.0.2.1:2381"}
    with Writer(client) as writer:
        crash(stack, "restarted")
        stack.config["etcd"] = good
        stack.up()
    _is_finished(stack, client, good["snapshot-count"])
    has_all_writes(client, writer)
