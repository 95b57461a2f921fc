"""`python -m dev.bench.by_hand`: the program against the same work by hand, on the same hosts in one run."""

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from dev import releases, toolchain
from dev.bench.contenders import CHECKOUT, VERSION, Program, Site, by_hand, certificate_tool
from dev.bench.report import render
from dev.bench.site import empty_hosts, opened
from dev.bench.stopwatch import Sample
from dev.lab.hosts import Lab
from dev.lab.system import LabError

RESULTS = Path(__file__).parent / "results.md"
HOSTS = 3

Samples = dict[str, list[Sample]]


def say(line: str) -> None:
    """Print a line of progress, apart from the page."""
    print(line, file=sys.stderr, flush=True)


def _take(samples: Samples, name: str, sample: Sample) -> None:
    samples[name].append(sample)
    say(f"  {name}: {sample.seconds:.1f} s, {sample.cpu:.1f} s of CPU, load {sample.load:.1f}")


def _program(lab: Lab, folder: Path, samples: Samples) -> None:
    program = Program(Site(lab, empty_hosts(lab, HOSTS, say), folder))
    _take(samples, "program", program.up())
    _take(samples, "program again", program.up_again())


def _by_hand(lab: Lab, folder: Path, samples: Samples) -> None:
    _take(samples, "by hand", by_hand(Site(lab, empty_hosts(lab, HOSTS, say), folder)))


def run(repetitions: int) -> Samples:
    """Measure both, each `repetitions` times; which goes first alternates."""
    samples: Samples = {"by hand": [], "program": [], "program again": []}
    with opened("bench", os.getpid()) as lab, tempfile.TemporaryDirectory(prefix="etcd-bench-") as top:
        for number in range(1, repetitions + 1):
            say(f"Repetition {number} of {repetitions}")
            folders = {name: Path(top, f"{number}-{name}") for name in ("hand", "program")}
            for folder in folders.values():
                folder.mkdir()
            turns = [
                lambda into=folders["hand"]: _by_hand(lab, into, samples),
                lambda into=folders["program"]: _program(lab, into, samples),
            ]
            for turn in turns if number % 2 else reversed(turns):
                turn()
    return samples


def _facts() -> dict[str, str]:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "Commit": commit or "unknown",
        "Versions": f"etcd {VERSION}, Pulumi {version('pulumi')}, Python {sys.version.split()[0]}",
        "Toolchain": toolchain.prepare(say).description,
        "By hand": f"certificates by {certificate_tool()}",
    }


def main() -> int:
    """Measure, print the page, and write it down when asked."""
    parser = argparse.ArgumentParser(prog="python -m dev.bench.by_hand", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="how often each is measured (5)")
    parser.add_argument("--write", action="store_true", help=f"keep the page in {RESULTS.relative_to(CHECKOUT)}")
    arguments = parser.parse_args()
    if arguments.repetitions < 1:
        parser.error("--repetitions: at least 1")
    try:
        facts = _facts()
        releases.ensure(VERSION, say)
        page = render(run(arguments.repetitions), facts)
    except (LabError, toolchain.ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(page)
    if arguments.write:
        RESULTS.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
