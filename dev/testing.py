"""`python -m dev.testing --jobs N -- ARGUMENTS`: the scenarios of tests/lab on real hosts, or one line on why not."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dev import releases
from dev.lab import packages
from dev.lab.hosts import Lab
from dev.lab.storage import image
from dev.lab.system import LabError
from dev.toolchain import ToolchainError, prepare

CHECKOUT = Path(__file__).parent.parent
SCENARIOS = "tests/lab"


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def unfit() -> str | None:
    """Return why this machine cannot run the scenarios, or None when it can, maybe after an installation."""
    if reason := packages.unfit():
        return reason
    if not releases.archive(releases.DEFAULT_VERSION).exists() and not shutil.which("go"):
        return "the lab builds etcd from its Go modules, and there is no Go on PATH (https://go.dev/dl, 1.26 or later)"
    return None


def get_ready() -> None:
    """Install, find or build what the scenarios need, and clear away what killed runs left.

    Raises LabError or ToolchainError.
    """
    if missing := packages.missing():
        say(f"Installing the system packages {' '.join(missing)} …")
        packages.install(missing)
    for line in Lab.sweep():
        say(line)

    def build() -> None:
        say(prepare(say).description)
        releases.ensure(say=say)

    # One waits for downloads, the other for the compiler, which takes all cores by itself.
    steps: list[Callable[[], object]] = [build, lambda: image.ensure(say)]
    with ThreadPoolExecutor(len(steps)) as pool:
        for step in [pool.submit(step) for step in steps]:
            step.result()


def run(jobs: int, arguments: list[str]) -> int:
    """Run pytest over the scenarios, or those that `arguments` name, on several workers; return its exit status."""
    named = any((CHECKOUT / argument.partition("::")[0]).exists() for argument in arguments)
    words = [sys.executable, "-m", "pytest", *([] if named else [SCENARIOS]), "-n", str(jobs), *arguments]
    with subprocess.Popen(words, cwd=CHECKOUT) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # pytest got it too, and takes its labs down before it ends
                continue


def not_run(reason: str) -> int:
    """Say what was not run and why; that is a failure where everything must run."""
    say(f"NOT RUN: the scenarios in {SCENARIOS}, which need the lab: {reason}.")
    return 1 if os.environ.get("CI") == "true" else 0


def main(argv: list[str]) -> int:
    """Get ready, run, clear away; the exit status is pytest's, or that of `not_run`."""
    parser = argparse.ArgumentParser(prog="python -m dev.testing", description="Run the lab's scenarios")
    parser.add_argument("--jobs", type=int, default=4, help="how many files at the same time (default: %(default)s)")
    parser.add_argument("arguments", nargs="*", metavar="-- ARGUMENT …", help="for pytest")
    given = parser.parse_args(argv)
    if reason := unfit():
        return not_run(reason)
    try:
        get_ready()
        return run(given.jobs, given.arguments)
    except (LabError, ToolchainError) as error:
        if isinstance(error, ToolchainError) and not shutil.which("go"):
            return not_run(str(error))
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        for line in Lab.sweep():
            say(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
