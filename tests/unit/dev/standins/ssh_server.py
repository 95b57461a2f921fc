"""An SSH server on loopback that runs commands with the shell, in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from subprocess import PIPE
from typing import Any

import asyncssh
from asyncssh.channel import SSHServerChannel


@dataclass
class SshServer:
    """Where the server listens and what it saw."""

    port: int
    host_key: str
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    variables: list[dict[str, str]] = field(default_factory=list)


class _Session(asyncssh.SSHServer):
    def __init__(self, seen: SshServer) -> None:
        self._seen = seen

    def connection_made(self, _connection: asyncssh.SSHServerConnection) -> None:
        self._seen.connections += 1

    def connection_requested(self, _host: str, _port: int, _origin: str, _origin_port: int) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, _user: str, password: str) -> bool:
        return password == "right"


async def _run(process: asyncssh.SSHServerProcess[bytes], seen: SshServer) -> None:
    command = process.command or ""
    seen.commands.append(command)
    seen.variables.append(dict(process.env))
    if command == "vanish":
        process.get_extra_info("connection").abort()
        return
    child = await asyncio.create_subprocess_exec("sh", "-c", command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert child.stdin is not None and child.stdout is not None and child.stderr is not None
    feeding = asyncio.create_task(_copy(process.stdin, child.stdin, close=True))
    await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
    code = await child.wait()
    feeding.cancel()
    if code < 0:
        process.exit_with_signal({9: "KILL", 15: "TERM"}[-code])
    else:
        process.exit(code)


async def _copy(source: Any, target: Any, *, close: bool = False) -> None:
    """Copy until the end of `source`, or until nobody reads `target`."""
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        if close:
            target.write_eof()
    except OSError:
        return


@contextmanager
def ssh_server(key: asyncssh.SSHKey, client: asyncssh.SSHKey, *, accepts_variables: bool = True) -> Iterator[SshServer]:
    """Serve with host key `key` for anyone with the key `client` or the password "right", until the block ends."""
    seen = SshServer(0, key.export_public_key().decode().strip())
    loop = asyncio.new_event_loop()
    started = threading.Event()
    stopping = asyncio.Event()

    async def serve() -> None:
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[key],
            server_factory=lambda: _Session(seen),
            authorized_client_keys=asyncssh.import_authorized_keys(client.export_public_key().decode()),
            process_factory=lambda process: _run(process, seen),
            encoding=None,
        )
        seen.port = acceptor.get_port()
        started.set()
        await stopping.wait()
        acceptor.close()

    # asyncssh has no setting for what sshd calls AcceptEnv.
    original = SSHServerChannel._process_env_request
    if not accepts_variables:
        SSHServerChannel._process_env_request = lambda _channel, _packet: False
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield seen
    finally:
        SSHServerChannel._process_env_request = original
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
