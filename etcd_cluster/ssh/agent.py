"""The SSH agent of whoever runs the program: whether it answers, and which keys it holds."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from etcd_cluster.errors import Problem
from etcd_cluster.reasons import Reason

# sshd's MaxAuthTries is 6 by default; it ends the connection at so many keys that it does not know.
_TRIES = 6


def stale() -> str | None:
    """Return the value of `SSH_AUTH_SOCK` when it names no live socket.

    pulumi-command dials it even where a private key is given, and fails each command when it cannot
    (pulumi-command 1.2.1, remote/connection.go:131-145).
    """
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        return None
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.settimeout(2)
        probe.connect(path)
    except OSError:
        return path
    finally:
        probe.close()
    return None


def blob(public_key: str) -> bytes:
    """Return a public key as agents name it."""
    return asyncssh.import_public_key(public_key).public_data


@asynccontextmanager
async def opened(chosen: str | None = None) -> AsyncIterator[list[asyncssh.SSHKeyPair]]:
    """Return the keys that the agent holds, in the order in which it offers them, or the chosen one alone.

    They sign while the block lasts. There are none where no agent answers.
    """
    path = os.environ.get("SSH_AUTH_SOCK")
    try:
        agent = await asyncssh.connect_agent(path) if path else None
        keys = list(await agent.get_keys([blob(chosen)] if chosen else None)) if agent else []
    except (OSError, ValueError):
        yield []
        return
    try:
        yield keys
    finally:
        if agent:
            agent.close()
            await agent.wait_closed()


async def held() -> list[bytes]:
    """Return the public keys that the agent holds, in the order in which it offers them."""
    async with opened() as keys:
        return [key.public_data for key in keys]


def refusal(node: str, where: str, keys: list[bytes], chosen: str | None) -> Problem:
    """Return why a login with the agent's keys was refused; `chosen` is `ssh.agent_key`, if it is set."""
    if not keys:
        return Problem(
            Reason.LOGIN_REFUSED,
            node,
            f"{where} needs a key, and the agent holds none",
            "Add it to the agent: ssh-add FILE",
        )
    if chosen and blob(chosen) not in keys:
        return Problem(
            Reason.LOGIN_REFUSED,
            node,
            f"{where} needs `ssh.agent_key`, which the agent does not hold",
            "Add it: ssh-add FILE",
        )
    if chosen:
        return Problem(
            Reason.LOGIN_REFUSED,
            node,
            f"{where} refused the agent's key that `ssh.agent_key` names",
            "Put that key into that user's authorized_keys, or set `ssh.user`",
        )
    if len(keys) >= _TRIES:
        return Problem(
            Reason.LOGIN_REFUSED,
            node,
            f"{where} refused the keys of the agent, which holds {len(keys)}; sshd ends a login after MaxAuthTries of "
            f"them ({_TRIES} by default), so it may not have seen the right one",
            "Set `ssh.agent_key` to the public key that opens it, or put one of them into that user's authorized_keys",
        )
    return Problem(
        Reason.LOGIN_REFUSED,
        node,
        f"{where} refused each of the {len(keys)} keys of the agent",
        "Put one of them into that user's authorized_keys, add the right one to the agent, or set `ssh.user`",
    )


def warning(keys: list[bytes], chosen: str) -> str | None:
    """Return what to say where the chosen key comes too late for the command plugin, which offers all in order."""
    if blob(chosen) not in keys[_TRIES:]:
        return None
    place = keys.index(blob(chosen)) + 1
    return (
        f"ssh.agent_key: it is number {place} of the agent's {len(keys)} keys. The plugin that installs etcd cannot "
        f"choose one and offers them in their order; sshd ends a login after MaxAuthTries ({_TRIES} by default). Use "
        "an agent that holds this key alone, or ssh.private_key_file"
    )
