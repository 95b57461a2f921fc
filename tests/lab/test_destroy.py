"""What destroy removes and keeps, and how what it kept is used again."""

import json
from pathlib import Path

import pytest

from dev import releases
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import untouched
from tests.lab.outside import Client
from tests.lab.traces import inventory

pytestmark = pytest.mark.lab

DATA = ("/var/lib/etcd", "user etcd:", "group etcd:")


def test_destroy_leaves_no_trace_but_data_and_up_resumes_it(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path
) -> None:
    hosts = fresh(2)
    before = {host.name: inventory(host) for host in hosts}
    stack = make_stack(hosts)
    stack.up()
    assert [member["healthy"] for member in stack.output("members")] == [True, True]
    cluster_id, ids = stack.output("cluster_id"), {member["id"] for member in stack.output("members")}
    Client(stack, tools).put("kept", "over destroy")

    stack.destroy()
    first = {}
    for host in hosts:
        first[host.name] = inventory(host)
        more, less = first[host.name] - before[host.name], before[host.name] - first[host.name]
        accounts = {f"/etc/{name} holds" for name in ("passwd", "group", "shadow", "gshadow")}
        changed = {line for line in more | less if " ".join(line.split()[:2]) not in accounts}
        assert [line for line in changed if not line.startswith(DATA)] == []
        assert host.run("ls /var/lib/etcd/member").stdout.split() == ["snap", "wal"]

    stack.up()
    assert stack.output("cluster_id") == cluster_id
    assert {member["id"] for member in stack.output("members")} == ids
    assert Client(stack, tools).get("kept") == "over destroy"

    stack.config["purge_data_on_destroy"] = True
    stack.up()
    stack.destroy()
    for host in hosts:
        assert host.run("ls -A /var/lib/etcd").stdout == ""
        # the account was there when the second `up` came, and nothing tells who had made it
        assert not (inventory(host) & {line for line in first[host.name] if line.startswith("/var/lib/etcd/")})


def test_a_user_and_directories_that_were_there_before_stay(fresh: MakeHosts, make_stack: MakeStack) -> None:
    (host,) = fresh(1)
    host.run("groupadd etcd; useradd -g etcd -d /srv/etcd -m etcd; mkdir -p /opt/etcd /etc/etcd; touch /opt/etcd/mine")
    before = inventory(host)
    stack = make_stack([host], purge_data_on_destroy=True)
    stack.up()
    stack.destroy()
    assert inventory(host) ^ before == set()


def test_a_protected_cluster_is_not_destroyed_and_a_purged_one_leaves_no_trace(
    fresh: MakeHosts, make_stack: MakeStack
) -> None:
    (host,) = fresh(1)
    before_all = inventory(host)
    stack = make_stack([host], protect_cluster=True)
    stack.up()
    before, resources = stack.pids(), json.loads(stack.export())["deployment"]["resources"]
    done = stack.run("destroy", "--yes", "--skip-preview", seconds=120)
    assert done.returncode != 0
    assert "protect" in done.stdout
    assert stack.pids() == before
    assert [each["urn"] for each in json.loads(stack.export())["deployment"]["resources"]] == [
        each["urn"] for each in resources
    ]
    stack.config |= {"protect_cluster": False, "purge_data_on_destroy": True}
    stack.up()
    assert stack.pids() == before
    stack.destroy()
    assert inventory(host) ^ before_all == set()


@pytest.mark.long
def test_a_purge_takes_the_snapshots_that_were_saved_before_an_upgrade(fresh: MakeHosts, make_stack: MakeStack) -> None:
    (host,) = fresh(1)
    before, new = inventory(host), "3.7.3"
    releases.ensure(new)
    stack = make_stack([host], purge_data_on_destroy=True)
    stack.up()
    stack.config["version"] = new
    assert "Saved a snapshot on etcd-1: /var/lib/etcd-snapshots/etcd-" in stack.up().stdout
    assert len(host.run("ls /var/lib/etcd-snapshots").stdout.split()) == 1
    stack.destroy()
    assert inventory(host) ^ before == set()


@pytest.mark.long
def test_hosts_that_are_gone_for_good_are_given_up_although_the_quorum_is_gone_too(
    fresh: MakeHosts, make_stack: MakeStack
) -> None:
    hosts = fresh(3)
    stack = make_stack(hosts)
    stack.up()
    for host in hosts[1:]:
        host.kill()
    done = stack.run("destroy", "--yes", "--skip-preview", seconds=200)
    assert done.returncode != 0 and "destroy: nothing was stopped" in done.stdout
    stack.config["abandon_unreachable"] = True
    stack.up("--target", "**index:Rollout::**", "--target", "**index:Host::**")
    done = stack.destroy()
    assert all(f"etcd-{number} cannot be reached, so all of this stays on it" in done.stdout for number in (2, 3))
    assert untouched(hosts[0])


@pytest.mark.long
def test_data_of_two_clusters_is_refused(fresh: MakeHosts, make_stack: MakeStack) -> None:
    hosts = fresh(2)
    for number, host in enumerate(hosts):
        stack = make_stack([host], f"one-{number}")
        stack.up()
        stack.destroy()
    both = make_stack(hosts, "both")
    said = both.refused()
    assert "holds data of cluster" in said
    assert "etcd-1: " in said or "etcd-2: " in said
    assert set(both.pids().values()) == {0}
    for host in hosts:
        assert host.run("test ! -e /etc/etcd", check=False).returncode == 0


def test_data_on_one_of_two_hosts_never_becomes_a_new_cluster(fresh: MakeHosts, make_stack: MakeStack) -> None:
    old, empty = fresh(2)
    first = make_stack([old], "first")
    first.up()
    first.destroy()
    wal = "cd /var/lib/etcd/member/wal && sha256sum *.wal"
    before = old.run(wal).stdout
    both = make_stack([old, empty], "both")
    said = both.refused()
    assert "etcd-2: it has no data" in said
    assert set(both.pids().values()) == {0}
    assert old.run(wal).stdout == before
