"""SSH to the hosts: verified connections, and commands whose secrets travel on stdin only."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncssh

from etcd_cluster.errors import ClusterError, Problem, Unreachable
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.address import Address
from etcd_cluster.ssh import commands, dial
from etcd_cluster.ssh.dial import Way
from etcd_cluster.ssh.login import Say, log_in

__all__ = ["Address", "Pool", "Result", "Session", "as_text", "connect"]

# sshd's MaxSessions is 10 by default; two stay free for a person who looks around
_SESSIONS_PER_HOST = 8
# Where MaxSessions is less than this, further connections make up for it: the lease is renewed beside a step.
_WANTED_SESSIONS = 4
_GRACE_SECONDS = 5
# How long a session that was closed here may still count for sshd.
_LINGER_SECONDS = 2.0
_LINGER_PAUSE_SECONDS = 0.05
_MOST_CONNECTIONS = 4
_AGAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Result:
    """What a finished command left: its exit status, and both outputs as text."""

    status: int
    stdout: str
    stderr: str


@dataclass(eq=False)
class _Connection:
    """One connection, how many commands run on it, and how many sshd lets run, as far as it is known."""

    ssh: asyncssh.SSHClientConnection
    limit: int = _SESSIONS_PER_HOST
    running: int = 0


class Session:
    """The way to one host; several commands may run on it at once."""

    def __init__(
        self,
        node: str,
        address: Address,
        connection: asyncssh.SSHClientConnection,
        bastion: asyncssh.SSHClientConnection | None = None,
    ) -> None:
        self.node = node
        self._bastion = bastion
        self.address = address
        self._connections = [_Connection(connection)]
        self._slots = asyncio.Semaphore(_SESSIONS_PER_HOST)
        self._freed = asyncio.Event()
        self._further: asyncio.Task[None] | None = None

    @property
    def host_key(self) -> str:
        """The key that the server showed, as `TYPE BASE64`."""
        key = self._connections[0].ssh.get_server_host_key()
        if key is None:
            raise RuntimeError("a connected session always has a host key")
        return " ".join(key.export_public_key("openssh").decode().split()[:2])

    async def run(self, script: str, *arguments: str, stdin: bytes = b"", seconds: int, check: bool = True) -> Result:
        """Run a POSIX shell script as root and return what it left.

        `arguments` become `$1`…; `stdin` is the script's standard input, the only way for secrets. A marker is
        printed first, so that what a login banner or `.bashrc` prints never mixes with the script's output.
        Raises `Unreachable` when the connection breaks, `ClusterError` for a deadline or, with `check`, a failure.
        """
        marker = f"begin-{secrets.token_hex(8)}"
        text = f"umask 077; printf '%s\\n' {marker}; printf '%s\\n' {marker} >&2\n{script}"
        command = commands.script(text, *arguments, seconds=seconds + _GRACE_SECONDS, sudo=self.address.sudo)
        try:
            async with self._slots, asyncio.timeout(seconds):
                done = await self._done(command, stdin)
        except TimeoutError:
            raise ClusterError(
                Problem(
                    Reason.COMMAND_TIMED_OUT,
                    self.node,
                    f"a command on the host did not finish within {seconds} s",
                    "Look at the host's load and disks, then run `pulumi up` again",
                )
            ) from None
        except (asyncssh.Error, OSError) as error:
            raise self._broken(str(error)) from None
        if done.exit_status is None:
            raise self._broken("no exit status came")
        result = Result(done.exit_status, _after(marker, done.stdout), _after(marker, done.stderr))
        if marker.encode() not in _bytes(done.stdout):
            words = result.stderr.strip() or result.stdout.strip()
            user, host = self.address.user, self.address.host
            raise ClusterError(commands.refusal(self.node, user, host, words, sudo=self.address.sudo))
        if check and result.status != 0:
            words = result.stderr.strip() or result.stdout.strip() or f"exit status {result.status}"
            raise ClusterError(
                Problem(
                    Reason.COMMAND_FAILED,
                    self.node,
                    words.rstrip("."),
                    "Fix it on the host, then run `pulumi up` again",
                )
            )
        return result

    async def reach(self, host: str, port: int, seconds: float) -> Way:
        """Return what comes of a TCP connection from the host to another one."""
        return await dial.way(self._connections[0].ssh, host, port, seconds)

    async def _done(self, command: str, stdin: bytes) -> asyncssh.SSHCompletedProcess:
        """Run a command on a connection that has room for it; a session that sshd refuses has run nothing."""
        # asyncssh ends the standard input only after it has written something
        source: dict[str, Any] = {"input": stdin} if stdin else {"stdin": asyncssh.DEVNULL}
        refused_at: float | None = None
        while True:
            async with self._room() as connection:
                try:
                    return await connection.ssh.run(command, encoding=None, check=False, **source)
                except asyncssh.ChannelOpenError:
                    if connection.ssh.is_closed():
                        raise
                    others = connection.running - 1
            now = asyncio.get_running_loop().time()
            if others:
                connection.limit = min(connection.limit, others)
            elif refused_at is None:
                refused_at = now
            elif now - refused_at > _LINGER_SECONDS:
                # What nobody waits for any more may still run there; another connection has room of its own.
                connection.limit, refused_at = 0, None
            if not others:
                await asyncio.sleep(_LINGER_PAUSE_SECONDS)

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[_Connection]:
        """Wait for a connection that takes one more command; where sshd takes few, make another one meanwhile."""
        while (free := next((each for each in self._connections if each.running < each.limit), None)) is None:
            self._grow()
            if not any(each.limit for each in self._connections) and self._further is None:
                raise ClusterError(
                    Problem(
                        Reason.LOGIN_REFUSED,
                        self.node,
                        f"sshd on {self.address.host} opens no session, though the login works",
                        "Raise MaxSessions in its sshd_config to 1 or more, for this account too",
                    )
                )
            self._freed.clear()
            await self._freed.wait()
        free.running += 1
        try:
            yield free
        finally:
            free.running -= 1
            self._freed.set()

    def _grow(self) -> None:
        """Begin to make a further connection, where it is of use."""
        few = sum(each.limit for each in self._connections) < _WANTED_SESSIONS
        if few and self._further is None and len(self._connections) < _MOST_CONNECTIONS:
            self._further = asyncio.ensure_future(self._connect_again())

    async def _connect_again(self) -> None:
        same = replace(self.address, host_key=self.host_key)
        try:
            further = await log_in(self.node, same, self._bastion)
        except ClusterError:
            # The commands wait for each other then; who is refused next tries again.
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            self._connections.append(_Connection(further, self._connections[0].limit or _SESSIONS_PER_HOST))
        finally:
            self._further = None
            self._freed.set()

    def _broken(self, words: str) -> Unreachable:
        return Unreachable(
            Problem(
                Reason.HOST_UNREACHABLE,
                self.node,
                f"the connection to {self.address.host} broke in the middle of a command ({words})",
                "Check the host and the network; the next `pulumi up` goes on from what it finds",
            )
        )

    async def close(self) -> None:
        """Close the connections, and the one to the bastion that they go through."""
        if self._further:
            self._further.cancel()
        for connection in (*(each.ssh for each in self._connections), self._bastion):
            if connection:
                connection.close()
                await connection.wait_closed()


def _bytes(output: object) -> bytes:
    return output if isinstance(output, bytes) else b""


def _after(marker: str, output: object) -> str:
    text = _bytes(output).decode(errors="replace")
    _, found, rest = text.partition(f"{marker}\n")
    return rest if found else text


class Pool:
    """The ways of one process to its hosts: one each, and an unreachable host stays so for the whole run.

    `say`, where it is set, takes what is waited for when a login takes more than a few seconds.
    """

    def __init__(self) -> None:
        self.say: Say | None = None
        self._sessions: dict[Address, asyncio.Task[Session]] = {}

    async def session(self, node: str, address: Address) -> Session:
        """Return the connection to `address`, made at the first call; raises `Unreachable` or `ClusterError`."""
        task = self._sessions.get(address)
        if task is None:
            task = asyncio.ensure_future(connect(node, address, self.say))
            self._sessions[address] = task
        return await asyncio.shield(task)

    async def forget(self, host: str, port: int) -> None:
        """Close what was connected to a server, and forget that it was not reachable: another machine is there now."""
        for address in [each for each in self._sessions if (each.host, each.port) == (host, port)]:
            await self._end(self._sessions.pop(address))

    async def close(self) -> None:
        """Close every connection that was made."""
        for task in self._sessions.values():
            await self._end(task)
        self._sessions.clear()

    @staticmethod
    async def _end(task: "asyncio.Task[Session]") -> None:
        if task.done() and not task.cancelled() and task.exception() is None:
            await task.result().close()


async def connect(node: str, address: Address, say: Say | None = None) -> Session:
    """Connect to one host through its bastion, if any, and verify its key."""
    tunnel = await log_in(f"{node} (bastion)", address.bastion, None, say) if address.bastion else None
    try:
        return Session(node, address, await log_in(node, address, tunnel, say), tunnel)
    except ClusterError:
        if tunnel:
            tunnel.close()
        raise


def as_text(sequence: Sequence[str]) -> str:
    """Join names for a sentence: `a, b and c`."""
    names = list(sequence)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
