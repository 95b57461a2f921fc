"""Somebody or something steps into a roll of restarts: Ctrl-C, a lost host, a second operator, a dying member."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.lab.system import until
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Run, Stack, main_pid
from tests.lab.interruptions import has_all_writes, is_whole, running_with
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


@pytest.fixture
def colleague(stack: Stack, tmp_path: Path) -> Iterator[Stack]:
    """Another operator, with a copy of the state from before the scenario."""
    other = stack.copied(tmp_path / "colleague")
    yield other
    other.close()


def _order(stack: Stack) -> list[str]:
    """Return the nodes in the order in which a roll restarts them."""
    leader = stack.output("leader")["name"]
    return [*(node for node in NODES if node != leader), leader]


def _wait_for_restart(stack: Stack, client: Client, node: str, value: str, run: Run) -> None:
    """Wait until a member serves on the new value."""
    host = stack.hosts[node]
    url = f"https://{host.address}:2379"

    def serves() -> bool:
        if running_with(host, SETTING) != value:
            return False
        return client.run("endpoint", "health", endpoints=[url], check=False).returncode == 0

    assert until(lambda: run.has_ended or serves(), 90)
    assert not run.has_ended, run.output[-4000:]


def _go_on_slowly(run: Run, until_ended: Run) -> None:
    """Keep a run from its end, but not from renewing its lease of 45 s, until another one has ended."""
    for _ in range(20):
        run.hold()
        if until(lambda: until_ended.has_ended, 10):
            return
        run.go_on()
        until(lambda: until_ended.has_ended, 0.7)
    raise AssertionError(until_ended.output[-4000:])


def _values(stack: Stack) -> list[str]:
    return [running_with(host, SETTING) for host in stack.hosts.values()]


def _is_finished(stack: Stack, client: Client, value: str) -> None:
    is_whole(stack, client, NODES)
    assert _values(stack) == [value] * 3


def test_ctrl_c_stops_after_the_step_in_hand_and_the_next_up_goes_on(stack: Stack, client: Client) -> None:
    before, first, value = stack.pids(), _order(stack)[0], change(stack)
    with Writer(client) as writer:
        run = stack.start_up()
        run.prints(f"Restart {first}")
        run.interrupt()
        done = run.wait(120)
        after = stack.pids()
        stack.up()
    assert done.returncode != 0
    assert "stopped as asked, with 2 steps left; the next would be: restart etcd-" in done.stdout
    assert "Run `pulumi up` again to go on from here" in done.stdout
    assert [node for node in NODES if after[node] != before[node]] == [first]
    _is_finished(stack, client, value)
    assert main_pid(stack.hosts[first]) == after[first]
    has_all_writes(client, writer)


@long
def test_the_second_of_two_operators_is_refused_and_changes_nothing(
    stack: Stack, client: Client, colleague: Stack
) -> None:
    first, value = _order(stack)[0], change(stack)
    colleague.config |= {"etcd": {"snapshot-count": "30000"}, "deadlines": {"command": 8}}
    with Writer(client) as writer:
        run = stack.start_up()
        _wait_for_restart(stack, client, first, value, run)
        other = colleague.start_up()
        _go_on_slowly(run, other)
        refused = other.wait(5)
        said, values = refused.stdout, _values(stack)
        run.go_on()
        done = run.wait(120)
    assert refused.returncode != 0
    assert "Traceback" not in said
    assert "30000" not in values
    assert "is changing this cluster; its hold ends in" in said
    assert "Wait for it to end, then run `pulumi up` again" in said
    assert done.returncode == 0, done.stdout[-4000:]
    _is_finished(stack, client, value)
    has_all_writes(client, writer)


@long
def test_a_run_that_slept_for_longer_than_its_lease_changes_nothing_more(
    stack: Stack, client: Client, colleague: Stack
) -> None:
    first, value = _order(stack)[0], change(stack)
    wanted = str(int(value) + 1)
    colleague.config |= {"etcd": {"snapshot-count": wanted}}
    with Writer(client) as writer:
        run = stack.start_up()
        _wait_for_restart(stack, client, first, value, run)
        run.hold()
        colleague.up()
        before = stack.pids()
        run.go_on()
        done = run.wait(240)
    assert done.returncode != 0
    assert "another run" in done.stdout
    assert stack.pids() == before
    stack.config["etcd"] = {"snapshot-count": wanted}
    stack.up()
    assert stack.pids() == before
    _is_finished(stack, client, wanted)
    has_all_writes(client, writer)


@long
def test_a_host_that_reboots_in_the_middle_of_its_step(stack: Stack, client: Client) -> None:
    first, value = _order(stack)[0], change(stack)
    with Writer(client) as writer:
        run = stack.start_up()
        run.prints(f"Restart {first}")
        stack.hosts[first].reboot()
        done = run.wait(240)
        stack.up()
    assert done.returncode != 0
    assert f"{first}: " in done.stdout
    assert "Traceback" not in done.stdout
    _is_finished(stack, client, value)
    has_all_writes(client, writer)


@long
def test_a_connection_that_breaks_in_the_middle_of_a_roll(stack: Stack, client: Client) -> None:
    first, second, leader = _order(stack)
    value = change(stack)
    with Writer(client) as writer:
        run = stack.start_up()
        _wait_for_restart(stack, client, first, value, run)
        stack.hosts[second].cut()
        done = run.wait(300)
        stack.hosts[second].heal()
        stack.hosts[second].wait_for_ssh()
        stack.up()
    assert done.returncode != 0
    assert f"{second}: " in done.stdout
    assert "Traceback" not in done.stdout
    assert f"Restart {leader}" not in done.stdout
    _is_finished(stack, client, value)
    has_all_writes(client, writer)


def _dies_in_the_middle(stack: Stack, client: Client, value: str) -> str:
    """Power the next host off for good while a roll is under way; check how that stops and return the node."""
    first, second, leader = _order(stack)
    before = stack.pids()
    run = stack.start_up()
    _wait_for_restart(stack, client, first, value, run)
    stack.hosts[second].kill()
    done = run.wait(300)
    assert done.returncode != 0
    assert f"{second}: " in done.stdout
    assert "Traceback" not in done.stdout
    assert main_pid(stack.hosts[leader]) == before[leader], "the leader restarted although only two members were left"
    assert running_with(stack.hosts[first], SETTING) == value
    alive = [f"https://{stack.hosts[node].address}:2379" for node in (first, leader)]
    client.run("endpoint", "health", endpoints=alive)
    return second


def test_the_next_member_dies_in_the_middle_of_a_roll_and_is_repaired(stack: Stack, client: Client) -> None:
    value = change(stack)
    with Writer(client) as writer:
        dead = _dies_in_the_middle(stack, client, value)
        stack.hosts[dead].start()
        stack.up()
    _is_finished(stack, client, value)
    has_all_writes(client, writer)


@long
def test_the_next_member_dies_in_the_middle_of_a_roll_and_is_replaced(
    stack: Stack, client: Client, tools: Path, fresh_for_module: MakeHosts
) -> None:
    value = change(stack)
    (spare,) = fresh_for_module(1)
    with Writer(client) as writer:
        dead = _dies_in_the_middle(stack, client, value)
        stack.config["nodes"][dead] = {"address": spare.address}
        stack.hosts[dead] = spare
        stack.up()
    _is_finished(stack, Client(stack, tools), value)
    has_all_writes(Client(stack, tools), writer)
    assert stack.preview("--expect-no-changes").returncode == 0
