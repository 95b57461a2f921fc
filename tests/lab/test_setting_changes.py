"""A changed etcd setting on a running cluster: one member at a time, the leader last, and back where it fails."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack, started
from tests.lab.outside import Client, Writer
from tests.lab.steps import executed, shown

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def stack(fresh_for_module: MakeHosts, make_module_stack: MakeStack) -> Stack:
    made = make_module_stack(fresh_for_module(3))
    made.up()
    return made


def test_a_changed_setting_restarts_one_member_at_a_time_the_leader_last(
    stack: Stack, tools: Path, measure: Measure
) -> None:
    pids, leader = stack.pids(), stack.output("leader")["name"]
    client = Client(stack, tools)
    stack.config["etcd"] = {"snapshot-count": "20000"}
    with Writer(client) as writer:
        stack.up()
    assert measure("rolling restart of 3", writer) < 1
    writer.served_all(client)
    assert len(writer.written) > 20
    after = stack.pids()
    assert not [node for node in pids if after[node] in (0, pids[node])]
    for host in stack.hosts.values():
        assert host.run('tr "\\0" "\\n" </proc/$(pgrep -x etcd)/environ').stdout.count("SNAPSHOT_COUNT=20000") == 1
    times = {node: started(host) for node, host in stack.hosts.items()}
    order = sorted(times, key=lambda node: times[node])
    assert order[-1] == leader
    for earlier, later in pairwise(order):
        assert times[later][0] >= times[earlier][1] + 5_000_000
    assert stack.preview("--expect-no-changes").returncode == 0


def test_a_setting_that_etcd_refuses_puts_the_first_member_back(stack: Stack, tools: Path) -> None:
    pids, client = stack.pids(), Client(stack, tools)
    good = dict(stack.config["etcd"])
    stack.config["etcd"] = {**good, "listen-metrics-urls": "http://192.0.2.1:2381"}
    # A trial start would refuse it before any member is touched.
    stack.config["trial_start"] = False
    with Writer(client) as writer:
        said = stack.refused()
    writer.served_all(client)
    assert "cannot assign requested address" in said
    assert "it runs on its former settings again" in said
    after = stack.pids()
    restarted = [node for node in pids if after[node] != pids[node]]
    assert len(restarted) == 1
    assert restarted[0] != stack.output("leader")["name"]
    assert 0 not in after.values()
    for entry in client.json("endpoint", "health"):
        assert entry["health"]
    stack.config["etcd"] = good
    del stack.config["trial_start"]
    stack.up()
    assert stack.pids() == after
    assert stack.preview("--expect-no-changes").returncode == 0


def test_the_preview_lists_the_restarts_for_a_setting_and_for_a_ca_that_is_yet_to_be_made(stack: Stack) -> None:
    stack.config["etcd"] = {**stack.config["etcd"], "heartbeat-interval": 200}
    stack.config["ca"] = {"peer": {"trust_generations": [1, 2]}}
    said = stack.preview().stdout
    assert "a CA is made in this run; then:" in said
    assert "heartbeat-interval" in said and "the CAs that are trusted for peers" in said
    steps = shown(said)
    assert len([step for step in steps if step.startswith("restart ")]) == len(stack.hosts)
    assert executed(stack.up().stdout) == steps
