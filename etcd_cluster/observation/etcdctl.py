"""`etcdctl` on a host, with the running version's own binary and the cluster's own client certificate."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.observation.facts import ListedMember, MemberStatus, Place, parse_members, parse_status
from etcd_cluster.observation.query import words
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.specs.paths import Layout
from etcd_cluster.ssh.session import Result, Session

_RUN = 'exec "$@"'
_SECONDS = 10
# etcdctl's own default. It tries a member that is down again and again for as long as it may.
SECONDS_IF_DOWN = 5


def command(layout: Layout, endpoints: Sequence[str], *arguments: str) -> list[str]:
    """Return the arguments of an `etcdctl` call as root on a node."""
    return _call(_wanted(layout), endpoints, *arguments)


def _wanted(layout: Layout) -> Place:
    return Place(layout.config_dir, layout.bin_dir, layout.install_dir, f"{layout.bin_dir}/etcdctl")


def _call(place: Place, endpoints: Sequence[str], *arguments: str) -> list[str]:
    return [
        place.etcdctl,
        f"--endpoints={','.join(endpoints)}",
        f"--cacert={place.bundle or f'{place.config_dir}/current/client-ca.pem'}",
        f"--cert={place.config_dir}/certificates/current/etcdctl.pem",
        f"--key={place.config_dir}/certificates/current/etcdctl-key.pem",
        *arguments,
    ]


def command_line(layout: Layout, endpoints: Sequence[str]) -> str:
    """Return a line to paste on a node, to which a subcommand is added."""
    return shlex.join(command(layout, endpoints))


class Etcdctl:
    """`etcdctl` on one host, against its own member or against given endpoints.

    `place` is where that member is set up now; without it, the member is taken to be where it is wanted.
    """

    def __init__(self, session: Session, member: Member, seconds: int, place: Place | None = None) -> None:
        self._session = session
        self._member = member
        self._seconds = seconds
        self._place = place or _wanted(member.layout)

    async def run(
        self, *arguments: str, endpoints: Sequence[str] = (), check: bool = True, limit: int = _SECONDS
    ) -> Result:
        """Run one subcommand; raises `ClusterError` with etcdctl's words when it fails and `check` is set.

        etcdctl gives up after `limit` seconds.
        """
        asked = endpoints or [self._place.endpoint or self._member.local_url]
        limits = ["--dial-timeout=3s", f"--command-timeout={min(self._seconds, limit)}s"]
        call = _call(self._place, asked, *limits, *arguments)
        return await self._session.run(_RUN, *call, seconds=self._seconds, check=check)

    async def json(self, *arguments: str, endpoints: Sequence[str] = (), limit: int = _SECONDS) -> Any:
        """Run a subcommand with `-w json` and return its answer, None where it gave none."""
        return (await self.ask(*arguments, endpoints=endpoints, limit=limit))[0]

    async def ask(self, *arguments: str, endpoints: Sequence[str] = (), limit: int = _SECONDS) -> tuple[Any, Result]:
        """Run a subcommand with `-w json`; return its answer, None where it gave none, and what the command left."""
        result = await self.run("-w", "json", *arguments, endpoints=endpoints, check=False, limit=limit)
        try:
            return json.loads(result.stdout), result
        except json.JSONDecodeError:
            return None, result

    async def status(self) -> MemberStatus:
        """Return the own member's status; raises `ClusterError` when it does not answer."""
        answer, result = await self.ask("endpoint", "status")
        status = parse_status(answer)
        if status is None:
            raise ClusterError(
                Problem(
                    Reason.QUERY_FAILED,
                    self._member.name,
                    f"etcdctl has no answer of its member ({words(result.stderr) or 'no reason told'})",
                    "Look at `journalctl -u etcd` on it",
                )
            )
        return status

    async def members(self) -> tuple[ListedMember, ...]:
        """Return the member list; raises `ClusterError` when there is no answer."""
        members = parse_members(await self.json("member", "list"))
        if not members:
            raise ClusterError(
                Problem(
                    Reason.MEMBER_LIST_MISSING,
                    self._member.name,
                    "its member does not tell the member list",
                    "Run `pulumi up` again",
                )
            )
        return members
