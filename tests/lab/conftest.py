"""Labs, hosts and stacks for the scenarios, and what a failure shows."""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from dev.lab import sweeping
from dev.lab.hosts import Host, Lab
from tests.lab.harness import Program, Stack
from tests.lab.outside import Writer

# The tests of these modules share hosts, so one worker runs them in order; all others stand alone.
TOGETHER = {
    "test_cluster_of_three.py",
    "test_disturbed_roll.py",
    "test_drift.py",
    "test_engine_operations.py",
    "test_interrupted_roll.py",
    "test_interrupted_scaling.py",
    "test_lab_hosts.py",
    "test_refusals.py",
    "test_preview.py",
    "test_replacement.py",
    "test_rotation.py",
    "test_setting_changes.py",
    "test_settings_matrix.py",
}

_STALL = "longest stall"

_open_stacks: list[Stack] = []

MakeHosts = Callable[[int], list[Host]]
MakeStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for programs of this machine."""
    return tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab of the module's own; nothing of it is left at the end."""
    name = re.sub(r"[^a-z0-9]+", "-", Path(str(request.node.path)).stem.removeprefix("test_"))
    lab = Lab.open(f"{name[:20].strip('-')}-{os.getpid()}", owner=os.getpid())
    try:
        lab.start(0)
        yield lab
    finally:
        lab.destroy()
    assert lab.slot.number not in sweeping.numbers_in_use()
    assert sweeping.loops_below(lab.folder) == []


class _Allocation:
    """Gives out hosts that were never used."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.used = 0

    def take(self, count: int) -> list[Host]:
        hosts = [self.lab.host(f"h{self.used + number}") for number in range(1, count + 1)]
        self.used += count
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(Host.start, hosts))
        return hosts

    @staticmethod
    def release(hosts: list[Host]) -> None:
        with ThreadPoolExecutor(max(1, len(hosts))) as pool:
            list(pool.map(Host.kill, hosts))


@pytest.fixture(scope="module")
def _allocation(site: Lab) -> _Allocation:
    return _Allocation(site)


def _make_hosts(allocation: _Allocation) -> Iterator[MakeHosts]:
    taken: list[Host] = []

    def make(count: int) -> list[Host]:
        hosts = allocation.take(count)
        taken.extend(hosts)
        return hosts

    yield make
    allocation.release(taken)


def _make_stacks(site: Lab, folders: pytest.TempPathFactory) -> Iterator[MakeStack]:
    made: list[Stack] = []

    def make(hosts: list[Host], name: str = "test", **config: object) -> Stack:
        stack = Stack(folders.mktemp("stack"), site, hosts, name, **config)
        made.append(stack)
        _open_stacks.append(stack)
        return stack

    yield make
    for stack in made:
        _open_stacks.remove(stack)
        stack.close()


@pytest.fixture
def fresh(_allocation: _Allocation) -> Iterator[MakeHosts]:
    """Starts hosts with nothing on them, for one test."""
    yield from _make_hosts(_allocation)


@pytest.fixture(scope="module")
def fresh_for_module(_allocation: _Allocation) -> Iterator[MakeHosts]:
    """Starts hosts with nothing on them, for all tests of a module."""
    yield from _make_hosts(_allocation)


@pytest.fixture
def make_stack(site: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Makes a stack for one test, with settings besides the usual ones."""
    yield from _make_stacks(site, tmp_path_factory)


@pytest.fixture(scope="module")
def make_module_stack(site: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Makes a stack for all tests of a module."""
    yield from _make_stacks(site, tmp_path_factory)


MakeProgram = Callable[[list[Host], dict[str, Any]], Program]


@pytest.fixture
def make_program(site: Lab, tmp_path: Path) -> Iterator[MakeProgram]:
    """Makes a stack of a program in YAML."""
    made: list[Program] = []

    def make(hosts: list[Host], program: dict[str, Any]) -> Program:
        made.append(Program(tmp_path / f"program-{len(made)}", site, hosts, program))
        return made[-1]

    yield make
    for each in made:
        each.close()


Measure = Callable[[str, Writer], float]


@pytest.fixture
def measure(record_property: Callable[[str, object], None]) -> Measure:
    """Notes how long a writer stalled at most since the last time, for the summary at the end; returns it (s)."""

    def note(what: str, writer: Writer) -> float:
        stall = writer.take_stall()
        record_property(_STALL, f"{stall:6.2f} s  {what} ({len(writer.written)} writes, {len(writer.failed)} failed)")
        return stall

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the longest stalls that were measured."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    stalls = [
        text
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, text in report.user_properties
        if name == _STALL
    ]
    if stalls:
        terminalreporter.section("longest stalls of a writer outside the hosts")
        for text in stalls:
            terminalreporter.line(str(text))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Show what pulumi and etcd said last where a scenario failed."""
    report = yield
    if report.failed:
        for stack in _open_stacks:
            try:
                report.sections.extend(stack.report())
            except Exception as error:  # noqa: BLE001  a report that fails must not hide the failure
                report.sections.append((f"stack {stack.name}", f"no report: {error}"))
    return report


class Scheduling(LoadScopeScheduling):
    """Sends each test, or each module of `TOGETHER`, to whichever worker is free."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if Path(module).name in TOGETHER else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Use it."""
    return Scheduling(config, log)
