"""A TCP connection that a host's sshd opens for us, to learn whether the host has a way to another."""

import asyncio
from enum import Enum

import asyncssh

_NO_NAME = ("name or service not known", "name resolution", "unknown host", "no address associated", "nodename nor")
_CUT = ("no route to host", "unreachable", "timed out", "prohibited", "permission denied")


class Way(Enum):
    """What came of a connection from one host to another."""

    OPEN = "open"  # answered, or refused by a host on which nothing listens yet
    SILENT = "silent"
    CUT = "cut"
    UNKNOWN_NAME = "unknown name"
    NOT_ASKED = "not asked"  # sshd opens no connections for others, or the connection to it broke


def is_unknown_name(words: str) -> bool:
    """Tell whether an error, in the words of a resolver, says that a name is not known."""
    return any(each in words.lower() for each in _NO_NAME)


async def way(connection: asyncssh.SSHClientConnection, host: str, port: int, seconds: float) -> Way:
    """Try a connection from the far end of `connection` to a host's port, and close it at once."""
    try:
        async with asyncio.timeout(seconds):
            _, writer = await connection.open_connection(host, port, encoding=None)
        writer.close()
    except TimeoutError:
        return Way.SILENT
    except asyncssh.ChannelOpenError as error:
        return _refused(error)
    except (asyncssh.Error, OSError):
        return Way.NOT_ASKED
    return Way.OPEN


def _refused(error: asyncssh.ChannelOpenError) -> Way:
    """Read the reason that sshd gives (serverloop.c, channels.c): the system's own words."""
    if error.code != asyncssh.OPEN_CONNECT_FAILED:
        return Way.NOT_ASKED
    words = error.reason.lower()
    if is_unknown_name(words):
        return Way.UNKNOWN_NAME
    return Way.CUT if any(each in words for each in _CUT) else Way.OPEN
