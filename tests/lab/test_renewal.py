"""Certificates that come to their end: renewed in time with nobody noticing, and repaired when it is too late."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509

from dev.lab.system import until
from tests.lab.aging import let_all_end
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack
from tests.lab.outside import Client, Writer, served

pytestmark = pytest.mark.lab


def _served_by_all(stack: Stack, ports: Sequence[int] = (2379, 2380)) -> dict[str, x509.Certificate]:
    return {f"{node}:{port}": served(host.address, port) for node, host in stack.hosts.items() for port in ports}


def _all_are_new(before: dict[str, x509.Certificate], after: dict[str, x509.Certificate]) -> None:
    now = datetime.datetime.now(datetime.UTC)
    assert {each.serial_number for each in after.values()}.isdisjoint(each.serial_number for each in before.values())
    for place, certificate in after.items():
        assert certificate.not_valid_after_utc > now + datetime.timedelta(days=300), place


def test_certificates_inside_the_window_are_renewed_and_nobody_restarts(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    stack = make_stack(fresh(3))
    stack.up()
    let_all_end(stack, datetime.timedelta(days=10))
    pids, before = stack.pids(), _served_by_all(stack)
    assert all((each.not_valid_after_utc - datetime.datetime.now(datetime.UTC)).days < 10 for each in before.values())
    with Writer(Client(stack, tools)) as writer:
        said = stack.up().stdout
        client = Client(stack, tools)
        writer.follow(client)
        measure("all certificates renewed", writer)
    assert "Restart" not in said
    assert stack.pids() == pids
    _all_are_new(before, _served_by_all(stack))
    client.put("renewed", "client")
    writer.served_all(client)
    assert stack.preview("--expect-no-changes").returncode == 0


@pytest.mark.long
@pytest.mark.parametrize("rebooted", [False, True])
def test_one_up_repairs_a_cluster_whose_certificates_have_all_expired(
    rebooted: bool, fresh: MakeHosts, make_stack: MakeStack, tools: Path
) -> None:
    stack = make_stack(fresh(3))
    stack.up()
    client = Client(stack, tools)
    client.put("before", "the end")
    cluster_id, pids = stack.output("cluster_id"), stack.pids()
    let_all_end(stack, datetime.timedelta(hours=-1))
    if rebooted:
        for host in stack.hosts.values():
            host.run("systemctl restart --no-block etcd")
        assert until(lambda: 0 not in stack.pids().values() and stack.pids() != pids, 30)
        assert client.run("get", "before", check=False).returncode != 0
    else:
        assert "expired" in client.run("get", "before", check=False).stderr
    # a member that has no quorum at its start does not serve clients yet
    before = _served_by_all(stack, [2380] if rebooted else [2379, 2380])
    assert all(each.not_valid_after_utc < datetime.datetime.now(datetime.UTC) for each in before.values())
    stack.up()
    client = Client(stack, tools)
    assert client.get("before") == "the end"
    _all_are_new(before, _served_by_all(stack))
    assert stack.output("cluster_id") == cluster_id
    assert [each["healthy"] for each in stack.output("members")] == [True] * 3
    if not rebooted:
        assert stack.pids() == pids
    ends = json.dumps(stack.output("certificates"))
    assert str(datetime.datetime.now(datetime.UTC).year + 1) in ends
    assert stack.preview("--expect-no-changes").returncode == 0
