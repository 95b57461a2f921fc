"""Data and WAL directories that move: one member at a time, while a client writes from outside."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import started
from tests.lab.outside import Client, Writer

pytestmark = pytest.mark.lab


@pytest.mark.long
def test_data_and_wal_move_to_other_disks_one_member_at_a_time(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    hosts = fresh(3)
    for host in hosts:
        host.disk("/srv/wal", 512)
    stack = make_stack(hosts)
    stack.up()
    client, ids = Client(stack, tools), [each["id"] for each in stack.output("members")]

    def move(what: str, **paths: str) -> None:
        leader, pids = stack.output("leader")["name"], stack.pids()
        stack.config["paths"] = paths
        said = stack.up().stdout
        measure(what, writer)
        assert said.count("Moving the data of ") >= len(hosts)
        assert not [node for node, pid in stack.pids().items() if pid in (0, pids[node])]
        times = {node: started(host) for node, host in stack.hosts.items()}
        order = sorted(times, key=lambda node: times[node])
        assert order[-1] == leader
        for earlier, later in pairwise(order):
            assert times[later][0] > times[earlier][1]
        assert [(each["id"], each["healthy"]) for each in stack.output("members")] == [(each, True) for each in ids]
        assert stack.preview("--expect-no-changes").returncode == 0

    with Writer(client) as writer:
        move("data directory moved", data_dir="/srv/etcd")
        for host in hosts:
            host.run("test ! -e /var/lib/etcd/member; ls /srv/etcd/member/snap/db /srv/etcd/member/wal/*.wal")
        move("WAL moved to another disk", data_dir="/srv/etcd", wal_dir="/srv/wal")
        for host in hosts:
            host.run("test ! -e /srv/etcd/member/wal; ls /srv/etcd/member/snap/db /srv/wal/wal/*.wal")
        move("both moved back", data_dir="/var/lib/etcd")
        for host in hosts:
            host.run("ls /var/lib/etcd/member/snap/db /var/lib/etcd/member/wal/*.wal; test ! -e /srv/etcd/member")
            assert host.run("stat -c '%U %a' /var/lib/etcd").stdout == "etcd 700\n"
    writer.served_all(client)
