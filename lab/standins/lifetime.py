"""When a stand-in ends: at the engine's signal, or when the engine is gone."""

import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType


def wait_for_end(cleanup: Callable[[], None]) -> None:
    """Block the main thread until SIGINT, SIGTERM or the end of the parent process, then clean up and exit with 0.

    The engine closes a plugin with SIGINT and waits five seconds for it. Calls in flight are dropped, as when a
    plugin written in Go gets that signal.
    """
    ended = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_watch_parent, args=(os.getppid(), ended), daemon=True).start()
    ended.wait()
    cleanup()
    os._exit(0)


def _watch_parent(parent: int, ended: threading.Event) -> None:
    """Set `ended` once the process `parent` is gone."""
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        ended.set()
        return
    if os.getppid() == parent:
        select.select([descriptor], [], [])
    ended.set()
