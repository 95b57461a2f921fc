"""SSH connections as the command plugin 1.2.1 makes them, with its defaults, its retries and its faults.

Line numbers in comments are those of pulumi-command v1.2.1, provider/pkg/provider/remote/connection.go.
"""

import asyncio
import os
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncssh

from dev.standins.resource_plugin.plugin import OperationError
from dev.standins.resource_plugin.schema import Field

_BASE = {
    "host": Field(required=True),
    "user": Field(default="root"),
    "port": Field("number", default=22),
    "password": Field(secret=True),
    "privateKey": Field(secret=True),
    "privateKeyPassword": Field(secret=True),
    "agentSocketPath": Field(),
    "dialErrorLimit": Field("integer", default=10),
    "perDialTimeout": Field("integer", default=15),
    "hostKey": Field(),
}
CONNECTION = {**_BASE, "proxy": Field("object", fields=_BASE)}

Result = TypeVar("Result")


class Dialler:
    """Dials for one operation: until it works, the limit is reached, or the operation is cancelled or out of time."""

    def __init__(
        self, timeout: float, cancelled: asyncio.Event, report: Callable[[str], Awaitable[None]], agent: str | None
    ) -> None:
        """Take the operation's time in seconds (0 is none), its cancellation, its log and the default agent socket."""
        self._deadline = asyncio.get_running_loop().time() + timeout if timeout > 0 else None
        self._cancelled = cancelled
        self._report = report
        self._agent = agent

    async def connect(self, connection: dict[str, Any]) -> asyncssh.SSHClientConnection:
        """Return a connection to the host, through the proxy if one is set."""
        options = await self._options(connection)
        limit = int(connection["dialErrorLimit"])
        proxy = connection.get("proxy")
        if proxy is None:
            return await self._retry("Dial", limit, lambda: _dial(connection, options))
        try:
            proxy_options = await self._options(proxy)
            proxy_limit = int(proxy["dialErrorLimit"])
            outer = await self._retry("Dial proxy", proxy_limit, lambda: _dial(proxy, proxy_options))
            return await self._retry("Dial from proxy", limit, lambda: _dial_through(outer, connection, options))
        except OperationError as error:
            raise OperationError(f"proxy: {error}") from error

    async def _retry(self, what: str, limit: int, dial: Callable[[], Awaitable[Result]]) -> Result:
        """Dial up to `limit` + 1 times, -1 for ever; pauses grow from 0.1 s by half each time, up to 5 s (:150-187)."""
        pause, failed = 0.1, 0
        while True:
            try:
                return await dial()
            except OperationError as error:
                failed += 1
                if -1 < limit < failed:
                    raise OperationError(f"after {failed - 1} failed attempts: {error}") from error
            await self._report(f"{what} {failed}/{'inf' if limit == -1 else limit} failed: retrying")
            await self._pause(pause)
            pause = min(pause * 1.5, 5.0)

    async def _pause(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        late = self._deadline is not None and loop.time() + seconds >= self._deadline
        if late and self._deadline is not None:
            seconds = max(self._deadline - loop.time(), 0.0)
        try:
            await asyncio.wait_for(self._cancelled.wait(), seconds)
        except TimeoutError:
            if late:
                raise OperationError("context deadline exceeded") from None
            return
        raise OperationError("context canceled")

    async def _options(self, connection: dict[str, Any]) -> dict[str, Any]:
        """Return asyncssh's options. Mistakes in them fail at once, without a retry (:86-148)."""
        options: dict[str, Any] = {
            "username": connection["user"],
            "config": [],
            "known_hosts": None,
            "client_keys": None,
            "agent_path": None,
            "gss_host": None,
            "password": connection.get("password"),
            "preferred_auth": "publickey,password,keyboard-interactive",
            # The real plugin bounds the TCP connect only; a peer that accepts and says nothing holds it for ever.
            "login_timeout": 0,
        }
        if (host_key := connection.get("hostKey")) is not None:
            key = _host_key(host_key)
            options["known_hosts"] = ([key], [], [])
            # Only the key's own type is offered, so an RSA key fails with today's servers (:94).
            options["server_host_key_algs"] = [key.algorithm.decode()]
        if (private_key := connection.get("privateKey")) is not None:
            options["client_keys"] = [_private_key(private_key, connection.get("privateKeyPassword"))]
        if agent := connection.get("agentSocketPath") or self._agent:
            await _try_agent(agent)
            # With a private key the agent is dialled but never asked: Go's client uses one publickey method only.
            if private_key is None:
                options["agent_path"] = agent
        if options["client_keys"] is None and options["agent_path"] is None:
            options["client_keys"] = []
            options["public_key_auth"] = False
        return options


def _host_key(text: str) -> asyncssh.SSHKey:
    line = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    # "host ssh-ed25519 AAAA…" parses too: what comes before the type is taken for options.
    found = re.search(r"(ssh-\S+|ecdsa-\S+|sk-\S+)\s+\S+", line)
    try:
        return asyncssh.import_public_key(found.group(0) if found else "")
    except asyncssh.KeyImportError:
        raise OperationError("failed to parse host key: ssh: no key found") from None


def _private_key(text: str, passphrase: str | None) -> asyncssh.SSHKey:
    if "BEGIN ENCRYPTED PRIVATE KEY" in text:
        # Go's client knows OpenSSH's encryption, not that of PKCS#8.
        reason = 'unsupported key type "ENCRYPTED PRIVATE KEY"' if passphrase is None else "not an encrypted key"
        raise OperationError(f"ssh: {reason}")
    try:
        return asyncssh.import_private_key(text, passphrase)
    except asyncssh.KeyEncryptionError:
        raise OperationError("x509: decryption password incorrect") from None
    except asyncssh.KeyImportError as error:
        if "bcrypt" in str(error):
            raise OperationError(
                "the lab's stand-in needs the Python package bcrypt for a private key with a passphrase"
            ) from None
        if passphrase is None and "passphrase" in str(error).lower():
            raise OperationError("ssh: this private key is passphrase protected") from None
        raise OperationError("ssh: no key found") from None


async def _try_agent(path: str) -> None:
    """Dial the agent's socket; a stale one fails the resource, key or no key (:131-145)."""
    try:
        _reader, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise OperationError(f"dial unix {path}: connect: {_lower(error)}") from error
    writer.close()


async def _dial(connection: dict[str, Any], options: dict[str, Any]) -> asyncssh.SSHClientConnection:
    host, port = connection["host"], int(connection["port"])
    opened = await _tcp(host, port, float(connection["perDialTimeout"]))
    return await _handshake(lambda: asyncssh.connect(host, port, sock=opened, **options), options, opened)


async def _dial_through(
    outer: asyncssh.SSHClientConnection, connection: dict[str, Any], options: dict[str, Any]
) -> asyncssh.SSHClientConnection:
    host, port = connection["host"], int(connection["port"])
    return await _handshake(lambda: asyncssh.connect(host, port, tunnel=outer, **options), options)


async def _handshake(
    connect: Callable[[], Awaitable[asyncssh.SSHClientConnection]],
    options: dict[str, Any],
    opened: socket.socket | None = None,
) -> asyncssh.SSHClientConnection:
    try:
        return await connect()
    except (asyncssh.Error, OSError, ValueError) as error:
        if opened is not None:
            opened.close()
        raise OperationError(_explain(error, options)) from error


# Go's words for the reasons of RFC 4254, 5.1.
_REJECTIONS = {
    1: "administratively prohibited",
    2: "connect failed",
    3: "unknown channel type",
    4: "resource shortage",
}


def _methods(options: dict[str, Any]) -> list[str]:
    """Return the ways to authenticate that are tried."""
    found = ["publickey"] if options["client_keys"] or options["agent_path"] else []
    return [*found, "password", "keyboard-interactive"] if options["password"] else found


def _explain(error: Exception, options: dict[str, Any]) -> str:
    """Return what Go's client says for the same failure."""
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return "ssh: handshake failed: ssh: host key mismatch"
    if isinstance(error, asyncssh.PermissionDenied):
        tried = " ".join(["none", *_methods(options)])
        return (
            "ssh: handshake failed: ssh: unable to authenticate, "
            f"attempted methods [{tried}], no supported methods remain"
        )
    # Which of these comes first depends on the server.
    no_common_key = (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError)
    if isinstance(error, no_common_key) and (offered := options.get("server_host_key_algs")):
        return f"ssh: handshake failed: ssh: no common algorithm for host key; we offered: [{' '.join(offered)}]"
    if isinstance(error, asyncssh.ChannelOpenError):
        return f"ssh: rejected: {_REJECTIONS.get(error.code, error.code)} ({error.reason})"
    if isinstance(error, asyncssh.ConnectionLost):
        return "ssh: handshake failed: EOF"
    return f"ssh: handshake failed: {error}"


async def _tcp(host: str, port: int, timeout: float) -> socket.socket:  # noqa: ASYNC109  the plugin's own setting
    """Open a TCP connection within `timeout` seconds (0 is none), with Go's keepalive of 15 s, nine times."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout or None):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            last: OSError | None = None
            for family, kind, protocol, _name, address in found:
                opened = socket.socket(family, kind, protocol)
                opened.setblocking(False)
                try:
                    await loop.sock_connect(opened, address)
                except OSError as error:
                    opened.close()
                    last = error
                    continue
                except asyncio.CancelledError:
                    opened.close()
                    raise
                for option, value in (("KEEPIDLE", 15), ("KEEPINTVL", 15), ("KEEPCNT", 9)):
                    opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{option}"), value)
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                return opened
    except TimeoutError:
        raise OperationError(f"dial tcp {where}: i/o timeout") from None
    except socket.gaierror as error:
        raise OperationError(f"dial tcp: lookup {host}: no such host") from error
    raise OperationError(f"dial tcp {where}: connect: {_lower(last)}") from last


def _lower(error: OSError | None) -> str:
    if error is None:
        return "no address"
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)
