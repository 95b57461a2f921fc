"""Copies of a member's disk on another host, as a cloned machine has them, are never started beside the member."""

from pathlib import Path

import pytest

from dev.lab.hosts import Host
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack, main_pid, untouched
from tests.lab.outside import Client, Writer

pytestmark = [pytest.mark.lab, pytest.mark.long]

_DATA = "var/lib/etcd"
_ALL = f"{_DATA} etc/etcd etc/systemd/system/etcd.service opt/etcd usr/local/bin/etcd usr/local/bin/etcdctl"


def _copy(old: Host, new: Host, paths: str) -> None:
    """Copy paths of a running member, which may change under the hands of tar (its exit status 1)."""
    packed = old.run(f"{{ tar -C / -c {paths} || [ $? -eq 1 ]; }} | base64 -w 0").stdout
    new.run("useradd --system --no-create-home --shell /usr/sbin/nologin etcd")
    new.run("base64 -d | tar -C / -x", stdin=packed)


def _put_on(stack: Stack, node: str, host: Host) -> None:
    stack.hosts[node] = host
    stack.config["nodes"][node] = {"address": host.address}


def test_a_copy_is_refused_while_the_others_see_the_member(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path
) -> None:
    *hosts, new = fresh(4)
    stack = make_stack(hosts)
    stack.up()
    old, ids = stack.hosts["etcd-2"], {each["name"]: each["id"] for each in stack.output("members")}
    client = Client(stack, tools)
    with Writer(client) as writer:
        _copy(old, new, _DATA)
        _put_on(stack, "etcd-2", new)
        said = stack.refused()
    assert (
        f"etcd-2: it holds the data of member {ids['etcd-2']}, which still answers at https://{old.address}:2380"
        in said
    )
    assert untouched(new)
    assert main_pid(old)
    writer.served_all(client)


def test_a_clone_of_the_only_member_is_refused_until_that_one_is_stopped(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path
) -> None:
    old, new = fresh(2)
    stack = make_stack([old])
    stack.up()
    members = stack.output("members")
    client = Client(stack, tools)
    _copy(old, new, _ALL)
    client.put("written", "after the copy")
    _put_on(stack, "etcd-1", new)
    said = stack.refused()
    assert f"etcd-1: it holds the data of member {members[0]['id']}, which still answers at its former address" in said
    assert not main_pid(new)
    assert main_pid(old)

    old.run("systemctl disable --now etcd")
    new.run("rm -rf /var/lib/etcd/member")
    packed = old.run(f"tar -C / -c {_DATA} | base64 -w 0").stdout
    new.run("base64 -d | tar -C / -x", stdin=packed)
    stack.up()
    assert [each["id"] for each in stack.output("members")] == [members[0]["id"]]
    assert Client(stack, tools).get("written") == "after the copy"
    assert stack.preview("--expect-no-changes").returncode == 0
