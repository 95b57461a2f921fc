"""A bootstrap that was killed at any point ends healthy with the next `up`."""

import pytest
from conftest import MakeHosts, MakeStack
from harness import Stack, main_pid

from lab.system import until

pytestmark = pytest.mark.lab


def _is_one_healthy_cluster(stack: Stack) -> None:
    outputs = stack.outputs()
    assert [member["healthy"] for member in outputs["members"]] == [True] * len(stack.hosts)
    assert stack.cluster_ids() == {outputs["cluster_id"]}
    assert 0 not in stack.pids().values()
    for host in stack.hosts.values():
        assert host.run("test ! -e /etc/etcd/bootstrap.env", check=False).returncode == 0


long = pytest.mark.long


@pytest.mark.parametrize(
    "point",
    [
        "announced",
        pytest.param("activated", marks=long),
        "first-started",
        pytest.param("started", marks=long),
        "quorum",
        pytest.param("born", marks=long),
    ],
)
def test_a_bootstrap_that_crashed_ends_healthy_with_the_next_up(
    point: str, fresh: MakeHosts, make_stack: MakeStack
) -> None:
    stack = make_stack(fresh(3))
    stack.variables["ETCD_CLUSTER_CRASH_AT"] = point
    crashed = stack.try_up()
    assert crashed.returncode != 0
    attempts = {host.run("cat /etc/etcd/attempt").stdout for host in stack.hosts.values()}
    assert len(attempts) == 1
    running = [pid for pid in stack.pids().values() if pid]
    assert len(running) == {"announced": 0, "activated": 0, "first-started": 1}.get(point, 3)
    del stack.variables["ETCD_CLUSTER_CRASH_AT"]
    stack.up()
    _is_one_healthy_cluster(stack)
    assert {host.run("cat /etc/etcd/attempt").stdout for host in stack.hosts.values()} == attempts


def test_a_bootstrap_whose_engine_and_provider_were_killed_ends_healthy(
    fresh: MakeHosts, make_stack: MakeStack
) -> None:
    stack = make_stack(fresh(3))
    run = stack.start_up()
    assert until(lambda: any(main_pid(host) for host in stack.hosts.values()), 60), run.output
    run.kill()
    assert "locked" in stack.refused()
    stack.run("cancel", "--yes", config_file=False)
    stack.up()
    _is_one_healthy_cluster(stack)


@pytest.mark.long
def test_a_bootstrap_whose_engine_alone_was_killed_ends_healthy(fresh: MakeHosts, make_stack: MakeStack) -> None:
    stack = make_stack(fresh(3))
    run = stack.start_up()
    claimed = "test -e /etc/etcd/attempt"
    hosts = list(stack.hosts.values())
    assert until(lambda: any(host.run(claimed, check=False).returncode == 0 for host in hosts), 60), run.output
    run.kill_engine()
    stack.run("cancel", "--yes", config_file=False)
    stack.up()
    _is_one_healthy_cluster(stack)
    assert until(lambda: not run.left(), 60), "what the killed engine had started still runs"
