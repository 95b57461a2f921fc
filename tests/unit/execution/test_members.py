"""Steps around a change of members: who leads hands over before it leaves, who was promoted answers before the next."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.execution import Deadlines, Operations, execute
from etcd_cluster.execution import operations as hands_module
from etcd_cluster.lease import Lease, now
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import Promote, RemoveMember
from etcd_cluster.ssh.session import Result
from tests.unit.samples import listed, member_id, serving, target

AWAY = replace(listed("c"), client_urls=("https://192.0.2.9:2379",))


class Host:
    """Notes what etcdctl is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def run(self, _script: str, *arguments: str, **_: Any) -> Result:
        """Note it."""
        self.asked.append(arguments)
        return Result(0, "", "")


@pytest.mark.parametrize("leader", ["a", "c"])
def test_a_leader_on_no_observed_host_hands_over_before_it_is_removed(leader: str) -> None:
    facts = {name: serving(name, leader, members=(listed("a"), listed("b"), AWAY)) for name in "ab"}
    hosts = {name: Host() for name in "ab"}

    async def say(_: str) -> None:
        """Nobody listens."""

    async def run() -> None:
        deadlines = Deadlines(60, 180, 120, 600, 90, 60)
        ops = Operations(hosts, target("ab"), Lease("run-1", now()), deadlines, None, say, None, facts)  # type: ignore[arg-type]
        await execute(ops, RemoveMember(member_id("c"), "c", None, leader == "c"))

    asyncio.run(run())
    moves = [call for call in hosts["a"].asked if "move-leader" in call]
    if leader == "a":
        assert moves == []
    else:
        (move,) = moves
        assert "--endpoints=https://192.0.2.9:2379" in move and move[-1] == member_id("a")
    assert hosts["a"].asked[-1][-3:] == ("member", "remove", member_id("c"))


def test_a_promoted_member_is_waited_for_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes next counts the voters that answer, or removes the member in whose place this one is."""
    looks = [serving("c", healthy=False), serving("c")]

    async def observe(*_: Any) -> HostFacts:
        return looks.pop(0)

    async def say(_: str) -> None:
        """Nobody listens."""

    async def run() -> None:
        deadlines = Deadlines(60, 180, 120, 600, 90, 60)
        facts = {name: serving(name) for name in "ab"}
        hosts = {name: Host() for name in "abc"}
        ops = Operations(hosts, target(), Lease("run-1", now()), deadlines, None, say, None, facts)  # type: ignore[arg-type]
        await execute(ops, Promote("c", member_id("c")))

    monkeypatch.setattr(hands_module, "observe", observe)
    asyncio.run(run())
    assert looks == []
