"""When a stand-in ends: at the engine's signal, or when the engine is gone."""

import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType


def wait_for_end(
    cleanup: Callable[[], object] = lambda: None, on_orphaned: Callable[[], object] = lambda: None
) -> None:
    """Block the main thread until SIGINT, SIGTERM or the end of the parent process, then clean up and exit with 0.

    The engine closes a plugin with SIGINT and waits five seconds for it. Calls in flight are dropped, as when a
    plugin written in Go gets that signal. When the parent is gone, `on_orphaned` may hold the end back.
    """
    ended = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    def watch(parent: int) -> None:
        _wait_for_process(parent)
        on_orphaned()
        ended.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()
    ended.wait()
    cleanup()
    os._exit(0)


def _wait_for_process(parent: int) -> None:
    """Return once the process `parent` is gone."""
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    if os.getppid() == parent:
        select.select([descriptor], [], [])
