"""A roll that one member cannot follow: it stops there, and the member and the member list are as before."""

from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack, main_pid
from tests.lab.outside import Client, Writer

pytestmark = [pytest.mark.lab, pytest.mark.long]


def _listed(client: Client) -> dict[str, str]:
    return {entry["name"]: entry["peerURLs"][0] for entry in client.json("member", "list")["members"]}


def _all_serve(client: Client) -> None:
    assert all(entry["health"] for entry in client.json("endpoint", "health"))


def test_a_roll_stops_where_a_member_cannot_follow(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    stack: Stack = make_stack(fresh(3))
    stack.config["trial_start"] = False
    stack.up()
    client, pids, leader = Client(stack, tools), stack.pids(), stack.output("leader")["name"]
    before = _listed(client)
    followers = set(stack.hosts) - {leader}

    # A port below 1024 needs a capability that the unit does not give: nobody sees that before the first start with it.
    with Writer(client) as writer:
        stack.config["peer_port"] = 883
        said = stack.refused()
    measure("a peer port that cannot be bound", writer)
    writer.served_all(client)
    assert writer.failed == []
    restarted = {node for node, pid in stack.pids().items() if pid != pids[node]}
    assert len(restarted) == 1 and restarted <= followers
    (first,) = restarted
    assert f"{first}: it runs on its former settings again. Correct the settings" in said
    assert "bind: permission denied" in said
    assert _listed(client) == before
    _all_serve(client)
    stack.config["peer_port"] = 9100
    with Writer(client) as writer:
        stack.up()
    measure("a changed peer port", writer)
    assert writer.failed == []
    assert {url.rsplit(":", 1)[1] for url in _listed(client).values()} == {"9100"}
    _all_serve(client)

    # A quota below the database is refused before anything restarts.
    pids = stack.pids()
    stack.config["etcd"] = {"quota-backend-bytes": "1048576"}
    with Writer(client) as writer:
        said = stack.refused()
    assert writer.failed == []
    assert "`etcd.quota-backend-bytes` is 1048576, but its database has" in said
    assert stack.pids() == pids and client.json("alarm", "list").get("alarms") in (None, [])
    del stack.config["etcd"]
    stack.up()
    assert stack.pids() == pids

    # Another account: data and keys go along, one member at a time.
    stack.config["user"], stack.config["group"] = "etcd-other", "etcd-other"
    with Writer(client) as writer:
        stack.up()
    measure("another account", writer)
    assert writer.failed == []
    for host in stack.hosts.values():
        assert host.run(f"stat -c %U /proc/{main_pid(host)} /var/lib/etcd/member").stdout.split() == ["etcd-other"] * 2
    _all_serve(client)
    assert stack.preview("--expect-no-changes").returncode == 0
