"""Hosts that are gone, wiped or moved, while a client writes from outside; the tests share one cluster of three."""

from pathlib import Path

import pytest

from dev.lab.hosts import Host
from dev.lab.system import until
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack, untouched
from tests.lab.outside import Client, Writer

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def stack(fresh_for_module: MakeHosts, make_module_stack: MakeStack) -> Stack:
    made = make_module_stack(fresh_for_module(3), deadlines={"connect": 4})
    made.up()
    return made


def _ids(stack: Stack) -> dict[str, str]:
    return {each["name"]: each["id"] for each in stack.output("members")}


def _put_on(stack: Stack, node: str, host: Host) -> None:
    """Give a node another host in the settings."""
    stack.hosts[node] = host
    stack.config["nodes"][node] = {"address": host.address}


def _is_whole(stack: Stack, cluster_id: str) -> None:
    """Check that three voters serve, that they are still this cluster, and that the `up` left nothing to do."""
    members = stack.output("members")
    assert [(each["name"], each["healthy"], each["is_learner"]) for each in members] == [
        (name, True, False) for name in ("etcd-1", "etcd-2", "etcd-3")
    ]
    assert stack.output("cluster_id") == cluster_id
    assert stack.cluster_ids() == {cluster_id}
    assert 0 not in stack.pids().values()
    assert stack.preview("--expect-no-changes").returncode == 0


def _others(pids: dict[str, int], node: str) -> dict[str, int]:
    return {name: pid for name, pid in pids.items() if name != node}


def test_a_node_whose_host_is_gone_gets_a_new_one(
    stack: Stack, fresh_for_module: MakeHosts, tools: Path, measure: Measure
) -> None:
    (new,) = fresh_for_module(1)
    cluster_id, ids, pids = stack.output("cluster_id"), _ids(stack), stack.pids()
    with Writer(Client(stack, tools)) as writer:
        stack.hosts["etcd-3"].kill()
        _put_on(stack, "etcd-3", new)
        said = stack.up().stdout
        measure("host of one of 3 gone and replaced", writer)
    assert f"Remove member etcd-3 ({ids['etcd-3']})" in said
    _is_whole(stack, cluster_id)
    assert _ids(stack)["etcd-3"] != ids["etcd-3"]
    assert _others(stack.pids(), "etcd-3") == _others(pids, "etcd-3")
    writer.served_all(Client(stack, tools))


@pytest.mark.long
def test_a_member_that_answers_gives_way_to_an_empty_host_only_where_that_is_confirmed(
    stack: Stack, fresh_for_module: MakeHosts, tools: Path, measure: Measure
) -> None:
    (new,) = fresh_for_module(1)
    cluster_id, ids, pids, old = stack.output("cluster_id"), _ids(stack), stack.pids(), stack.hosts["etcd-2"]
    _put_on(stack, "etcd-2", new)
    said = stack.refused()
    assert f"etcd-2: its address is new and has no data, but the old member {ids['etcd-2']} still answers" in said
    assert "switch the old host off first" in said
    assert untouched(new)
    with Writer(Client(stack, tools)) as writer:
        stack.config["nodes"]["etcd-2"]["replaces"] = ids["etcd-2"]
        stack.up()
        measure("one of 3 is replaced by a new host", writer)
    _is_whole(stack, cluster_id)
    del stack.config["nodes"]["etcd-2"]["replaces"]
    assert _others(stack.pids(), "etcd-2") == _others(pids, "etcd-2")
    assert untouched(old)
    writer.served_all(Client(stack, tools))


@pytest.mark.long
def test_a_wiped_disk_is_confirmed_by_the_id_of_the_member_that_is_given_up(
    stack: Stack, tools: Path, measure: Measure
) -> None:
    cluster_id, ids, pids = stack.output("cluster_id"), _ids(stack), stack.pids()
    host, node = stack.hosts["etcd-1"], stack.config["nodes"]["etcd-1"]
    with Writer(Client(stack, tools)) as writer:
        host.run("systemctl kill -s KILL etcd; systemctl stop etcd; rm -rf /var/lib/etcd/*")
        said = stack.refused()
        assert f"etcd-1: it is member {ids['etcd-1']}, but its disk has no data" in said
        assert f'`nodes.etcd-1.replaces: "{ids["etcd-1"]}"`' in said
        node["replaces"] = ids["etcd-2"]
        assert f"etcd-1: it is member {ids['etcd-1']}, but its disk has no data" in stack.refused()
        assert host.run("ls -A /var/lib/etcd").stdout == ""
        node["replaces"] = ids["etcd-1"]
        said = stack.up().stdout
        measure("disk of one of 3 wiped, the member replaced", writer)
    assert f"Remove member etcd-1 ({ids['etcd-1']})" in said
    _is_whole(stack, cluster_id)
    assert _others(stack.pids(), "etcd-1") == _others(pids, "etcd-1")
    writer.served_all(Client(stack, tools))
    del node["replaces"]
    assert "etcd-1" not in stack.up().stdout.partition("Diagnostics:")[2].partition("Outputs:")[0]
    assert stack.pids()["etcd-2"] == pids["etcd-2"]


@pytest.mark.long
def test_a_member_that_somebody_removed_joins_again(stack: Stack, tools: Path, measure: Measure) -> None:
    cluster_id, ids, pids = stack.output("cluster_id"), _ids(stack), stack.pids()
    client = Client(stack, tools)
    with Writer(client) as writer:
        client.run("member", "remove", ids["etcd-2"], endpoints=[f"https://{stack.hosts['etcd-1'].address}:2379"])
        said = stack.up().stdout
        measure("one of 3 removed by hand joins again", writer)
    assert "Add etcd-2 as a learner" in said
    _is_whole(stack, cluster_id)
    assert stack.hosts["etcd-2"].run("ls -d /var/lib/etcd/removed-*/wal").stdout.count("\n") == 1
    assert _others(stack.pids(), "etcd-2") == _others(pids, "etcd-2")
    writer.served_all(client)


@pytest.mark.long
def test_a_node_moves_to_another_host_with_its_data(
    stack: Stack, fresh_for_module: MakeHosts, tools: Path, measure: Measure
) -> None:
    (new,) = fresh_for_module(1)
    cluster_id, ids, old = stack.output("cluster_id"), _ids(stack), stack.hosts["etcd-2"]
    with Writer(Client(stack, tools)) as writer:
        old.run("systemctl disable --now etcd")
        packed = old.run("tar -C /var/lib -c etcd | base64 -w 0").stdout
        new.run("base64 -d | tar -C /var/lib -x", stdin=packed)
        old.kill()
        _put_on(stack, "etcd-2", new)
        said = stack.up().stdout
        measure("one of 3 moved to another host with its data", writer)
    assert "Tell the cluster the new address of etcd-2" in said
    _is_whole(stack, cluster_id)
    assert _ids(stack) == ids
    writer.served_all(Client(stack, tools))


@pytest.mark.long
def test_a_host_that_was_given_another_address_stays_the_same_member(
    stack: Stack, tools: Path, measure: Measure
) -> None:
    cluster_id, ids, pids = stack.output("cluster_id"), _ids(stack), stack.pids()
    host = stack.hosts["etcd-1"]
    address = host.address.rpartition(".")[0] + ".200"
    with Writer(Client(stack, tools)) as writer:
        host.run(
            'sed -i "s|^Address=$1/24|Address=$2/24|" /etc/systemd/network/10-lab.network; '
            "networkctl reload; networkctl reconfigure eth0",
            args=[host.address, address],
        )
        assert until(lambda: f" {address}/" in host.run("ip -4 addr show eth0").stdout, 10)
        stack.config["nodes"]["etcd-1"] = {"address": address, "ssh": {"host_key": host.host_key}}
        said = stack.up().stdout
        measure("host of one of 3 given another address", writer)
    assert "Restart etcd-1 at its new peer URL" in said
    _is_whole(stack, cluster_id)
    assert _ids(stack) == ids
    assert _others(stack.pids(), "etcd-1") == _others(pids, "etcd-1")
    assert f"https://{address}:2379" in stack.output("endpoints")
    writer.served_all(Client(stack, tools))
