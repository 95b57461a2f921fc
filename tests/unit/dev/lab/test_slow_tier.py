"""The slow tier goes on where it was stopped."""

import os
import subprocess
import sys
from pathlib import Path

from dev import slow_tier

TESTS = """
import pathlib
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_good(number):
    with pathlib.Path("ran").open("a") as file:
        file.write(f"good {number}\\n")

def test_bad():
    assert pathlib.Path("repaired").exists()

@pytest.mark.skip
def test_skipped():
    pass
"""


def run(folder: Path, passed: set[str]) -> None:
    """Run the tests in a folder with two workers, as the tier does."""
    env = os.environ | {
        "ETCD_CLUSTER_SLOW_LOG": str(folder / "log"),
        slow_tier.PASSED: "\n".join(passed),
        "PYTHONPATH": str(slow_tier.CHECKOUT),
    }
    words = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "dev.slow_tier", "-p", "no:cacheprovider", "tests"]
    subprocess.run(words, cwd=folder, env=env, capture_output=True, timeout=60, check=False)


def test_what_passed_is_left_out_and_what_failed_is_run_again(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(TESTS)
    run(tmp_path, set())
    records = slow_tier.read(tmp_path / "log")
    outcomes = {record["test"].partition("::")[2]: record["outcome"] for record in records}
    assert outcomes == {
        "test_good[1]": "passed",
        "test_good[2]": "passed",
        "test_bad": "failed",
        "test_skipped": "skipped",
    }
    (tmp_path / "repaired").touch()
    run(tmp_path, slow_tier.finished(records))
    again = slow_tier.read(tmp_path / "log")
    assert [record["outcome"] for record in again[len(records) :]] == ["passed"]
    assert sorted((tmp_path / "ran").read_text().splitlines()) == ["good 1", "good 2"]
    told = slow_tier.report("c0ffee", again)
    assert "Commit c0ffee: 3 passed, 1 skipped;" in told and told.count("test_bad") == 1


def test_the_scenarios_of_one_file_belong_together() -> None:
    records = [
        {"test": "tests/lab/test_a.py::test_x", "outcome": "passed", "seconds": 1},
        {"test": "tests/lab/test_a.py::test_y", "outcome": "failed", "seconds": 1},
        {"test": "tests/lab/test_b.py::test_z", "outcome": "passed", "seconds": 1},
        {"test": "tests/unit/test_c.py::test_one", "outcome": "failed", "seconds": 1},
        {"test": "tests/unit/test_c.py::test_two", "outcome": "passed", "seconds": 1},
    ]
    assert slow_tier.finished(records) == {"tests/lab/test_b.py", "tests/unit/test_c.py::test_two"}


def test_the_shards_are_disjoint_and_together_all() -> None:
    tests = [f"tests/unit/test_c.py::test_{number}" for number in range(100)]
    shards = [[test for test in tests if slow_tier.in_shard(test, f"{number}/4")] for number in (1, 2, 3, 4)]
    assert sorted(test for shard in shards for test in shard) == sorted(tests) and all(shards)
    assert [test for test in tests if slow_tier.in_shard(test, "")] == tests


def test_a_line_that_was_cut_short_counts_as_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('{"test": "a", "outcome": "passed", "seconds": 1}\n{"test": "b", "outc')
    assert [record["test"] for record in slow_tier.read(log)] == ["a"]
