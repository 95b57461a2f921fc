"""A wait of more than a few seconds says what it waits for, and how long at most."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

_QUIET_SECONDS = 3.0

T = TypeVar("T")


async def reported(work: Coroutine[Any, Any, T], say: Callable[[str], Awaitable[None]], message: str) -> T:
    """Return what `work` returns; `message` is said once it takes longer than a few seconds."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=_QUIET_SECONDS)
        if not done:
            await say(message)
        return await task
    finally:
        task.cancel()


def awaiting(names: Iterable[str], what: str, seconds: int) -> str:
    """Return what members are waited for, `seconds` at most."""
    return f"Waiting for {', '.join(names)} {what} ({seconds} s at most)"


def looking(node: str, seconds: int) -> str:
    """Return what a look at a host waits for, `seconds` at most."""
    return f"Waiting for {node}: its member has not answered yet, and is waited for a few seconds ({seconds} s at most)"
