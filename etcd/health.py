"""The health of a cluster: a linearizable answer from every member, asked for with `etcdctl` on one of the hosts."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from etcd.errors import ClusterError, Problem
from etcd.etcdctl import SECONDS_IF_DOWN, Etcdctl
from etcd.member import Member
from etcd.observation import hexadecimal
from etcd.ssh import Address, Pool, as_text

_PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class MemberHealth:
    """One member as the check saw it; `db_size` in bytes, `id` in hexadecimal, all empty where it did not answer."""

    name: str
    id: str
    endpoint: str
    healthy: bool
    version: str = ""
    db_size: int = 0
    is_leader: bool = False
    is_learner: bool = False
    raft_term: int = 0
    raft_index: int = 0
    error: str = ""

    def outputs(self) -> dict[str, Any]:
        """Return the member as a stack output."""
        return asdict(self)


async def check(addresses: Mapping[str, Address], members: Mapping[str, Member], seconds: int) -> list[MemberHealth]:
    """Ask once; raises `ClusterError` when no host can be reached to ask from."""
    pool = Pool()
    try:
        return await _ask(pool, addresses, members, seconds)
    finally:
        await pool.close()


async def wait(addresses: Mapping[str, Address], members: Mapping[str, Member], seconds: int) -> list[MemberHealth]:
    """Ask until all members are healthy; raises `ClusterError` that names those that are not after `seconds`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    pool = Pool()
    try:
        while True:
            seen = await _ask(pool, addresses, members, seconds)
            sick = [member for member in seen if not member.healthy]
            if not sick:
                return seen
            if loop.time() > deadline:
                raise ClusterError(
                    *(
                        Problem(
                            member.name,
                            f"{member.endpoint} gives no linearizable answer after {seconds} s ({member.error})",
                            f"Look at `journalctl -u etcd` on {member.name}",
                        )
                        for member in sick
                    )
                )
            await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        await pool.close()


async def _ask(
    pool: Pool, addresses: Mapping[str, Address], members: Mapping[str, Member], seconds: int
) -> list[MemberHealth]:
    problems: list[Problem] = []
    for name, member in members.items():
        try:
            session = await pool.session(name, addresses[name])
        except ClusterError as error:
            problems += error.problems
            continue
        etcdctl = Etcdctl(session, member, seconds)
        endpoints = [each.client_url for each in members.values()]
        health, status = await asyncio.gather(
            etcdctl.json("endpoint", "health", endpoints=endpoints, limit=SECONDS_IF_DOWN),
            etcdctl.json("endpoint", "status", endpoints=endpoints, limit=SECONDS_IF_DOWN),
        )
        return [
            _member(each, _by_endpoint(health, "endpoint"), _by_endpoint(status, "Endpoint"))
            for each in members.values()
        ]
    raise ClusterError(*problems)


def _by_endpoint(answer: Any, key: str) -> dict[str, Any]:
    return {entry[key]: entry for entry in answer} if isinstance(answer, list) else {}


def _member(member: Member, health: Mapping[str, Any], status: Mapping[str, Any]) -> MemberHealth:
    url = member.client_url
    answer = health.get(url, {})
    healthy = bool(answer.get("health"))
    error = "" if healthy else str(answer.get("error") or "no answer")
    if url not in status:
        return MemberHealth(member.name, "", url, healthy, error=error)
    seen = status[url]["Status"]
    header = seen["header"]
    return MemberHealth(
        name=member.name,
        id=hexadecimal(header["member_id"]),
        endpoint=url,
        healthy=healthy,
        version=seen.get("version", ""),
        db_size=int(seen.get("dbSize", 0)),
        is_leader=seen.get("leader", 0) == header["member_id"],
        is_learner=bool(seen.get("isLearner", False)),
        raft_term=int(seen.get("raftTerm", 0)),
        raft_index=int(seen.get("raftIndex", 0)),
        error=error,
    )


def summary(members: list[MemberHealth]) -> dict[str, Any]:
    """Return the outputs that follow from the members: leader, version and whether all is well."""
    leaders = [member for member in members if member.is_leader]
    versions = sorted({member.version for member in members if member.version})
    return {
        "members": [member.outputs() for member in members],
        "leader": {"name": leaders[0].name, "endpoint": leaders[0].endpoint}
        if leaders
        else {"name": "", "endpoint": ""},
        "version": as_text(versions) if versions else "",
        "healthy": all(member.healthy for member in members),
    }
