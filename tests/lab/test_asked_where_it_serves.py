"""Members that cannot be asked, and members whose port or directories change: nothing restarts by mistake."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack, started
from tests.lab.outside import Client, Writer

pytestmark = pytest.mark.lab

# What root asks on the loopback address ends at sshd; peers and clients use the other address of the host.
_DIVERT = (
    "nft add table ip asked && nft add chain ip asked out '{ type nat hook output priority -100 ; }' && "
    "nft add rule ip asked out ip daddr 127.0.0.1 tcp dport 2379 redirect to :22"
)


def one_after_the_other(stack: Stack, pids: dict[str, int]) -> None:
    """Check that every member was restarted, each after the one before was ready."""
    assert not [node for node, pid in stack.pids().items() if pid in (0, pids[node])]
    times = sorted(started(host) for host in stack.hosts.values())
    for earlier, later in pairwise(times):
        assert later[0] > earlier[1]


@pytest.mark.long
def test_members_are_asked_where_they_serve_and_left_alone_where_they_cannot_be_asked(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    hosts = fresh(3)
    stack = make_stack(hosts)
    stack.up()
    client, pids = Client(stack, tools), stack.pids()

    with Writer(client) as writer:
        for host in hosts:
            host.run(_DIVERT)
        stack.config["etcd"] = {"heartbeat-interval": "300", "election-timeout": "3000"}
        for said in (stack.preview().stdout, stack.refused()):
            assert "etcdctl cannot ask it" in said and "does not look like a TLS handshake" in said
            assert "start etcd-" not in said and "journalctl" not in said
        assert stack.pids() == pids
        hosts[0].run("nft delete table ip asked")
        hosts[2].run("nft delete table ip asked")
        said = stack.refused()
        assert "etcd-2: etcd runs on it, but etcdctl cannot ask it" in said and "etcd-1: etcd" not in said
        assert stack.pids() == pids
        hosts[1].run("nft delete table ip asked")
        stack.up()
        one_after_the_other(stack, pids)
        assert measure("rolled once it can be asked", writer) < 1

    pids = stack.pids()
    with Writer(client) as writer:
        stack.config["paths"] = {"config_dir": "/etc/elsewhere", "bin_dir": "/opt/tools"}
        stack.up()
        one_after_the_other(stack, pids)
        assert measure("configuration and binary directories moved", writer) < 1
        assert stack.preview("--expect-no-changes").returncode == 0
    writer.served_all(client)

    pids = stack.pids()
    stack.config["client_port"] = 12379
    stack.up()
    one_after_the_other(stack, pids)
    assert stack.preview("--expect-no-changes").returncode == 0
    assert [each["healthy"] for each in stack.output("members")] == [True] * 3
