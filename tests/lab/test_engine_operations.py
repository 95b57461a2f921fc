"""What the engine may be asked for besides a change: no replacement, run of a part or lost resource stops a member."""

import json
from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack
from tests.lab.outside import Client, Writer

pytestmark = [pytest.mark.lab, pytest.mark.long]


def _urns(stack: Stack, *kinds: str) -> list[str]:
    """Return the URNs of the plugin's resources of these types."""
    resources = json.loads(stack.export())["deployment"]["resources"]
    return [each["urn"] for each in resources if each["type"] in {f"etcd:index:{kind}" for kind in kinds}]


def _invocations(stack: Stack) -> dict[str, str]:
    script = "systemctl show -p InvocationID --value etcd.service"
    return {node: host.run(script).stdout.strip() for node, host in stack.hosts.items()}


@pytest.fixture(scope="module")
def stack(fresh_for_module: MakeHosts, make_module_stack: MakeStack) -> Stack:
    made = make_module_stack(fresh_for_module(3))
    made.up()
    return made


def test_no_replaced_resource_costs_a_write_or_a_restart(stack: Stack, tools: Path, measure: Measure) -> None:
    before = _invocations(stack)
    with Writer(Client(stack, tools)) as writer:
        for kinds in (("Rollout",), ("Host",), ("Preflight", "Service"), ("Preflight", "Host", "Service", "Rollout")):
            words = [word for urn in _urns(stack, *kinds) for word in ("--replace", urn)]
            said = stack.up(*words).stdout
            assert "replaced" in said
            assert _invocations(stack) == before, kinds
        stack.up("--target-replace", *_urns(stack, "Rollout"))
        client = Client(stack, tools)
        writer.follow(client)
        measure("resources replaced", writer)
    writer.served_all(client)
    assert _invocations(stack) == before
    assert stack.preview("--expect-no-changes").returncode == 0


def test_a_run_of_a_part_is_refused_where_the_cluster_would_change(stack: Stack) -> None:
    before, (rollout,) = _invocations(stack), _urns(stack, "Rollout")
    # With the health check's provider left out the engine refuses by itself, else Rollout does.
    for more in ((), ("--target", "**pulumi-python::etcd-dynamic")):
        words = ("--yes", "--skip-preview", "--target", rollout, *more, "--target-dependents")
        done = stack.run("destroy", *words, seconds=120)
        assert done.returncode != 0, done.stdout
        assert _invocations(stack) == before
    stack.up()

    host = next(iter(stack.hosts.values()))
    known = stack.lab.known_hosts.read_text().split()
    key = f"ssh-ed25519 {known[known.index('ssh-ed25519') + 1]}"
    address = host.address.rpartition(".")[0] + ".250"
    stack.config["nodes"]["etcd-4"] = {"address": address, "ssh": {"host_key": key}}
    assert "etcd-4: it is new, and `--target` or `--exclude` leaves out Preflight" in stack.refused(
        "--target", "**etcd-etcd-4-**"
    )
    del stack.config["nodes"]["etcd-4"]

    stack.config["etcd"] = {"snapshot-count": "20000"}
    left_out = "Preflight is left out of this run by `--target` or `--exclude`"
    assert left_out in stack.refused("--exclude", "**index:Preflight::**")
    assert _invocations(stack) == before
    del stack.config["etcd"]
    stack.up()
    assert _invocations(stack) == before


def test_what_was_lost_from_the_state_is_made_again_and_nothing_restarts(stack: Stack) -> None:
    before = _invocations(stack)
    for urn in _urns(stack, "Rollout", "Service", "Host"):
        done = stack.run("state", "delete", urn, "--yes", "--target-dependents", config_file=False)
        assert done.returncode == 0, done.stdout
        stack.up()
        assert _invocations(stack) == before, urn
    assert stack.preview("--expect-no-changes").returncode == 0


def test_a_run_without_a_refresh_sees_what_changed_on_the_hosts_where_it_matters(stack: Stack) -> None:
    before, (first, _, third) = _invocations(stack), stack.hosts.values()
    # With a change due, Preflight and Rollout look at the hosts themselves.
    third.run("systemctl stop etcd")
    first.run("rm /etc/systemd/system/etcd.service; systemctl daemon-reload")
    stack.config["etcd"] = {"snapshot-count": "20001"}
    stack.up("--refresh=false")
    after = _invocations(stack)
    assert not [node for node in before if after[node] in ("", before[node])]
    assert [member["healthy"] for member in stack.output("members")] == [True] * 3
    assert stack.preview("--expect-no-changes").returncode == 0
    # With nothing due it believes its state (docs/state.md); a run that looks repairs.
    third.run("systemctl stop etcd")
    pids = stack.pids()
    done = stack.try_up("--refresh=false")
    assert done.returncode == 0, done.stdout[-4000:]
    assert stack.pids() == pids and pids["etcd-3"] == 0
    stack.up()
    assert 0 not in stack.pids().values()
    assert stack.preview("--expect-no-changes").returncode == 0
