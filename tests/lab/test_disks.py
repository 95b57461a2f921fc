"""Data and WAL on disks of their own, and a disk that is not mounted at boot."""

from pathlib import Path

import pytest

from dev.lab.system import until
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import main_pid
from tests.lab.outside import Client

pytestmark = pytest.mark.lab


def test_data_and_wal_live_on_disks_of_their_own(fresh: MakeHosts, make_stack: MakeStack, tools: Path) -> None:
    (host,) = fresh(1)
    for path in ("/srv/data", "/srv/wal"):
        host.disk(path, 256)
    stack = make_stack([host], paths={"data_dir": "/srv/data", "wal_dir": "/srv/wal"})
    stack.config["etcd"] = {"quota-backend-bytes": "100000000"}
    stack.up()
    Client(stack, tools).put("on", "disks")
    host.run("ls /srv/wal/wal/*.wal && ls /srv/data/member/snap/db && test ! -e /srv/data/member/wal")
    host.run("mountpoint -q /srv/data && mountpoint -q /srv/wal")
    assert host.run("stat -c '%U %a' /srv/data /srv/wal").stdout == "etcd 700\netcd 700\n"
    assert stack.preview("--expect-no-changes").returncode == 0
    host.reboot()
    assert until(lambda: main_pid(host) != 0, 30)
    stack.up()
    assert Client(stack, tools).get("on") == "disks"
    stack.config["purge_data_on_destroy"] = True
    stack.up()
    stack.destroy()
    host.run("mountpoint -q /srv/data && mountpoint -q /srv/wal")
    assert host.run("ls -A /srv/data /srv/wal | grep -vx lost+found").stdout.split() == ["/srv/data:", "/srv/wal:"]


def test_a_disk_that_is_not_mounted_at_boot_never_becomes_a_new_cluster(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path
) -> None:
    hosts = fresh(3)
    for host in hosts:
        host.disk("/srv/etcd", 256)
    stack = make_stack(hosts, paths={"data_dir": "/srv/etcd"})
    stack.config["etcd"] = {"quota-backend-bytes": "100000000"}
    stack.up()
    client = Client(stack, tools)
    client.put("before", "boot")
    others = {node: pid for node, pid in stack.pids().items() if node != "etcd-3"}

    hosts[2].forget_mount("/srv/etcd")
    hosts[2].reboot()
    refused = "journalctl -u etcd -b --no-pager | grep -c 'Failed\\|failed\\|fatal'"
    assert until(lambda: hosts[2].run(refused, check=False).stdout.strip() not in ("", "0"), 30)
    assert hosts[2].run("test ! -e /srv/etcd/member/wal", check=False).returncode == 0
    client.put("while", "two of three")
    dead = f"https://{hosts[2].address}:2379"
    assert client.run("endpoint", "health", endpoints=[dead], check=False).returncode != 0

    said = stack.refused()
    assert "etcd-3: " in said
    assert "not mounted" in said
    assert "etcd-1: " not in said
    assert {node: pid for node, pid in stack.pids().items() if node != "etcd-3"} == others

    hosts[2].run("umount /srv/etcd 2>/dev/null || :")
    hosts[2].mount("/srv/etcd")
    stack.up()
    assert [member["healthy"] for member in stack.output("members")] == [True] * 3
    assert {node: pid for node, pid in stack.pids().items() if node != "etcd-3"} == others
    assert client.json("get", "while", endpoints=[dead])["count"] == 1
    assert len(client.json("member", "list")["members"]) == 3
