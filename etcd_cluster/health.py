"""The health of a cluster: a linearizable answer from every member, asked for with `etcdctl` on one of the hosts."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.observation.etcdctl import SECONDS_IF_DOWN, Etcdctl
from etcd_cluster.observation.facts import hexadecimal, observe
from etcd_cluster.observation.query import Call, Query, by_endpoint, failed, words
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Address, Pool, Result, as_text

_PAUSE_SECONDS = 0.3
# How the error of a member begins that no question has reached; it tells nothing of the member.
UNASKED = "could not be asked from"
_UNASKED_ACTION = (
    "Look there at the environment of root (/etc/environment), at proxies, and at the client certificate and the "
    "etcdctl of this program"
)


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
            host = await _ask(pool, addresses, members, seconds)
            sick = [member for member in host if not member.healthy]
            if not sick:
                return host
            if loop.time() > deadline:
                raise ClusterError(
                    *(
                        Problem(
                            Reason.NOT_SERVING,
                            member.name,
                            *_told(member, seconds),
                        )
                        for member in sick
                    )
                )
            await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        await pool.close()


def _told(member: MemberHealth, seconds: int) -> tuple[str, str]:
    """Return what is wrong with a member and what to do."""
    if member.error.startswith(UNASKED):
        return f"{member.endpoint} {member.error}, for {seconds} s", _UNASKED_ACTION
    what = f"{member.endpoint} gives no linearizable answer after {seconds} s ({member.error})"
    return what, f"Look at `journalctl -u etcd` on {member.name}"


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
        host = await _ask_from(Etcdctl(session, member, seconds), name, members)
        if any(each.error.startswith(UNASKED) for each in host):
            # The member on this host may be set up elsewhere still, and etcdctl with it.
            here = await observe(session, member, "facts", seconds)
            host = await _ask_from(Etcdctl(session, member, seconds, here.place), name, members)
        return host
    raise ClusterError(*problems)


async def _ask_from(etcdctl: Etcdctl, asker: str, members: Mapping[str, Member]) -> list[MemberHealth]:
    endpoints = [each.client_url for each in members.values()]
    (health, left), status = await asyncio.gather(
        etcdctl.ask("endpoint", "health", endpoints=endpoints, limit=SECONDS_IF_DOWN),
        etcdctl.json("endpoint", "status", endpoints=endpoints, limit=SECONDS_IF_DOWN),
    )
    answers, logged = _by_endpoint(health, "endpoint"), by_endpoint(left.stderr)
    host = [_member(each, answers, _by_endpoint(status, "Endpoint")) for each in members.values()]
    return [each if each.healthy else _explained(each, asker, each.endpoint in answers, left, logged) for each in host]


def _explained(
    member: MemberHealth, asker: str, answered: bool, left: Result, logged: Mapping[str, str]
) -> MemberHealth:
    """Return a member that is not healthy with the reason that etcdctl logged, and whether it was asked at all."""
    line = logged.get(member.endpoint.removeprefix("https://"), "") if answered else left.stderr
    said = words(line) or member.error
    if (not answered or line) and failed(Call(left.status, line)) is Query.CANNOT_ASK:
        return replace(member, error=f"{UNASKED} {asker} ({said})")
    return replace(member, error=said)


def _by_endpoint(answer: Any, key: str) -> dict[str, Any]:
    return {entry[key]: entry for entry in answer} if isinstance(answer, list) else {}


def _member(member: Member, health: Mapping[str, Any], status: Mapping[str, Any]) -> MemberHealth:
    url = member.client_url
    answer = health.get(url, {})
    healthy = bool(answer.get("health"))
    error = "" if healthy else str(answer.get("error") or "no answer")
    if url not in status:
        return MemberHealth(member.name, "", url, healthy, error=error)
    host = status[url]["Status"]
    header = host["header"]
    return MemberHealth(
        name=member.name,
        id=hexadecimal(header["member_id"]),
        endpoint=url,
        healthy=healthy,
        version=host.get("version", ""),
        db_size=int(host.get("dbSize", 0)),
        is_leader=host.get("leader", 0) == header["member_id"],
        is_learner=bool(host.get("isLearner", False)),
        raft_term=int(host.get("raftTerm", 0)),
        raft_index=int(host.get("raftIndex", 0)),
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
