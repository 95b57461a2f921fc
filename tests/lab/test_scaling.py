"""Nodes come and go, one edit and one `up` each, while a client writes from outside."""

from pathlib import Path

import pytest

from dev.lab.hosts import Host
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack, untouched
from tests.lab.outside import Client, Writer

pytestmark = pytest.mark.lab


def _scale(stack: Stack, hosts: dict[str, Host]) -> None:
    """Make the stack's nodes these, and check what must hold right after the `up`."""
    before, gone = stack.pids(), {name: host for name, host in stack.hosts.items() if name not in hosts}
    stack.hosts = dict(hosts)
    stack.config["nodes"] = {name: {"address": host.address} for name, host in hosts.items()}
    stack.up()
    pids = stack.pids()
    assert 0 not in pids.values()
    assert {name: pids[name] for name in before if name in pids} == {
        name: before[name] for name in before if name in pids
    }
    members = stack.output("members")
    assert [(each["name"], each["healthy"], each["is_learner"]) for each in members] == [
        (name, True, False) for name in sorted(hosts)
    ]
    assert stack.cluster_ids() == {stack.output("cluster_id")}
    for host in gone.values():
        assert untouched(host)
        assert host.run("ls /var/lib/etcd").stdout.startswith("removed-")


def _listed(client: Client) -> set[str]:
    members = client.json("member", "list")["members"]
    assert not [each for each in members if each.get("isLearner")]
    return {each["name"] for each in members}


def test_three_become_five_and_three_others_remain(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    hosts = {f"etcd-{number}": host for number, host in enumerate(fresh(5), 1)}
    three = {name: hosts[name] for name in ("etcd-1", "etcd-2", "etcd-3")}
    stack = make_stack(list(three.values()))
    stack.up()
    client = Client(stack, tools)
    with Writer(client) as writer:
        _scale(stack, hosts)
        measure("3 → 5", writer)
        client = Client(stack, tools)
        writer.follow(client)
        assert _listed(client) == set(hosts)
        leader = stack.output("leader")["name"]
        leaving = {"etcd-1", leader if leader != "etcd-1" else "etcd-3"}
        _scale(stack, {name: host for name, host in hosts.items() if name not in leaving})
        measure("5 → 3, without the first and the leader", writer)
    after = Client(stack, tools)
    assert _listed(after) == set(hosts) - leaving
    writer.served_all(after)
    assert stack.preview("--expect-no-changes").returncode == 0


@pytest.mark.long
def test_one_becomes_three_becomes_five_and_goes_back(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    hosts = {f"etcd-{number}": host for number, host in enumerate(fresh(5), 1)}
    stack = make_stack([hosts["etcd-1"]])
    stack.up()

    def to(*numbers: int) -> Client:
        _scale(stack, {f"etcd-{number}": hosts[f"etcd-{number}"] for number in numbers})
        client = Client(stack, tools)
        assert _listed(client) == {f"etcd-{number}" for number in numbers}
        return client

    with Writer(Client(stack, tools)) as writer:
        writer.follow(to(1, 2, 3))
        measure("1 → 3", writer)
        failed = len(writer.failed)
        writer.follow(to(1, 2, 3, 4, 5))
        measure("3 → 5", writer)
        leader = int(stack.output("leader")["name"].removeprefix("etcd-"))
        staying = [number for number in (2, 3, 4, 5) if number != leader][:3]
        writer.follow(to(*staying))
        measure("5 → 3", writer)
        assert len(writer.failed) == failed
        leader = int(stack.output("leader")["name"].removeprefix("etcd-"))
        client = to(next(number for number in staying if number != leader))
        writer.follow(client)
        measure("3 → 1", writer)
    assert writer.refused == []
    writer.verify(client)
    assert stack.preview("--expect-no-changes").returncode == 0
