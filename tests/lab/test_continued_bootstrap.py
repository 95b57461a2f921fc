"""A bootstrap that failed goes on with the next `up`: once the host is repaired, once the setting is corrected."""

import pytest

from dev.lab.hosts import Host
from dev.lab.system import until
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack

pytestmark = [pytest.mark.lab, pytest.mark.long]

_BROKEN = """
cp /usr/bin/systemctl /usr/bin/systemctl-whole
cat >/usr/bin/systemctl.new <<'END'
#!/bin/sh
case "$*" in start*etcd.service | restart*etcd.service) echo 'Failed to connect to bus' >&2; exit 1 ;; esac
exec /usr/bin/systemctl-whole "$@"
END
chmod 755 /usr/bin/systemctl.new
mv /usr/bin/systemctl.new /usr/bin/systemctl
"""


def _nothing_runs(stack: Stack) -> None:
    assert set(stack.pids().values()) == {0}
    for host in stack.hosts.values():
        assert host.run("test ! -e /etc/etcd/born", check=False).returncode == 0, f"{host.name}: recorded"


def _is_whole(stack: Stack) -> None:
    assert [member["healthy"] for member in stack.output("members")] == [True] * 3
    assert stack.cluster_ids() == {stack.output("cluster_id")}
    assert stack.preview("--expect-no-changes").returncode == 0


def _counts_voters(host: Host) -> bool:
    script = "journalctl -u etcd -o cat --no-pager | grep -q 'published local member to cluster'"
    return host.run(script, check=False).returncode == 0


def test_a_bootstrap_goes_on_after_a_broken_host_a_wrong_setting_and_a_kill(
    fresh: MakeHosts, make_stack: MakeStack
) -> None:
    stack = make_stack(fresh(3))
    third = stack.hosts["etcd-3"]
    third.run(_BROKEN)
    said = stack.refused()
    assert "etcd-3: " in said and "Failed to connect to bus" in said
    _nothing_runs(stack)
    third.run("mv /usr/bin/systemctl-whole /usr/bin/systemctl")

    # etcd starts with a revocation list that is not there, and refuses every client.
    stack.config["etcd"] = {"client-crl-file": "/etc/etcd/none.pem"}
    said = stack.refused()
    assert all(f"{node}: " in said for node in stack.hosts), said
    _nothing_runs(stack)
    del stack.config["etcd"]

    stack.variables["ETCD_CLUSTER_CRASH_AT"] = "second-started"
    assert stack.try_up().returncode != 0
    del stack.variables["ETCD_CLUSTER_CRASH_AT"]
    running = {node: pid for node, pid in stack.pids().items() if pid}
    assert len(running) == 2
    assert until(lambda: all(_counts_voters(stack.hosts[node]) for node in running), 30), "two of three are a quorum"
    stack.up()
    assert {node: pid for node, pid in stack.pids().items() if node in running} == running, "they were left alone"
    _is_whole(stack)


def test_a_member_that_ran_on_with_a_wrong_setting_is_started_anew(fresh: MakeHosts, make_stack: MakeStack) -> None:
    stack = make_stack(fresh(3))
    stack.config["etcd"] = {"client-crl-file": "/etc/etcd/none.pem"}
    stack.config["trial_start"] = False
    stack.variables["ETCD_CLUSTER_CRASH_AT"] = "quorum"
    assert stack.try_up().returncode != 0
    del stack.variables["ETCD_CLUSTER_CRASH_AT"]
    before = stack.pids()
    assert 0 not in before.values(), "they run and refuse our client"
    del stack.config["etcd"]
    stack.up()
    assert not set(before.values()) & set(stack.pids().values())
    _is_whole(stack)
