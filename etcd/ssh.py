"""SSH to the hosts: one verified connection each, and commands whose secrets travel on stdin only."""

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import asyncssh

from etcd import commands
from etcd.errors import ClusterError, Problem, Unreachable, WrongHostKey

# sshd's MaxSessions is 10 by default; two stay free for a person who looks around
_SESSIONS_PER_HOST = 8
_KEEPALIVE_SECONDS = 15
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class Address:
    """How to reach and verify one SSH server; `host_key` None accepts any key and reports it."""

    host: str
    port: int
    user: str
    private_key: str | None
    passphrase: str | None
    agent: bool
    host_key: str | None
    sudo: bool
    connect_seconds: int
    bastion: "Address | None" = None

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any]) -> Self:
        """Read the shape that `connection_inputs` of the settings writes."""
        bastion = inputs.get("bastion")
        return cls(
            host=inputs["host"],
            port=int(inputs["port"]),
            user=inputs["user"],
            private_key=inputs.get("private_key"),
            passphrase=inputs.get("passphrase"),
            agent=bool(inputs.get("agent")),
            host_key=inputs.get("host_key"),
            sudo=bool(inputs.get("sudo")),
            connect_seconds=int(inputs["connect_seconds"]),
            bastion=cls.from_inputs(bastion) if bastion else None,
        )


@dataclass(frozen=True)
class Result:
    """What a finished command left: its exit status, and both outputs as text."""

    status: int
    stdout: str
    stderr: str


class Session:
    """A connection to one host; several commands may run on it at once."""

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
        self._connection = connection
        self._slots = asyncio.Semaphore(_SESSIONS_PER_HOST)

    @property
    def host_key(self) -> str:
        """The key that the server showed, as `TYPE BASE64`."""
        key = self._connection.get_server_host_key()
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
                # asyncssh ends the standard input only after it has written something
                source = {"input": stdin} if stdin else {"stdin": asyncssh.DEVNULL}
                done = await self._connection.run(command, encoding=None, check=False, **source)
        except TimeoutError:
            raise ClusterError(
                Problem(
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
            raise ClusterError(Problem(self.node, words.rstrip("."), "Mend it on the host and run `pulumi up` again"))
        return result

    def _broken(self, words: str) -> Unreachable:
        return Unreachable(
            Problem(
                self.node,
                f"the connection to {self.address.host} broke in the middle of a command ({words})",
                "Check the host and the network; the next `pulumi up` goes on from what it finds",
            )
        )

    async def close(self) -> None:
        """Close the connection, and the one to the bastion that it goes through."""
        for connection in (self._connection, self._bastion):
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
    """The connections of one process: one a host, and an unreachable host stays so for the whole run."""

    def __init__(self) -> None:
        self._sessions: dict[Address, asyncio.Task[Session]] = {}

    async def session(self, node: str, address: Address) -> Session:
        """Return the connection to `address`, made at the first call; raises `Unreachable` or `ClusterError`."""
        task = self._sessions.get(address)
        if task is None:
            task = asyncio.ensure_future(connect(node, address))
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


def stale_agent() -> str | None:
    """Return the value of `SSH_AUTH_SOCK` when it names no live socket.

    pulumi-command dials it even where a private key is given, and fails each command when it cannot
    (pulumi-command 1.2.1, remote/connection.go:131-145).
    """
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        return None
    import socket

    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.settimeout(2)
        probe.connect(path)
    except OSError:
        return path
    finally:
        probe.close()
    return None


async def connect(node: str, address: Address) -> Session:
    """Connect to one host through its bastion, if any, and verify its key."""
    tunnel = await _open(f"{node} (bastion)", address.bastion, None) if address.bastion else None
    try:
        return Session(node, address, await _open(node, address, tunnel), tunnel)
    except ClusterError:
        if tunnel:
            tunnel.close()
        raise


async def _open(
    node: str, address: Address, tunnel: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHClientConnection:
    where = f"{address.user}@{address.host}:{address.port}"
    options: dict[str, Any] = {
        "port": address.port,
        "username": address.user,
        "config": None,
        "known_hosts": None,
        "client_keys": None,
        "agent_path": os.environ.get("SSH_AUTH_SOCK") if address.agent else None,
        "preferred_auth": "publickey",
        "connect_timeout": address.connect_seconds,
        "login_timeout": address.connect_seconds,
        "keepalive_interval": _KEEPALIVE_SECONDS,
        "tunnel": tunnel,
    }
    if address.private_key:
        options["client_keys"] = [asyncssh.import_private_key(address.private_key, address.passphrase)]
    if address.host_key:
        key = asyncssh.import_public_key(address.host_key)
        options["known_hosts"] = ([key], [], [])
        options["server_host_key_algs"] = [key.algorithm.decode()]
    try:
        async with asyncio.timeout(address.connect_seconds):
            return await asyncssh.connect(address.host, **options)
    except asyncssh.HostKeyNotVerifiable:
        raise WrongHostKey(_changed_key(node, where)) from None
    except asyncssh.KeyExchangeFailed as error:
        if address.host_key:
            raise WrongHostKey(_changed_key(node, where)) from None
        raise Unreachable(_refused(node, where, str(error))) from None
    except asyncssh.PermissionDenied:
        raise ClusterError(
            Problem(
                node,
                f"{where} refused the key",
                "Put the public half of `ssh.private_key` into that user's authorized_keys, or set `ssh.user`",
            )
        ) from None
    except TimeoutError:
        raise Unreachable(_refused(node, where, f"no answer within {address.connect_seconds} s")) from None
    except (asyncssh.Error, OSError) as error:
        raise Unreachable(_refused(node, where, _words(error))) from None


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        # asyncio puts its own words into `strerror`
        return os.strerror(error.errno).lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _refused(node: str, where: str, words: str) -> Problem:
    return Problem(
        node,
        f"cannot connect to {where}: {words}",
        "Check that the host is on, that sshd listens there, and the node's `address` and `ssh` settings",
    )


def _changed_key(node: str, where: str) -> Problem:
    return Problem(
        node,
        f"{where} shows another host key than the one that is pinned; somebody may be in between",
        "If the host was installed anew, compare the key on its console and update `host_key` or known_hosts",
    )


def as_text(sequence: Sequence[str]) -> str:
    """Join names for a sentence: `a, b and c`."""
    names = list(sequence)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
