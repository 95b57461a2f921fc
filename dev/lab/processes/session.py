"""A command and all that it starts, in a process session of its own."""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.lab.processes.identity import Identity


class ProcessSession:
    """A command under way, and what it has started: told apart from everybody else's processes until it is closed.

    The command is not waited for before `close`: its pid, which is the session's number too, is nobody else's till
    then. Hosts of the lab share this machine's pids, and each connection of their sshd is a session of its own.
    """

    def __init__(self, words: Sequence[str], folder: Path, env: Mapping[str, str], log: Path) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                list(words),
                cwd=folder,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._ended = os.pidfd_open(self.pid)

    @property
    def status(self) -> int | None:
        """How the command ended, None while it runs; a signal is its negative number."""
        if self._process.returncode is not None:
            return self._process.returncode
        end = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end is None:
            return None
        return end.si_status if end.si_code == os.CLD_EXITED else -end.si_status

    def ends(self, seconds: float) -> bool:
        """Wait until the command itself has ended, for at most `seconds`. Returns whether it has."""
        return self.status is not None or bool(select.select([self._ended], [], [], seconds)[0])

    def members(self) -> list[Identity]:
        """Return its live processes; the engine's plugins have groups of their own, but stay in the session."""
        if self._process.returncode is not None:
            return []
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                text = (folder / "stat").read_text()
                session = int(text[text.rindex(")") + 2 :].split()[3])
                if session == self.pid and (live := Identity.of(int(folder.name))):
                    found.append(live)
        return found

    def signal(self, number: int) -> None:
        """Signal the command alone."""
        # Popen's own would reap it, and so give its pid free.
        if self._process.returncode is None:
            signal.pidfd_send_signal(self._ended, number)

    def signal_all(self, number: int) -> None:
        """Signal the command and all that it has started."""
        for process in self.members():
            process.send(number)

    def close(self) -> None:
        """Kill what still runs, and give the pid free."""
        if self._process.returncode is None:
            try:
                self.signal_all(signal.SIGKILL)
                self._process.wait(10)
            finally:
                os.close(self._ended)
