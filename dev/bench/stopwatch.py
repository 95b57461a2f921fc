"""Runs one command and says what it cost."""

import os
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.lab.processes.session import ProcessSession
from dev.lab.system import LabError, tail

_LOG_LINES = 60


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
        seconds: Wall-clock time.
        cpu: User and system seconds on the operator's machine, of the command and all that it waited for.
        load: The machine's load average over one minute when it began: what else was running.
    """

    seconds: float
    cpu: float
    load: float


def measure(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    limit: float,
    then: Callable[[], None] = lambda: None,
) -> Sample:
    """Run a command to its end, then the check `then`, and return what the two took; the CPU is the command's.

    Args:
        words: Program and arguments.
        folder: Where it runs.
        environment: All of its environment.
        log: Gets what it prints.
        limit: Seconds after which it is killed.
        then: What must hold afterwards; raises otherwise.

    Raises:
        LabError: It failed or took too long; the message ends with its last lines.
    """
    load = os.getloadavg()[0]
    before, start = _children(), time.monotonic()
    session = ProcessSession(words, folder, environment, log)
    try:
        ended, seconds = session.ends(limit), time.monotonic() - start
    finally:
        session.close()
    if not ended:
        raise LabError(f"{words[0]} took longer than {limit:g} s:\n{tail(log, _LOG_LINES)}")
    cpu = _children() - before
    if session.status:
        raise LabError(f"{words[0]} ended with exit code {session.status}:\n{tail(log, _LOG_LINES)}")
    start = time.monotonic()
    then()
    return Sample(seconds + time.monotonic() - start, cpu, load)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
