"""One command over an SSH connection, with the results and faults of the command plugin 1.2.1."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncssh
from asyncssh.channel import SSHClientChannel
from asyncssh.packet import String

from dev.standins.command.go_text import quote
from dev.standins.resource_plugin.plugin import OperationError

_WINDOW = 2 << 20
_PACKET = 32 << 10
_CHUNK = 32 << 10


class RefusedVariableError(Exception):
    """The server does not accept an environment variable; the argument is its name."""


@dataclass
class Result:
    """What a command wrote."""

    stdout: str
    stderr: str
    # Pieces in order of arrival, each with the name of its stream.
    chunks: list[tuple[str, bytes]]

    def lines(self, *streams: str) -> list[str]:
        """Return the lines of some streams together, as they arrived."""
        joined = b"".join(data for name, data in self.chunks if name in streams).decode(errors="replace")
        return [line.removesuffix("\r") for line in joined.removesuffix("\n").split("\n")] if joined else []


class _Channel(SSHClientChannel[bytes]):
    """A channel that asks for each variable whether the server took it; asyncssh's own does not."""

    def request_variables(self, required: dict[str, str], optional: dict[str, str]) -> None:
        self._required = required
        self._optional = optional
        self.refused: list[str] = []

    async def _make_request(self, request: bytes, *arguments: bytes) -> bool | None:
        if request == b"exec":
            for name, value in {**self._required, **self._optional}.items():
                if not await super()._make_request(b"env", String(name), String(value)):
                    if name in self._required:
                        raise RefusedVariableError(name)
                    self.refused.append(name)
        return await super()._make_request(request, *arguments)


class _Session(asyncssh.SSHClientSession[bytes]):
    """Collects what the command writes, in order of arrival."""

    def __init__(self) -> None:
        self.chunks: list[tuple[str, bytes]] = []
        self.status: int | None = None
        self.signal: str | None = None
        self.reason = ""
        self.closed = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.chunks.append(("stderr" if datatype else "stdout", data))

    def exit_status_received(self, status: int) -> None:
        self.status = status

    def exit_signal_received(self, signal: str, _core: bool, message: str, _language: str) -> None:
        self.signal, self.reason = signal, message

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed.set()
        self.writable.set()

    def text(self, *streams: str) -> str:
        return b"".join(data for name, data in self.chunks if name in streams).decode(errors="replace")


@dataclass
class Command:
    """A command with its input and environment; `optional` variables may be refused."""

    text: str
    stdin: str
    required: dict[str, str]
    optional: dict[str, str]


async def run(connection: asyncssh.SSHClientConnection, command: Command) -> tuple[Result, list[str]]:
    """Run a command to its end and return what it wrote and the optional variables that were refused.

    Raises `RefusedVariableError`, and `OperationError` in the real plugin's words when the command fails. There is no
    time limit: the real one has none.
    """
    # The variables' replies are only to be had below the public API; the constructor's arguments are those of
    # asyncssh.SSHClientConnection.create_session.
    channel: Any = _Channel(connection, asyncio.get_running_loop(), "strict", None, "strict", _WINDOW, _PACKET)
    channel.request_variables(command.required, command.optional)
    session = _Session()
    try:
        await channel.create(
            lambda: session, command.text, None, {}, False, None, (0, 0, 0, 0), {}, False, None, None, False, False
        )
    except asyncssh.ChannelOpenError as error:
        raise OperationError(f"ssh: command {quote(command.text)} failed") from error
    except (asyncssh.Error, OSError) as error:
        raise OperationError(f"ssh: {error}") from error
    unread = not await _feed(channel, session, command.stdin.encode())
    await session.closed.wait()
    problem = _problem(session) or ("EOF" if unread else "")
    if problem:
        raise OperationError(f"{problem}: running {quote(command.text)}:\n{session.text('stdout', 'stderr')}")
    stdout, stderr = (session.text(name).removesuffix("\n") for name in ("stdout", "stderr"))
    return Result(stdout, stderr, session.chunks), channel.refused


async def _feed(channel: Any, session: _Session, data: bytes) -> bool:
    """Write standard input; false if the command ended before it was all sent."""
    for start in range(0, len(data), _CHUNK):
        await session.writable.wait()
        if session.closed.is_set() or channel.is_closing():
            return False
        try:
            channel.write(data[start : start + _CHUNK])
        except (OSError, asyncssh.Error):
            return False
    while channel.get_write_buffer_size():
        if session.closed.is_set():
            return False
        await session.writable.wait()
        await asyncio.sleep(0)
    if not channel.is_closing():
        channel.write_eof()
    return True


def _problem(session: _Session) -> str:
    """Return the failure as Go's client words it, or nothing."""
    if session.signal is not None:
        reason = f". Reason was: {session.reason}" if session.reason else ""
        number = _SIGNALS.get(session.signal, 0)
        return f"Process exited with status {128 + number} from signal {session.signal}{reason}"
    if session.status is None:
        return "wait: remote command exited without exit status or exit signal"
    return f"Process exited with status {session.status}" if session.status else ""


_SIGNALS = {"ABRT": 6, "ALRM": 14, "FPE": 8, "HUP": 1, "ILL": 4, "INT": 2, "KILL": 9, "PIPE": 13}
_SIGNALS |= {"QUIT": 3, "SEGV": 11, "TERM": 15}
