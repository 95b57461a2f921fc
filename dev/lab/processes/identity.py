"""Processes that the lab started, told apart for certain from others that got the same pid later."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dev.lab.system import until, write


def boot_id() -> str:
    """Return the id of this boot of the machine; pids of another boot mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def parse_stat(text: str) -> tuple[str, int]:
    """Return the state letter and the start time (clock ticks since boot) from `/proc/PID/stat`."""
    # the command name is in brackets and may hold spaces and brackets itself
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])


def started(pid: int) -> int | None:
    """Return the start time of a live process, None when there is none or only its zombie."""
    try:
        state, start = parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else start


@dataclass(frozen=True)
class Identity:
    """One process for certain: its pid, its start time in clock ticks, and the boot it runs in."""

    pid: int
    start: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the identity of a live process, None when it is gone."""
        start = started(pid)
        return None if start is None else cls(pid, start, boot_id())

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the identity written by `str`, None when the text is something else."""
        words = text.split()
        if len(words) != 3 or not words[0].isdecimal() or not words[1].isdecimal():
            return None
        return cls(int(words[0]), int(words[1]), words[2])

    def __str__(self) -> str:
        return f"{self.pid} {self.start} {self.boot}"

    def alive(self) -> bool:
        """Return whether that very process still runs."""
        return started(self.pid) == self.start and boot_id() == self.boot

    def send(self, number: int) -> None:
        """Send a signal to that very process; nothing happens when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.alive():  # checked after the handle is held, so nobody else can get the signal
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)

    def gone(self, seconds: float) -> bool:
        """Wait until it has ended, for at most `seconds`. Returns whether it has."""
        return until(lambda: not self.alive(), seconds)


class PidFile:
    """A file that names one process the lab started."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, pid: int) -> None:
        """Note the process `pid`; a process that is gone already leaves no file."""
        if found := Identity.of(pid):
            write(self.path, f"{found}\n")
        else:
            self.forget()

    def live(self) -> Identity | None:
        """Return the noted process if it still runs."""
        try:
            noted = Identity.parse(self.path.read_text())
        except FileNotFoundError:
            return None
        return noted if noted and noted.alive() else None

    def forget(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)

    def end(self, number: int = signal.SIGTERM, seconds: float = 5) -> None:
        """Signal the process, kill it after `seconds`, and remove the file."""
        if process := self.live():
            process.send(number)
            if not process.gone(seconds):
                process.send(signal.SIGKILL)
                process.gone(seconds)
        self.forget()
