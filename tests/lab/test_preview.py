"""For each kind of change, the steps that the preview lists are the steps that the run takes."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dev import releases
from dev.lab.hosts import Host
from tests.lab.aging import let_all_end
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack
from tests.lab.outside import Client, Writer
from tests.lab.steps import executed, shown

pytestmark = [pytest.mark.lab, pytest.mark.long]

FORMER, LATER = "3.6.16", "3.7.3"


@pytest.fixture(scope="module")
def stack(fresh_for_module: MakeHosts, make_module_stack: MakeStack) -> Stack:
    return make_module_stack(fresh_for_module(3), version=FORMER, deadlines={"connect": 4})


@pytest.fixture(scope="module")
def more(fresh_for_module: MakeHosts) -> list[Host]:
    return fresh_for_module(2)


def _add(stack: Stack, node: str, host: Host) -> None:
    stack.hosts[node] = host
    stack.config["nodes"][node] = {"address": host.address}


def _bootstrap(_stack: Stack, _more: list[Host]) -> None:
    """Nothing is there yet."""


def _setting(stack: Stack, _more: list[Host]) -> None:
    stack.config["etcd"] = {"snapshot-count": "20000"}


def _version(stack: Stack, _more: list[Host]) -> None:
    releases.ensure(LATER)
    stack.config["version"] = LATER


def _renewal(stack: Stack, _more: list[Host]) -> None:
    let_all_end(stack, datetime.timedelta(days=10))


def _authority(purpose: str, **settings: Any) -> Callable[[Stack, list[Host]], None]:
    def change(stack: Stack, _more: list[Host]) -> None:
        stack.config.setdefault("ca", {})[purpose] = settings

    return change


def _another(stack: Stack, more: list[Host]) -> None:
    _add(stack, "etcd-4", more[0])


def _one_fewer(stack: Stack, _more: list[Host]) -> None:
    del stack.config["nodes"]["etcd-4"]
    del stack.hosts["etcd-4"]


def _replaced(stack: Stack, more: list[Host]) -> None:
    stack.hosts["etcd-3"].kill()
    _add(stack, "etcd-3", more[1])


CHANGES = {
    "a new cluster": _bootstrap,
    "a setting": _setting,
    "a version": _version,
    "a renewal": _renewal,
    "another CA is trusted": _authority("peer", trust_generations=[1, 2]),
    "it issues": _authority("peer", generation=2, trust_generations=[1, 2]),
    "the old CA is dropped": _authority("peer", generation=2),
    "one more": _another,
    "one fewer": _one_fewer,
    "a host is replaced": _replaced,
}


@pytest.mark.parametrize("kind", CHANGES)
def test_the_steps_that_are_shown_are_those_that_are_taken(
    stack: Stack, more: list[Host], tools: Path, kind: str, measure: Measure
) -> None:
    CHANGES[kind](stack, more)
    done = stack.preview()
    assert done.returncode == 0, done.stdout[-4000:]
    steps = shown(done.stdout)
    assert steps, done.stdout[-4000:]
    if kind == "a new cluster":
        assert executed(stack.up().stdout) == steps
        return
    with Writer(Client(stack, tools)) as writer:
        said = stack.up().stdout
        client = Client(stack, tools)
        writer.follow(client)
        measure(f"shown and done: {kind}", writer)
    assert executed(said) == steps
    writer.served_all(client)
    assert stack.preview("--expect-no-changes").returncode == 0
