"""Whether hosts reach each other's peer ports, found before a member is started that would wait for the others."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Protocol

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.dial import Way

# SYN is sent again after 1 s and 3 s; a firewall that drops is silent for good.
_SECONDS = 5


class Host(Protocol):
    """A session, as far as it is needed here."""

    async def reach(self, host: str, port: int, seconds: float) -> Way:
        """Try a TCP connection from the host."""


def are_known(facts: Mapping[str, HostFacts]) -> bool:
    """Tell whether there is nothing to try: all hosts have a member, which shows that there are ways."""
    return all(host.bootstrapped or host.is_running for host in facts.values())


async def problems(
    hosts: Mapping[str, Host], members: Mapping[str, Member], facts: Mapping[str, HostFacts]
) -> list[Problem]:
    """Return which hosts do not reach each other; asked are only those on which a member is yet to start."""
    new = {name for name in hosts if not facts[name].bootstrapped and not facts[name].is_running}
    pairs = [pair for pair in itertools.permutations(sorted(hosts), 2) if new & set(pair)]

    async def one(start: str, end: str) -> Problem | None:
        member = members[end]
        return _problem(start, end, member, await hosts[start].reach(member.address, member.peer_port, _SECONDS))

    found = await asyncio.gather(*(one(start, end) for start, end in pairs))
    return [problem for problem in found if problem]


def _problem(start: str, end: str, member: Member, way: Way) -> Problem | None:
    where = f"{member.address}:{member.peer_port}"
    if way is Way.UNKNOWN_NAME:
        return Problem(
            Reason.ADDRESS_UNRESOLVABLE,
            start,
            f"it cannot resolve {member.address}, the address of {end}",
            f"Make the name known to all hosts (DNS, or /etc/hosts), or set `nodes.{end}.address` to an IP address; "
            f"`nodes.{end}.ssh.host` may be what only this machine knows",
        )
    if way in (Way.SILENT, Way.CUT):
        why = f"no answer within {_SECONDS} s" if way is Way.SILENT else "no route to it"
        return Problem(
            Reason.PEER_PORT_UNREACHABLE,
            start,
            f"it cannot reach {where}, where {end} is to serve its peers: {why}",
            f"Let the hosts reach each other at TCP port {member.peer_port} (firewall, security group, routes)",
        )
    return None
