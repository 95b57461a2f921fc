"""Another version of etcd on a running cluster: up and back down, while a client writes from outside."""

from pathlib import Path

import pytest

from dev import releases
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack
from tests.lab.outside import Client, Writer

pytestmark = pytest.mark.lab

OLD, MIDDLE, NEW = "3.5.33", "3.6.16", "3.7.3"
SNAPSHOTS = "/var/lib/etcd-snapshots"


def _have(*versions: str) -> None:
    """Build what the lab does not have yet, and with it the sums that the settings name."""
    for version in versions:
        releases.ensure(version)


def _runs(stack: Stack, version: str) -> None:
    """Check that every member runs a version, by what it says itself, and that its host's links say the same."""
    assert [(each["healthy"], each["version"]) for each in stack.output("members")] == [(True, version)] * 3
    assert stack.output("version") == version
    for host in stack.hosts.values():
        assert host.run("readlink -f /usr/local/bin/etcd").stdout == f"/opt/etcd/v{version}/etcd\n"
    assert stack.preview("--expect-no-changes").returncode == 0


def _snapshots(stack: Stack) -> dict[str, list[str]]:
    listing = f"mkdir -p {SNAPSHOTS}; ls {SNAPSHOTS}"
    return {node: host.run(listing).stdout.splitlines() for node, host in stack.hosts.items()}


def _restarted_in_order(said: str) -> list[str]:
    lines = [line.strip() for line in said.splitlines() if line.strip().startswith("Restart ")]
    return [line.removeprefix("Restart ").partition(",")[0].partition(" ")[0] for line in lines]


def test_a_minor_upgrade_and_the_online_downgrade_lose_no_write(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    _have(MIDDLE, NEW)
    stack = make_stack(fresh(3), snapshots={"keep": 2})
    stack.up()
    for host in stack.hosts.values():
        host.run(f"mkdir -p {SNAPSHOTS}; cd {SNAPSHOTS}; touch etcd-20250101T000000Z.db etcd-20250201T000000Z.db notes")
    client, leader = Client(stack, tools), stack.output("leader")["name"]
    with Writer(client) as writer:
        stack.config["version"] = NEW
        order = _restarted_in_order(stack.up().stdout)
        measure(f"{MIDDLE} → {NEW}", writer)
        assert order[-1] == leader
        assert sorted(order) == sorted(stack.hosts)
        _runs(stack, NEW)
        kept = _snapshots(stack)
        assert kept[leader][0] == "etcd-20250201T000000Z.db"
        assert len(kept[leader]) == 3
        host = stack.hosts[leader]
        saved = f"/opt/etcd/v{MIDDLE}/etcdutl snapshot status {SNAPSHOTS}/{kept[leader][1]} -w json"
        assert '"totalKey"' in host.run(saved).stdout
        assert host.run(f"stat -c %a {SNAPSHOTS} {SNAPSHOTS}/{kept[leader][1]}").stdout == "700\n600\n"
        leader = stack.output("leader")["name"]
        stack.config["version"] = MIDDLE
        said = stack.up().stdout
        measure(f"{NEW} → {MIDDLE}", writer)
        assert "Bring the storage version down to 3.6, while all members serve" in said
        assert _restarted_in_order(said)[-1] == leader
        _runs(stack, MIDDLE)
    writer.served_all(client)


@pytest.mark.long
def test_from_3_5_to_3_7_one_minor_at_a_time(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    _have(OLD, MIDDLE, NEW)
    stack = make_stack(fresh(3), version=OLD, etcd={"experimental-corrupt-check-time": "4h"})
    said = stack.up().stdout
    assert "warning" in said
    assert "3.5" in said.partition("warning")[2].splitlines()[0]
    client, pids = Client(stack, tools), stack.pids()
    with Writer(client) as writer:
        stack.config["version"] = NEW
        said = stack.refused()
        assert "Write corrupt-check-time: 4h instead" in said
        stack.config["etcd"] = {"corrupt-check-time": "4h"}
        assert f"{NEW} is more than one minor above {OLD}" in stack.refused()
        assert stack.pids() == pids
        stack.config["version"] = MIDDLE
        said = stack.up().stdout
        measure(f"{OLD} → {MIDDLE}", writer)
        assert "that no v2 data is left" in said
        _runs(stack, MIDDLE)
        pids = stack.pids()
        stack.config["version"] = NEW
        assert "its log still holds entries of etcd 3.5" in stack.refused()
        assert stack.pids() == pids
        stack.config |= {"version": MIDDLE, "etcd": {"corrupt-check-time": "4h", "snapshot-count": "1"}}
        stack.up()
        measure("a raft snapshot on each member", writer)
        stack.config |= {"version": NEW, "etcd": {"corrupt-check-time": "4h"}}
        stack.up()
        measure(f"{MIDDLE} → {NEW}", writer)
        _runs(stack, NEW)
    writer.served_all(client)
    assert sum(name.endswith(".db") for names in _snapshots(stack).values() for name in names) == 2


@pytest.mark.long
@pytest.mark.parametrize(("old", "new"), [(OLD, MIDDLE), (MIDDLE, NEW)])
def test_while_one_old_member_remains_the_version_goes_back(
    old: str, new: str, fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    _have(old, new)
    stack = make_stack(fresh(3), version=old)
    stack.up()
    client = Client(stack, tools)
    with Writer(client) as writer:
        stack.config["version"] = new
        stack.variables["ETCD_CLUSTER_CRASH_AT"] = "member-served"
        for _ in range(2):
            assert stack.try_up().returncode != 0
        del stack.variables["ETCD_CLUSTER_CRASH_AT"]
        versions = [entry["Status"]["version"] for entry in client.json("endpoint", "status")]
        assert sorted(versions) == [old, new, new]
        stack.config["version"] = old
        said = stack.up().stdout
        measure(f"two of three back from {new} to {old}", writer)
        assert "storage version" not in said
        assert len(_restarted_in_order(said)) == 2
        _runs(stack, old)
    writer.served_all(client)
