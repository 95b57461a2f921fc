"""Logging in to a host over SSH, and why it did not work: one message with the real cause."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncssh

from etcd_cluster.errors import ClusterError, Problem, Unreachable, WrongHostKey
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.address import Address
from etcd_cluster.ssh import agent, dial

Say = Callable[[str], Awaitable[None]]

_KEEPALIVE_SECONDS = 15
_QUIET_SECONDS = 5.0
# A penalty (PerSourcePenalties, OpenSSH 9.8) of one failed login is over by then, and so is a rush of logins.
_TURNED_AWAY_SECONDS = 45.0
_AGAIN_SECONDS = 3.0
_GREETING_SECONDS = 5.0
# What sshd says before it hangs up on a source, instead of its version (sshd.c, drop_connection)
_TURNED_AWAY = re.compile(r"not allowed at this time|exceeded (per-source )?maxstartups", re.IGNORECASE)


class _Progress(asyncssh.SSHClient):
    """How far a connection came."""

    def __init__(self) -> None:
        self.connection: asyncssh.SSHClientConnection | None = None
        self.was_hung_up = False

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Keep the connection."""
        self.connection = conn

    @property
    def was_greeted(self) -> bool:
        """Whether an SSH server told its version."""
        return bool(self.connection and self.connection.get_extra_info("server_version"))

    @property
    def has_keys(self) -> bool:
        """Whether the key exchange was done."""
        return bool(self.connection and self.connection.get_server_host_key())


async def log_in(
    node: str, address: Address, tunnel: asyncssh.SSHClientConnection | None, say: Say | None = None
) -> asyncssh.SSHClientConnection:
    """Connect to one server and verify its key; `tunnel` is the connection to its bastion.

    Raises `Unreachable`, `WrongHostKey` or `ClusterError`. A server that turns this machine away for a while is asked
    again. `say` takes what is waited for, if it takes more than a few seconds.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + _TURNED_AWAY_SECONDS
    while True:
        progress = _Progress()
        try:
            async with _said(
                say, f"{node}: waiting for the login at {address.where}, {address.connect_seconds} s at most"
            ):
                return await _attempt(node, address, tunnel, progress)
        except Unreachable:
            if progress.was_hung_up and progress.was_greeted:
                await _raise_for_other_key(node, address, tunnel, progress)
                raise
            words = await _greeting(address, tunnel) if progress.was_hung_up else ""
            if not _TURNED_AWAY.search(words):
                raise
        if clock() > until:
            raise ClusterError(_turned_away(node, address, words))
        if say:
            await say(
                f"{node}: waiting for sshd at {address.where}, which turns this machine away for now ({words}), "
                f"{_TURNED_AWAY_SECONDS:.0f} s at most"
            )
            say = None
        await asyncio.sleep(_AGAIN_SECONDS)


@contextlib.asynccontextmanager
async def _said(say: Say | None, words: str) -> AsyncIterator[None]:
    """Say `words` if the block takes more than a few seconds."""

    async def later() -> None:
        await asyncio.sleep(_QUIET_SECONDS)
        if say:
            await say(words)

    task = asyncio.create_task(later())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _attempt(
    node: str, address: Address, tunnel: asyncssh.SSHClientConnection | None, progress: _Progress
) -> asyncssh.SSHClientConnection:
    where, seconds = address.where, address.connect_seconds
    try:
        async with asyncio.timeout(seconds), _keys(node, address) as keys:
            return await asyncssh.connect(
                address.host, client_factory=lambda: progress, tunnel=tunnel, client_keys=keys, **_options(address)
            )
    except asyncssh.HostKeyNotVerifiable:
        raise WrongHostKey(_changed_key(node, where)) from None
    except asyncssh.KeyExchangeFailed as error:
        if common := re.match(r"No matching (.+) algorithm found, sent (.+) and received (.+)", str(error)):
            raise ClusterError(_no_common(node, where, *common.groups())) from None
        if address.host_key:
            raise WrongHostKey(_changed_key(node, where)) from None
        raise Unreachable(_refused(node, where, str(error))) from None
    except asyncssh.PermissionDenied:
        raise ClusterError(await _key_refused(node, address)) from None
    except asyncssh.ChannelOpenError as error:
        if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
            raise ClusterError(_not_forwarded(node, address)) from None
        raise Unreachable(_refused(node, where, _words(error))) from None
    except TimeoutError:
        raise Unreachable(_late(node, address, progress)) from None
    except (asyncssh.Error, OSError) as error:
        if "too many authentication failures" in str(error).lower():
            raise ClusterError(await _key_refused(node, address)) from None
        if "timeout expired" in str(error).lower():
            raise Unreachable(_late(node, address, progress)) from None
        progress.was_hung_up = progress.connection is not None
        raise Unreachable(_refused(node, where, _words(error))) from None


@contextlib.asynccontextmanager
async def _keys(node: str, address: Address) -> AsyncIterator[list[Any] | None]:
    """Return the keys to offer. asyncssh asks no agent where it is given no keys, so it is asked here."""
    if address.private_key:
        yield [asyncssh.import_private_key(address.private_key, address.passphrase)]
    elif address.agent:
        async with agent.opened(address.agent_key) as keys:
            if not keys:
                raise ClusterError(await _key_refused(node, address))
            yield list(keys)
    else:
        yield None


def _options(address: Address) -> dict[str, Any]:
    """Return what asyncssh gets; nothing of this account's own SSH settings takes part."""
    options: dict[str, Any] = {
        "port": address.port,
        "username": address.user,
        "config": None,
        "known_hosts": None,
        "agent_path": None,
        "preferred_auth": "publickey",
        "connect_timeout": address.connect_seconds,
        "login_timeout": address.connect_seconds,
        "keepalive_interval": _KEEPALIVE_SECONDS,
    }
    if address.host_key:
        key = asyncssh.import_public_key(address.host_key)
        options["known_hosts"] = ([key], [], [])
        options["server_host_key_algs"] = [key.algorithm.decode()]
    return options


async def _greeting(address: Address, tunnel: asyncssh.SSHClientConnection | None) -> str:
    """Return the first line that the server sends, its version or why it hangs up; empty if none comes."""
    try:
        async with asyncio.timeout(_GREETING_SECONDS):
            if tunnel:
                reader, writer = await tunnel.open_connection(
                    address.host, address.port, encoding="utf-8", errors="replace"
                )
                line = str(await reader.readline())
                writer.close()
                return line.strip()
            stream, sink = await asyncio.open_connection(address.host, address.port)
            raw = await stream.readline()
            sink.close()
            return raw.decode(errors="replace").strip()
    except (asyncssh.Error, OSError, TimeoutError, ValueError):
        return ""


async def _raise_for_other_key(
    node: str, address: Address, tunnel: asyncssh.SSHClientConnection | None, progress: _Progress
) -> None:
    """Raise where the server hung up for want of a host key of the pinned type: OpenSSH does not say so itself."""
    if not address.host_key or progress.has_keys:
        return
    try:
        async with asyncio.timeout(address.connect_seconds):
            key = await asyncssh.get_server_host_key(address.host, address.port, tunnel=tunnel, config=None)
    except (asyncssh.Error, OSError, TimeoutError):
        return
    if key and key.export_public_key("openssh").split()[:2] != address.host_key.encode().split()[:2]:
        raise WrongHostKey(_changed_key(node, address.where))


async def _key_refused(node: str, address: Address) -> Problem:
    if not address.agent:
        return Problem(
            Reason.LOGIN_REFUSED,
            node,
            f"{address.where} refused the key",
            "Put the public half of `ssh.private_key` into that user's authorized_keys, or set `ssh.user`",
        )
    return agent.refusal(node, address.where, await agent.held(), address.agent_key)


def _late(node: str, address: Address, progress: _Progress) -> Problem:
    where, seconds = address.where, address.connect_seconds
    if progress.was_greeted:
        return Problem(
            Reason.LOGIN_TIMED_OUT,
            node,
            f"sshd at {where} answers, but the login did not end within {seconds} s",
            "Raise `deadlines.connect`, or look at what logins wait for there: its load, UseDNS, PAM",
        )
    if progress.connection:
        return _refused(node, where, f"it takes connections, but no answer within {seconds} s came from sshd")
    return _refused(node, where, f"no answer within {seconds} s")


def _not_forwarded(node: str, address: Address) -> Problem:
    bastion = address.bastion.where if address.bastion else "the bastion"
    return Problem(
        Reason.LOGIN_REFUSED,
        node,
        f"{bastion} does not forward connections to {address.host}:{address.port}",
        "Allow it in the bastion's sshd_config (AllowTcpForwarding, PermitOpen), and in its authorized_keys",
    )


def _turned_away(node: str, address: Address, words: str) -> Problem:
    return Problem(
        Reason.LOGIN_REFUSED,
        node,
        f"sshd at {address.where} turns this machine away ({words}): too many logins at once (MaxStartups), or "
        "logins of this machine that failed before (PerSourcePenalties)",
        "Wait some minutes, or name this machine in its PerSourcePenaltyExemptList, then run `pulumi up` again",
    )


def _no_common(node: str, where: str, kind: str, ours: str, theirs: str) -> Problem:
    return Problem(
        Reason.LOGIN_REFUSED,
        node,
        f"this program and sshd at {where} have no {kind} algorithm in common; it offers {_listed(theirs)}",
        f"Allow one of these in its sshd_config: {_listed(ours)}",
    )


def _listed(names: str) -> str:
    return ", ".join(re.split(r"[\s,]+", names.strip()))


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        # asyncio puts its own words into `strerror`
        return os.strerror(error.errno).lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _refused(node: str, where: str, words: str) -> Problem:
    if dial.is_unknown_name(words):
        return Problem(
            Reason.HOST_UNREACHABLE,
            node,
            f"cannot connect to {where}: {words}",
            f"If only the hosts know it, set `nodes.{node}.ssh.host` to an address that this machine reaches; "
            "otherwise correct the name, or `ssh.bastion.host` if it is the bastion's",
        )
    return Problem(
        Reason.HOST_UNREACHABLE,
        node,
        f"cannot connect to {where}: {words}",
        "Check that the host is on, that sshd listens there, and the node's `address` and `ssh` settings",
    )


def _changed_key(node: str, where: str) -> Problem:
    return Problem(
        Reason.HOST_KEY_MISMATCH,
        node,
        f"{where} shows another host key than the one that is pinned; somebody may be in between",
        "If the host was installed anew, compare the key on its console and update `host_key` or known_hosts",
    )
