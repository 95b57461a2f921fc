"""Members that run although the unit does not tell so: nothing starts, moves or restarts them."""

from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack
from tests.lab.outside import Client, Writer

pytestmark = [pytest.mark.lab, pytest.mark.long]

# As somebody does who wants to see what etcd says; it goes on with the settings of the member.
_BY_HAND = """systemctl stop etcd
systemd-run --quiet --unit=by-hand --uid=etcd --property=EnvironmentFile=/etc/etcd/etcd.env \
	--property=WorkingDirectory=/var/lib/etcd /usr/local/bin/etcd
"""
_NO_ANSWER = """#!/bin/sh
case "$1" in show) echo 'Failed to get properties: Connection timed out' >&2; exit 1 ;; esac
exec /usr/bin/systemctl "$@"
"""
_ALL = ("etcd-1", "etcd-2", "etcd-3")


def _processes(stack: Stack) -> list[str]:
    return [host.run("pgrep -x etcd").stdout.strip() for host in stack.hosts.values()]


def test_members_that_run_outside_the_unit_or_whose_systemd_gives_no_answer_are_left_alone(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    stack = make_stack(fresh(3))
    stack.up()
    client, plain = Client(stack, tools), dict(stack.config)

    systemctl = "/usr/local/sbin/systemctl"
    for host in stack.hosts.values():
        host.run('cat >"$1" && chmod 755 "$1"', stdin=_NO_ANSWER, args=[systemctl])
    stack.config |= {"etcd": {"heartbeat-interval": "300", "election-timeout": "3000"}}
    before = _processes(stack)
    with Writer(client) as writer:
        said = stack.refused()
    assert measure("systemd gives no answer", writer) < 1
    assert all(f"{node}: " in said for node in _ALL) and said.count("systemctl does not tell whether etcd runs") >= 3
    assert _processes(stack) == before
    for host in stack.hosts.values():
        host.run('rm "$1"', args=[systemctl])

    for host in stack.hosts.values():
        host.run(_BY_HAND)
    client.put("by", "hand")
    before = _processes(stack)
    stack.config |= {"client_port": 3379, "peer_port": 3380, "paths": {"data_dir": "/var/lib/etcd-new"}}
    with Writer(client) as writer:
        said = stack.refused()
    assert measure("members that run outside the unit", writer) < 1
    assert all(f"{node}: its data is in use by etcd (pid " in said for node in _ALL)
    assert _processes(stack) == before

    for host in stack.hosts.values():
        host.run("systemctl stop by-hand")
    stack.config = {**plain, "etcd": stack.config["etcd"]}
    assert "Start etcd-1, etcd-2, etcd-3 on the data that is there" in stack.up().stdout
    assert Client(stack, tools).get("by") == "hand"
    assert stack.preview("--expect-no-changes").returncode == 0
