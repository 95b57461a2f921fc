"""The child processes of the language host."""

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import IO, Any

Child = subprocess.Popen[bytes]

# As the official host: an interrupted program has five seconds to end.
GRACE_SECONDS = 5.0


class RunningChildren:
    """Starts child processes and knows which of them run."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._running: set[Child] = set()

    def start(self, command: list[str], **options: Any) -> Child:
        """Start `command` with the options of `subprocess.Popen`; standard input is empty."""
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        with self._lock:
            self._running.add(child)
        return child

    def wait(self, child: Child) -> int:
        """Wait for the child's end and return its exit code, negative for a signal."""
        code = child.wait()
        with self._lock:
            self._running.discard(child)
        return code

    def kill(self, child: Child) -> None:
        """Kill the child if it runs."""
        with self._lock:
            if child in self._running:
                child.kill()

    def kill_all(self) -> None:
        """Kill all that run."""
        with self._lock:
            for child in self._running:
                child.kill()

    def interrupt(self, child: Child) -> None:
        """Send SIGINT to the child if it runs, and kill it if it still runs after the grace time."""
        with self._lock:
            if child not in self._running:
                return
            child.send_signal(signal.SIGINT)
        timer = threading.Timer(GRACE_SECONDS, self.kill, [child])
        timer.daemon = True
        timer.start()

    def interrupt_all(self) -> None:
        """Interrupt all that run."""
        with self._lock:
            running = list(self._running)
        for child in running:
            self.interrupt(child)

    def end_all(self) -> None:
        """Interrupt all that run and return when they have ended; those that outlast the grace time are killed."""
        self.interrupt_all()
        with self._lock:
            running = list(self._running)
        for child in running:
            child.wait()


def stream(child: Child) -> Iterator[tuple[str, bytes]]:
    """Yield what the child writes as ("stdout" or "stderr", data), in order of arrival, until both are closed."""
    chunks: queue.Queue[tuple[str, bytes]] = queue.Queue(maxsize=64)

    def read(name: str, pipe: IO[bytes]) -> None:
        with pipe:
            while data := os.read(pipe.fileno(), 65536):
                chunks.put((name, data))
        chunks.put((name, b""))

    assert child.stdout is not None and child.stderr is not None
    for name, pipe in (("stdout", child.stdout), ("stderr", child.stderr)):
        threading.Thread(target=read, args=(name, pipe), daemon=True).start()
    still_open = 2
    while still_open:
        name, data = chunks.get()
        if data:
            yield name, data
        else:
            still_open -= 1
