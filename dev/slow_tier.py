"""`python -m dev.slow_tier`: the slow tier, which goes on where it was stopped, and writes a report.

What passed is remembered for each commit; a checkout with changes that are not committed starts over.
Of the unit tests each is a piece of its own; the scenarios of one file may share hosts, so they are run together.
As a pytest plugin (`-p dev.slow_tier`) it records each result and leaves out what has passed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from dev import cache

CHECKOUT = Path(__file__).parent.parent
PASSED = "ETCD_CLUSTER_SLOW_PASSED"
SHARD = "ETCD_CLUSTER_SLOW_SHARD"


def piece(nodeid: str) -> str:
    """Return what of the tier a test belongs to: what is run, left out and given to a shard as a whole."""
    return nodeid.partition("::")[0] if nodeid.startswith("tests/lab/") else nodeid


def in_shard(nodeid: str, shard: str) -> bool:
    """Tell whether a test belongs to a shard, `2/4` being the second of four; the empty text is all of them."""
    if not shard:
        return True
    number, _, count = shard.partition("/")
    return zlib.crc32(piece(nodeid).encode()) % int(count) == int(number) - 1


def finished(records: list[dict[str, Any]]) -> set[str]:
    """Return the pieces that have passed: all of their tests, in their last run."""
    outcomes = {record["test"]: record["outcome"] for record in records}
    failed = {piece(test) for test, outcome in outcomes.items() if outcome == "failed"}
    return {piece(test) for test in outcomes} - failed


def read(log: Path) -> list[dict[str, Any]]:
    """Return what was recorded, in order; a line that a killed run cut short counts as nothing."""
    records = []
    for line in log.read_text().splitlines() if log.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def report(commit: str, records: list[dict[str, Any]]) -> str:
    """Return the report as Markdown: the commit, the sums, and each test with its outcome and duration in seconds."""
    last = {record["test"]: record for record in records}
    counts = {
        outcome: sum(each["outcome"] == outcome for each in last.values())
        for outcome in ("passed", "failed", "skipped")
    }
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    lines = [
        "# The slow tier",
        "",
        f"Commit {commit}: {told or 'nothing ran'}; {sum(each['seconds'] for each in last.values()):.0f} s of tests.",
        "",
        "| Test | Outcome | Seconds |",
        "| --- | --- | ---: |",
        *(f"| {test} | {each['outcome']} | {each['seconds']:.1f} |" for test, each in sorted(last.items())),
    ]
    return "\n".join([*lines, ""])


# the plugin


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has passed, and what belongs to another shard."""
    passed = set(filter(None, os.environ.get(PASSED, "").split("\n")))
    shard = os.environ.get(SHARD, "")
    left_out = [item for item in items if piece(item.nodeid) in passed or not in_shard(item.nodeid, shard)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


class Recorder:
    """Writes one line for each test when it has ended."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._begun: dict[str, tuple[str, float]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Join the phases of a test: the worst outcome, all the seconds."""
        outcome, seconds = self._begun.pop(report.nodeid, ("passed", 0.0))
        outcome = report.outcome if report.outcome == "failed" or outcome == "passed" else outcome
        if report.when != "teardown":
            self._begun[report.nodeid] = outcome, seconds + report.duration
            return
        record = {"test": report.nodeid, "outcome": outcome, "seconds": seconds + report.duration}
        with self._log.open("a") as file:
            file.write(f"{json.dumps(record)}\n")


def pytest_configure(config: pytest.Config) -> None:
    """Record in the process that the workers report to."""
    if not hasattr(config, "workerinput") and (log := os.environ.get("ETCD_CLUSTER_SLOW_LOG")):
        config.pluginmanager.register(Recorder(Path(log)))


# the command


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()


def main(argv: list[str]) -> int:
    """Run what has not passed yet, write the report, and return 0 when all has."""
    parser = argparse.ArgumentParser(prog="python -m dev.slow_tier", description="Run the slow tier")
    parser.add_argument(
        "--jobs", type=int, default=3, help="how many scenarios at the same time (default: %(default)s)"
    )
    parser.add_argument("--shard", default="", help="one part of several, as 2/4")
    given = parser.parse_args(argv)
    commit = _git("rev-parse", "--short=12", "HEAD")
    folder = cache.root() / "slow-tier"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{commit}.jsonl"
    if _git("status", "--porcelain"):
        commit = f"{commit} with changes that are not committed"
        log = folder / "uncommitted.jsonl"
        log.unlink(missing_ok=True)
    passed = finished(read(log))
    env = os.environ | {"ETCD_CLUSTER_SLOW_LOG": str(log), PASSED: "\n".join(sorted(passed)), SHARD: given.shard}
    if passed:
        print(f"{len(passed)} pieces have passed on this commit and are left out", flush=True)
    begun = time.monotonic()
    plugin = ("-p", "dev.slow_tier", "-m")
    unit = [sys.executable, "-m", "pytest", "tests/unit", "tests/model", "-q", "-n", "2", *plugin, "long"]
    scenarios = [sys.executable, "-m", "dev.testing", "--jobs", str(given.jobs), "--", *plugin, "lab and long"]
    # pytest's 5: there was nothing (left) to run
    ends = [subprocess.run(words, cwd=CHECKOUT, env=env, check=False).returncode for words in (unit, scenarios)]
    text = report(commit, read(log))
    target = log.with_suffix(".md")
    target.write_text(text)
    print(f"{text.splitlines()[2]} This run took {time.monotonic() - begun:.0f} s. Report: {target}", flush=True)
    return max((0 if end == pytest.ExitCode.NO_TESTS_COLLECTED else end) for end in ends)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
