"""A bootstrap that was killed at any point ends healthy with the next `up`."""

import pytest

from dev.lab.system import until
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack
from tests.lab.interruptions import cut_short, recover

pytestmark = pytest.mark.lab


def _is_one_healthy_cluster(stack: Stack) -> None:
    outputs = stack.outputs()
    assert [member["healthy"] for member in outputs["members"]] == [True] * len(stack.hosts)
    assert stack.cluster_ids() == {outputs["cluster_id"]}
    assert [member["name"] for member in outputs["members"]] == list(stack.hosts)
    assert 0 not in stack.pids().values()
    for host in stack.hosts.values():
        assert host.run("test ! -e /etc/etcd/bootstrap.env", check=False).returncode == 0


long = pytest.mark.long


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("announced", marks=long),
        pytest.param("activated", marks=long),
        pytest.param("first-started", marks=long),
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


def _any(stack: Stack, script: str) -> bool:
    return any(host.run(script, check=False).returncode == 0 for host in stack.hosts.values())


CLAIMED = "test -e /etc/etcd/owner"
INSTALLED = "test -x /opt/etcd/v*/etcd"
ANNOUNCED = "test -e /etc/etcd/attempt"
RUNS = "pgrep -x etcd"


@pytest.mark.parametrize(
    ("engine_alone", "reached"),
    [
        pytest.param(False, CLAIMED, marks=long, id="all-once-a-host-is-claimed"),
        pytest.param(True, INSTALLED, marks=long, id="the-engine-once-a-host-has-etcd"),
        pytest.param(True, ANNOUNCED, marks=long, id="the-engine-once-a-host-knows-of-the-attempt"),
        pytest.param(True, RUNS, marks=long, id="the-engine-once-a-member-runs"),
        pytest.param(False, RUNS, marks=long, id="all-once-a-member-runs"),
    ],
)
def test_a_bootstrap_that_was_killed_ends_healthy_with_the_next_up(
    engine_alone: bool, reached: str, fresh: MakeHosts, make_stack: MakeStack
) -> None:
    stack = make_stack(fresh(3))
    run = cut_short(stack, lambda _: _any(stack, reached), engine_alone=engine_alone)
    done = recover(stack)
    assert any("currently locked" in each.output for each in stack.runs)
    assert "Traceback" not in done.stdout
    _is_one_healthy_cluster(stack)
    assert stack.preview("--expect-no-changes").returncode == 0
    assert until(lambda: not run.left(), 60), "what the killed engine had started still runs"
