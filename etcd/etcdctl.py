"""`etcdctl` on a host, with the running version's own binary and the cluster's own client certificate."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from etcd.errors import ClusterError, Problem
from etcd.layout import Layout
from etcd.member import Member
from etcd.observation import ListedMember, MemberStatus, parse_members, parse_status
from etcd.ssh import Result, Session

_RUN = 'exec "$@"'
_SECONDS = 10
# etcdctl's own default. It tries a member that is down again and again for as long as it may.
SECONDS_IF_DOWN = 5


def command(layout: Layout, endpoints: Sequence[str], *arguments: str) -> list[str]:
    """Return the arguments of an `etcdctl` call as root on a node."""
    return [
        f"{layout.bin_dir}/etcdctl",
        f"--endpoints={','.join(endpoints)}",
        f"--cacert={layout.active_revision}/client-ca.pem",
        f"--cert={layout.active_certificates}/etcdctl.pem",
        f"--key={layout.active_certificates}/etcdctl-key.pem",
        *arguments,
    ]


def command_line(layout: Layout, endpoints: Sequence[str]) -> str:
    """Return a line to paste on a node, to which a subcommand is added."""
    return shlex.join(command(layout, endpoints))


class Etcdctl:
    """`etcdctl` on one host, against its own member or against given endpoints."""

    def __init__(self, session: Session, member: Member, seconds: int) -> None:
        self._session = session
        self._member = member
        self._seconds = seconds

    async def run(
        self, *arguments: str, endpoints: Sequence[str] = (), check: bool = True, limit: int = _SECONDS
    ) -> Result:
        """Run one subcommand; raises `ClusterError` with etcdctl's words when it fails and `check` is set.

        etcdctl gives up after `limit` seconds.
        """
        asked = endpoints or [self._member.local_url]
        limits = ["--dial-timeout=3s", f"--command-timeout={min(self._seconds, limit)}s"]
        call = command(self._member.layout, asked, *limits, *arguments)
        return await self._session.run(_RUN, *call, seconds=self._seconds, check=check)

    async def json(self, *arguments: str, endpoints: Sequence[str] = (), limit: int = _SECONDS) -> Any:
        """Run a subcommand with `-w json` and return its answer, None where it gave none."""
        result = await self.run("-w", "json", *arguments, endpoints=endpoints, check=False, limit=limit)
        try:
            return json.loads(result.stdout)
        except json.JSONDecodeError:
            return None

    async def status(self) -> MemberStatus:
        """Return the own member's status; raises `ClusterError` when it does not answer."""
        status = parse_status(await self.json("endpoint", "status"))
        if status is None:
            raise ClusterError(
                Problem(self._member.name, "its member does not answer etcdctl", "Look at `journalctl -u etcd` on it")
            )
        return status

    async def members(self) -> tuple[ListedMember, ...]:
        """Return the member list; raises `ClusterError` when there is no answer."""
        members = parse_members(await self.json("member", "list"))
        if not members:
            raise ClusterError(
                Problem(self._member.name, "its member does not tell the member list", "Run `pulumi up` again")
            )
        return members
