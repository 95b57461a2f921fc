"""Hosts whose environment, drop-ins and sshd are as people have them: nothing of it reaches etcd or our commands."""

from itertools import pairwise
from pathlib import Path

import pytest

from dev.lab.hosts import Host
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack, started, untouched
from tests.lab.outside import Client, Writer
from tests.lab.traces import inventory

pytestmark = pytest.mark.lab

# Nobody listens on the port of this proxy.
_LOGIN = """ETCDCTL_ENDPOINTS=https://127.0.0.1:2379
ETCDCTL_CACERT=/nowhere
ETCD_CONFIG_FILE=/etc/etcd.yml
HTTPS_PROXY=http://127.0.0.1:9
https_proxy=http://127.0.0.1:9
http_proxy=http://127.0.0.1:9
LD_LIBRARY_PATH=/nowhere
BASH_ENV=/nowhere
TAR_OPTIONS=--verbose
"""
_MANAGER = """[Manager]
DefaultEnvironment=HTTPS_PROXY=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 ETCD_AUTO_TLS=true
DefaultEnvironment=ETCD_CONFIG_FILE=/etc/etcd.yml
"""


def _append(host: Host, file: str, text: str) -> None:
    host.run('mkdir -p "${1%/*}"; cat >>"$1"', stdin=text, args=[file])


def _rolls_one_at_a_time(stack: Stack, tools: Path, measure: Measure) -> None:
    pids, client = stack.pids(), Client(stack, tools)
    stack.config["etcd"] = {"heartbeat-interval": "300", "election-timeout": "3000"}
    with Writer(client) as writer:
        stack.up()
    assert measure("roll on hosts with a hostile environment", writer) < 1
    writer.served_all(client)
    assert not [node for node, pid in stack.pids().items() if pid in (0, pids[node])]
    times = sorted(started(host) for host in stack.hosts.values())
    for earlier, later in pairwise(times):
        assert later[0] >= earlier[1], "a member restarts when the one before it serves"
    assert stack.preview("--expect-no-changes").returncode == 0


def test_variables_of_the_login_and_of_systemd_reach_neither_etcd_nor_our_commands(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    hosts = fresh(3)
    for host in hosts:
        _append(host, "/etc/environment", _LOGIN)
        _append(host, "/etc/systemd/system.conf.d/hostile.conf", _MANAGER)
        host.run("systemctl daemon-reexec")
    stack = make_stack(hosts)
    stack.up()
    assert [member["healthy"] for member in stack.output("members")] == [True, True, True]
    assert len(stack.cluster_ids()) == 1
    for host in hosts:
        seen = host.run('tr "\\0" "\\n" </proc/$(pgrep -x etcd)/environ').stdout
        assert "proxy" not in seen.lower() and "CONFIG_FILE" not in seen and "AUTO_TLS" not in seen
    _rolls_one_at_a_time(stack, tools, measure)


@pytest.mark.long
def test_what_would_change_a_start_is_refused_and_no_hindrance_while_a_member_runs(
    fresh: MakeHosts, make_stack: MakeStack
) -> None:
    hosts = fresh(3)
    stack = make_stack(hosts)
    folder = "/etc/systemd/system/etcd.service.d"
    _append(hosts[0], f"{folder}/10-old.conf", "[Service]\nEnvironment=ETCD_CONFIG_FILE=/etc/etcd/old.yml\n")
    _append(hosts[0], f"{folder}/20-nice.conf", "[Service]\nNice=-5\nMemoryMax=2G\n")
    hosts[1].run("systemctl mask etcd.service")
    said = stack.refused()
    assert f"etcd-1: {folder}/10-old.conf sets Environment= (ETCD_CONFIG_FILE) for etcd.service" in said
    assert "20-nice.conf" not in said
    assert "etcd-2: etcd.service is masked" in said
    assert "etcd-3: " not in said
    assert untouched(hosts[0]) and untouched(hosts[2])
    hosts[0].run(f"rm {folder}/10-old.conf; systemctl daemon-reload")
    hosts[1].run("systemctl unmask etcd.service")
    stack.up()
    assert hosts[0].run("ps -o ni= -C etcd").stdout.strip() == "-5"
    pids = stack.pids()
    # A member that runs as wanted goes on, and another is repaired meanwhile.
    _append(hosts[0], f"{folder}/10-old.conf", "[Service]\nExecStartPre=/bin/false\n")
    hosts[2].run("systemctl stop etcd")
    done = stack.up()
    assert f"{folder}/10-old.conf sets ExecStartPre= for etcd.service" in done.stdout
    assert "its next start is refused" in done.stdout
    assert {**stack.pids(), "etcd-3": 0} == {**pids, "etcd-3": 0}
    # A roll would start it anew.
    stack.config["etcd"] = {"snapshot-count": "20000"}
    assert f"etcd-1: {folder}/10-old.conf sets ExecStartPre= for etcd.service" in stack.refused()
    assert stack.pids()["etcd-1"] == pids["etcd-1"]
    hosts[0].run(f"rm {folder}/10-old.conf")
    stack.up()
    assert stack.preview("--expect-no-changes").returncode == 0
    # A stopped member that would form a cluster of its own is not started, and no other member is touched.
    hosts[1].run("mkdir -p /srv/own; chown etcd /srv/own; systemctl stop etcd")
    _append(hosts[1], "/etc/etcd/own.yml", "name: own\ndata-dir: /srv/own\n")
    own = "[Service]\nEnvironment=ETCD_CONFIG_FILE=/etc/etcd/own.yml\nReadWritePaths=/srv/own\n"
    _append(hosts[1], f"{folder}/own.conf", own)
    pids = stack.pids()
    assert pids["etcd-2"] == 0
    for said in (stack.preview().stdout, stack.refused()):
        assert f"etcd-2: {folder}/own.conf sets Environment= (ETCD_CONFIG_FILE), ReadWritePaths=" in said
        assert "for etcd.service" in said
    assert stack.pids() == pids and hosts[1].run("ls -A /srv/own").stdout == ""
    hosts[1].run(f"rm {folder}/own.conf /etc/etcd/own.yml")
    stack.up()
    assert {**stack.pids(), "etcd-2": 0} == pids
    assert [member["healthy"] for member in stack.output("members")] == [True] * 3
    assert stack.preview("--expect-no-changes").returncode == 0


@pytest.mark.long
def test_a_peer_port_that_a_firewall_closes_is_named_before_any_host_is_touched(
    fresh: MakeHosts, make_stack: MakeStack
) -> None:
    hosts = fresh(3)
    hosts[1].run(
        "nft add table inet fence && nft add chain inet fence in '{ type filter hook input priority 0 ; }' && "
        "nft add rule inet fence in iifname eth0 tcp dport 2380 drop"
    )
    stack = make_stack(hosts)
    before = [inventory(host) for host in hosts]
    done = stack.preview()
    assert done.returncode != 0
    for said in (done.stdout, stack.refused()):
        for node in ("etcd-1", "etcd-3"):
            place = f"{hosts[1].address}:2380, where etcd-2 is to serve its peers"
            assert f"{node}: it cannot reach {place}: no answer within 5 s" in said
        assert "Let the hosts reach each other at TCP port 2380 (firewall, security group, routes)" in said
        assert "etcd-2: it has" not in said
    assert [inventory(host) for host in hosts] == before
    hosts[1].run("nft delete table inet fence")
    assert stack.preview().returncode == 0
    stack.up()
    assert [member["healthy"] for member in stack.output("members")] == [True] * 3


@pytest.mark.long
def test_sshd_that_lets_one_session_run_and_sudo_that_wants_a_terminal(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    hosts = fresh(3)
    for host in hosts:
        _append(host, "/etc/ssh/sshd_config.d/few.conf", "MaxSessions 1\n")
        host.run("systemctl restart ssh")
        host.wait_for_ssh()
    _append(hosts[1], "/etc/sudoers.d/terminal", "Defaults:ops requiretty\n")
    stack = make_stack(hosts)
    stack.config["ssh"]["user"] = "ops"
    said = stack.refused()
    assert f"etcd-2: sudo on {hosts[1].address} runs only on a terminal" in said
    assert "Defaults:ops !requiretty" in said
    assert "etcd-1: " not in said and "NOPASSWD" not in said
    hosts[1].run("rm /etc/sudoers.d/terminal")
    stack.up()
    assert [member["healthy"] for member in stack.output("members")] == [True, True, True]
    _rolls_one_at_a_time(stack, tools, measure)
