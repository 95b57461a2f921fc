"""A command with all that it starts, told apart from what gets the same pid later."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.lab.processes.identity import parse_stat
from dev.lab.processes.session import ProcessSession
from dev.lab.system import until

_LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
_NEAR = 100


@contextmanager
def started(tmp_path: Path, text: str) -> Iterator[ProcessSession]:
    session = ProcessSession(["sh", "-c", text], tmp_path, os.environ, tmp_path / "log")
    try:
        yield session
    finally:
        session.close()


def someone_with(pid: int) -> "subprocess.Popen[bytes]":
    """Start a session that gets this pid, or the next that is free where somebody has it."""
    for _ in range(50):
        _LAST_PID.write_text(str(pid - 1))
        other = subprocess.Popen(["sleep", "60"], start_new_session=True)
        if pid <= other.pid < pid + _NEAR:
            return other
        other.kill()
        other.wait()
    raise AssertionError("other processes always began in between")


def state(pid: int) -> str:
    return parse_stat(Path(f"/proc/{pid}/stat").read_text())[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root chooses the next pid")
def test_what_gets_the_pid_of_a_command_that_ended_is_no_member(tmp_path: Path) -> None:
    with started(tmp_path, "exit 0") as session:
        assert session.ends(10)
        assert session.status == 0
        other = someone_with(session.pid)
        try:
            assert other.pid != session.pid, "the pid was given free"
            assert session.members() == []
            assert other.poll() is None
        finally:
            other.kill()
            other.wait()


def test_what_the_command_left_running_is_a_member_until_it_is_closed(tmp_path: Path) -> None:
    with started(tmp_path, "sleep 60 & exit 3") as session:
        assert session.ends(10)
        assert session.status == 3
        (left,) = session.members()
        session.close()
        assert left.gone(5)
        assert session.status == 3


def test_a_command_is_held_goes_on_and_ends_by_a_signal(tmp_path: Path) -> None:
    with started(tmp_path, "exec sleep 60") as session:
        assert not session.ends(0)
        assert session.status is None
        session.signal_all(signal.SIGSTOP)
        assert until(lambda: state(session.pid) == "T", 10)
        session.signal_all(signal.SIGCONT)
        assert until(lambda: state(session.pid) != "T", 10)
        session.signal(signal.SIGTERM)
        assert session.ends(10)
        assert session.status == -signal.SIGTERM
        session.signal(signal.SIGTERM)
        assert until(lambda: not session.members(), 10)
