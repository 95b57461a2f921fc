"""Runs the SDK's provider process of dynamic providers, and ends it when its parent, the engine, is gone.

It runs with the project's own virtualenv, so it imports nothing but the SDK. An operation in flight has some seconds.
"""

import os
import sys

# As with `python -m`, the program's folder comes first, and not the one of this file.
sys.path[0] = os.getcwd()  # noqa: PTH109  pathlib would only be imported for this

import runpy  # noqa: E402
import select  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402

_GRACE_SECONDS = 15


def _end_with(parent: int) -> None:
    """Wait for the end of the process `parent`, then end as at a Ctrl-C."""
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGINT)
        return
    if os.getppid() == parent:
        select.select([descriptor], [], [])
    os.kill(os.getpid(), signal.SIGINT)
    # A signal that comes before the SDK waits for it ends its main thread, but not the server's.
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)
