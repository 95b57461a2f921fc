"""An SSH server on loopback in the test's own event loop, which runs what it is told with the shell."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncssh
from asyncssh.process import SSHServerProcess

from etcd_cluster.ssh.session import Address

HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER_KEY = asyncssh.generate_private_key("ssh-ed25519")
LOGIN_KEY = asyncssh.generate_private_key("ssh-ed25519")
_LOGIN_KEY_TEXT = LOGIN_KEY.export_private_key().decode()  # it is another text each time
Process = Any
Behaviour = Callable[["Server", Process], Awaitable[None]]


@dataclass
class Server:
    """Where it listens and what it was asked to run.

    `noise` comes before the output of each command; `environment` is what the login adds to it.
    """

    noise: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    commands: list[str] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)
    open_sessions: int = 0
    most_sessions: int = 0
    refused_sessions: int = 0

    def address(self, **changes: Any) -> Address:
        """Return how to reach it, with its host key pinned."""
        values: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "root",
            "private_key": _LOGIN_KEY_TEXT,
            "passphrase": None,
            "agent": False,
            "host_key": HOST_KEY.export_public_key().decode().strip(),
            "sudo": False,
            "connect_seconds": 5,
        }
        return Address(**{**values, **changes})


async def shell(server: Server, process: Process) -> None:
    """Run the command with the shell, as sshd does."""
    if server.noise:
        process.stdout.write(server.noise.encode())
        process.stderr.write(server.noise.encode())
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        process.command,
        stdin=-1,
        stdout=-1,
        stderr=-1,
        env={"PATH": "/usr/bin:/bin", **server.environment},
    )
    out, err = await child.communicate(await process.stdin.read())
    process.stdout.write(out)
    process.stderr.write(err)
    process.exit(child.returncode or 0)


async def vanish(_server: Server, process: Process) -> None:
    """Cut the connection in the middle of a command, as a host that loses power."""
    process.stdout.write(b"half a line")
    process.get_extra_info("connection").abort()


async def hang(_server: Server, process: Process) -> None:
    """Never answer."""
    await process.stdin.read()
    await asyncio.Event().wait()


@asynccontextmanager
async def serving(
    behaviour: Behaviour = shell,
    noise: str = "",
    environment: dict[str, str] | None = None,
    *,
    most_sessions: int = 10,
    forwards: bool = True,
    **options: Any,
) -> AsyncIterator[Server]:
    """Serve for whoever has `LOGIN_KEY`, also as a bastion, until the block ends.

    Of each connection `most_sessions` may be open at once, as sshd's MaxSessions has it; `options` are asyncssh's.
    """
    server = Server(noise, environment or {})

    class Login(asyncssh.SSHServer):
        def __init__(self) -> None:
            self.sessions = 0

        def connection_made(self, conn: Any) -> None:
            server.connections.append(conn)

        def connection_requested(self, *_: Any) -> bool:
            if not forwards:
                raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed")
            return True

        def session_requested(self) -> Any:
            if self.sessions >= most_sessions:
                server.refused_sessions += 1
                return False
            self.sessions += 1
            return SSHServerProcess(self.handle, None, 3, False)

        async def handle(self, process: Process) -> None:
            server.commands.append(process.command or "")
            server.open_sessions += 1
            server.most_sessions = max(server.most_sessions, server.open_sessions)
            try:
                await behaviour(server, process)
            finally:
                server.open_sessions -= 1
                self.sessions -= 1

    defaults: dict[str, Any] = {"server_host_keys": [HOST_KEY], "encoding": None}
    acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Login,
        authorized_client_keys=asyncssh.import_authorized_keys(LOGIN_KEY.export_public_key().decode()),
        **{**defaults, **options},
    )
    server.port = acceptor.get_port()
    try:
        yield server
    finally:
        acceptor.close()
        for connection in server.connections:
            connection.abort()
