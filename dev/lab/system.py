"""What every part of the lab uses: one error, checked commands, locks, bounded waiting."""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path


class LabError(Exception):
    """The lab cannot do what was asked. The message says what was wrong and what to do."""


def run(
    *argv: str | Path,
    stdin: str | None = None,
    check: bool = True,
    timeout: float = 60,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command of this machine and return its captured output.

    Args:
        argv: Program and arguments; no shell is involved.
        stdin: Text for its standard input, which is empty without it.
        check: Raise when the exit status is not 0.
        timeout: Seconds after which it is killed.
        env: The whole environment, where it must differ from ours.

    Raises:
        LabError: The program is missing, failed (with `check`) or took too long.
    """
    words = [str(word) for word in argv]
    shown = " ".join("…" if "\n" in word else word for word in words)  # not whole scripts
    try:
        done = subprocess.run(  # the check is ours, for a better message
            words, input=stdin or "", capture_output=True, text=True, timeout=timeout, env=env, check=False
        )
    except FileNotFoundError as error:
        raise LabError(f"{words[0]} is not installed; `python -m dev.lab packages` names what is missing") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{shown}` took longer than {timeout:g} s") from error
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise LabError(f"`{shown}` failed with {done.returncode}: {said}")
    return done


def until(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Ask `condition` again and again, for at most `seconds`. Returns whether it came true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


@contextlib.contextmanager
def locked(path: Path, seconds: float = 900) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, among the threads and processes of this machine.

    Raises:
        LabError: Somebody else held it for longer than `seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def taken() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        if not until(taken, seconds):
            raise LabError(f"{path} is locked by another process for more than {seconds:g} s")
        yield
    finally:
        os.close(handle)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file beside its place, set its mode, then rename: readers see the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text)
    beside.chmod(mode)
    beside.rename(path)


def detach(module: str, *argv: str | Path, log: Path, unshare: bool = False) -> None:
    """Start a Python module of the lab as a process of its own that outlives this one.

    Args:
        module: Such as "dev.lab.networking.relay". It notes its own pid and says when it is ready.
        argv: Its arguments.
        log: Gets what it prints; emptied first.
        unshare: Give it a mount namespace of its own, which takes its mounts along when it ends.
    """
    before = ["unshare", "--mount", "--propagation", "private"] if unshare else []
    words = ["setsid", "--fork", *before, sys.executable, "-m", module, *map(str, argv)]
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("w") as output:
        subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=environment, check=True
        )


def tail(path: Path, lines: int = 8) -> str:
    """Return the last lines of a text file, nothing when there is no such file."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def script(name: str) -> str:
    """Return the text of the shell script `name` that is kept in `lab/shell`."""
    return (Path(__file__).parent / "shell" / name).read_text()
