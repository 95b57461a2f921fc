"""Directories of the settings that are changed and taken back: members go on, and nothing stays where nobody looks."""

from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack
from tests.lab.interruptions import crash
from tests.lab.outages import Outages
from tests.lab.outside import Client, Writer

pytestmark = [pytest.mark.lab, pytest.mark.long]

NEW = {"config_dir": "/srv/new/etc", "install_dir": "/srv/new/opt", "bin_dir": "/srv/new/bin"}
_LEFT = "ls -d /srv/new 2>/dev/null || :; grep -h '^former ' /etc/etcd/made || :"


def _is_as_before(stack: Stack, tools: Path) -> None:
    assert [(each["name"], each["healthy"]) for each in stack.output("members")] == [(n, True) for n in stack.hosts]
    for node, host in stack.hosts.items():
        assert host.run(_LEFT).stdout == "", node
        assert host.run("readlink -f /usr/local/bin/etcd").stdout == "/opt/etcd/v3.6.16/etcd\n"
    done = stack.preview("--expect-no-changes")
    assert done.returncode == 0, done.stdout
    Client(stack, tools).put("still", "there")


def test_directories_that_are_taken_back_leave_nothing_and_cost_no_write(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path
) -> None:
    stack = make_stack(fresh(3))
    stack.up()
    client = Client(stack, tools)

    # Refused before any member was touched, and taken back: nothing restarts.
    pids = stack.pids()
    stack.config |= {"paths": NEW, "etcd": {"listen-metrics-urls": "http://192.0.2.1:2381"}}
    assert "No member was started or restarted with it" in stack.refused()
    assert all(host.run("test -e /srv/new/etc/owner", check=False).returncode == 0 for host in stack.hosts.values())
    del stack.config["paths"], stack.config["etcd"]
    stack.up()
    assert stack.pids() == pids
    _is_as_before(stack, tools)

    # Interrupted once one member runs in them, and taken back: that one returns, the others never move.
    stack.config["paths"] = NEW
    outages = Outages(stack)
    with Writer(client) as writer:
        crash(stack, "restarted")
        moved = {node for node, pid in stack.pids().items() if pid != pids[node]}
        assert len(moved) == 1
        del stack.config["paths"]
        stack.up()
    writer.served_all(client)
    outages.never_two()
    assert set(outages.nodes()) == moved
    _is_as_before(stack, tools)
