"""What cannot work on a host is found by a trial start there, before a member is started or restarted with it."""

import pytest

from dev import releases
from dev.lab.hosts import Host
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack, never_started

pytestmark = [pytest.mark.lab, pytest.mark.long]

_LEFT = """
test ! -e /run/systemd/system/etcd-trial.service && test ! -e /run/systemd/system/etcd-trial.service.d &&
test ! -e /run/etcd-cluster/trial && test ! -e /var/lib/etcd/trial-start &&
! grep -q /run/etcd-cluster/trial /proc/self/mounts && ! systemctl is-failed --quiet etcd-trial.service
"""


def _no_trace(host: Host) -> bool:
    return host.run(_LEFT, check=False).returncode == 0


def _invocations(stack: Stack) -> dict[str, str]:
    script = "systemctl show -p InvocationID --value etcd.service"
    return {node: host.run(script).stdout.strip() for node, host in stack.hosts.items()}


def _refused(stack: Stack, *words: str) -> str:
    """Run an `up` that a trial start must stop, and see that no member and no host shows a trace of it."""
    before = _invocations(stack)
    said = stack.refused()
    for word in words:
        assert word in said, said[-6000:]
    assert "No member was started or restarted with it" in said
    assert _invocations(stack) == before
    assert [name for name, host in stack.hosts.items() if not _no_trace(host)] == []
    return said


def test_settings_that_cannot_work_touch_no_member_at_bootstrap_and_in_a_roll(
    fresh: MakeHosts, make_stack: MakeStack
) -> None:
    stack = make_stack(fresh(3))
    stack.config["etcd"] = {"client-crl-file": "/etc/clients.crl"}
    said = _refused(stack, "open /etc/clients.crl: no such file or directory", "client certificate no answer")
    for node, host in stack.hosts.items():
        assert f"{node}: etcd came up with what is staged, tried apart from the cluster" in said
        assert never_started(host)
        assert host.run("test ! -e /etc/etcd/attempt", check=False).returncode == 0

    del stack.config["etcd"]
    done = stack.up()
    assert "Try on etcd-1, etcd-2, etcd-3 what is staged, apart from the cluster" in done.stdout
    assert [member["healthy"] for member in stack.output("members")] == [True] * 3
    assert all(_no_trace(host) for host in stack.hosts.values())

    # An address that one host does not have, and a file that is nowhere: this program's client would be refused
    second, third = stack.hosts["etcd-2"], stack.hosts["etcd-3"]
    stack.config["etcd"] = {"client-crl-file": "/etc/clients.crl"}
    stack.config["nodes"]["etcd-2"]["etcd"] = {"listen-metrics-urls": "http://192.0.2.1:2381"}
    said = _refused(stack, "etcd-2: etcd did not come up with what is staged", "cannot assign requested address")
    assert "etcd-1: etcd came up" in said and "etcd-3: etcd came up" in said, said[-4000:]
    del stack.config["nodes"]["etcd-2"]["etcd"]

    # Memory that the kernel does not let it lock
    stack.config["etcd"] = {"memory-mlock": "true"}
    _refused(stack, "etcd-1: etcd did not come up with what is staged", "mlock error: operation not permitted")

    # A program that may not be run, and a limit that the host sets for the member
    second.run("chmod 644 /opt/etcd/v*/etcd")
    third.run(
        "mkdir -p /etc/systemd/system/etcd.service.d && "
        "printf '[Service]\\nLimitFSIZE=1M\\n' >/etc/systemd/system/etcd.service.d/limits.conf && "
        "systemctl daemon-reload"
    )
    stack.config["etcd"] = {"heartbeat-interval": "300"}
    said = _refused(stack, "etcd-2: etcd did not come up with what is staged", "status=203/EXEC", "Permission denied")
    assert "etcd-3: etcd did not come up with what is staged" in said and "file too large" in said
    assert "etcd-1: etcd" not in said
    second.run("chmod 755 /opt/etcd/v*/etcd")
    third.run("rm -r /etc/systemd/system/etcd.service.d && systemctl daemon-reload")

    shown = stack.preview().stdout
    assert "1. try on etcd-1, etcd-2, etcd-3 what is staged, apart from the cluster" in shown, shown[-4000:]
    before = _invocations(stack)
    stack.up()
    assert [name for name, invocation in _invocations(stack).items() if invocation == before[name]] == []
    assert all(_no_trace(host) for host in stack.hosts.values())


@pytest.mark.parametrize("version", ["3.5.33", "3.7.3"])
def test_a_trial_start_of_another_minor_version(version: str, fresh: MakeHosts, make_stack: MakeStack) -> None:
    releases.ensure(version)
    (host,) = fresh(1)
    stack = make_stack([host], version=version)
    stack.config["etcd"] = {"client-crl-file": "/etc/clients.crl"}
    said = _refused(stack, "open /etc/clients.crl: no such file or directory", "client certificate no answer")
    assert "etcd-1: etcd came up with what is staged, tried apart from the cluster" in said
    assert never_started(host)
    stack.config["etcd"] = {"heartbeat-interval": "300"}
    assert "Try on etcd-1 what is staged, apart from the cluster" in stack.up().stdout
    stack.config["etcd"] = {"listen-metrics-urls": "http://192.0.2.1:2381"}
    _refused(stack, "etcd-1: etcd did not come up with what is staged", "cannot assign requested address")
    stack.config["etcd"] = {"heartbeat-interval": "200"}
    assert "Try on etcd-1 what is staged, apart from the cluster" in stack.up().stdout
    assert [(each["healthy"], each["version"]) for each in stack.output("members")] == [(True, version)]
    assert _no_trace(host)


def test_a_trial_start_that_was_killed_leaves_nothing_that_the_next_run_does_not_clear(
    fresh: MakeHosts, make_stack: MakeStack
) -> None:
    (host,) = fresh(1)
    stack = make_stack([host], trial_start=False)
    stack.up()
    assert "Try on" not in stack.runs[-1].output
    stack.config |= {"trial_start": True, "etcd": {"heartbeat-interval": "300"}}
    stack.variables["ETCD_CLUSTER_CRASH_AT"] = "tried"
    assert stack.try_up().returncode != 0
    del stack.variables["ETCD_CLUSTER_CRASH_AT"]
    host.run(
        "mkdir -p /run/etcd-cluster/trial /var/lib/etcd/trial-start && touch /run/etcd-cluster/trial/net && "
        "unshare --net=/run/etcd-cluster/trial/net true && "
        "printf '[Service]\\nExecStart=/bin/sleep 1000\\n' >/run/systemd/system/etcd-trial.service && "
        "systemctl start etcd-trial.service"
    )
    stack.up()
    assert _no_trace(host)


def test_without_a_network_namespace_a_trial_start_takes_free_ports(fresh: MakeHosts, make_stack: MakeStack) -> None:
    (host,) = fresh(1)
    host.run("mv /usr/bin/unshare /usr/bin/unshare.away")
    stack = make_stack([host])
    stack.config["etcd"] = {"client-crl-file": "/etc/clients.crl"}
    said = stack.refused()
    assert "open /etc/clients.crl: no such file or directory" in said
    assert never_started(host) and _no_trace(host)
    stack.config["etcd"] = {"listen-metrics-urls": f"http://{host.address}:2381"}
    stack.up()
    stack.config["etcd"]["heartbeat-interval"] = "300"
    stack.up()
    assert _no_trace(host)
