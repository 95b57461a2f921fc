"""Whatever the engine is asked for: no replacement, import or run of a part stops the cluster or empties a host."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import grpc.aio
import pytest
from pulumi.runtime.proto import provider_pb2

from etcd_cluster import lease
from etcd_cluster.errors import ClusterError
from etcd_cluster.observation.facts import Stamp
from etcd_cluster.reasons import Reason
from provider.resources.host import Host
from provider.resources.rollout import Rollout
from provider.values import UNKNOWN
from tests.unit import samples as core_samples
from tests.unit.provider.provider_calls import Thing, calls, properties
from tests.unit.provider.test_resources import (
    BARE,
    CLAIMED,
    CONNECTION,
    HOST,
    PREFLIGHT_URN,
    ROLLED,
    ROLLOUT,
    Hosts,
    converged,
    hosts,
)
from tests.unit.provider.test_server import asynchronous
from tests.unit.samples import because

__all__ = ["converged", "hosts"]

ROLLOUT_URN = "urn:pulumi:dev::project::etcd:index:Cluster$etcd:index:Rollout::etcd-rollout"
HOST_URN = "urn:pulumi:dev::project::etcd:index:Cluster$etcd:index:Node$etcd:index:Host::etcd-a-host"
ELSEWHERE = {**CONNECTION, "host": "192.0.2.9"}


@pytest.fixture(autouse=True)
def _free_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    class Held:
        async def __aenter__(self) -> SimpleNamespace:
            return SimpleNamespace()

        async def __aexit__(self, *_: Any) -> None:
            return None

    monkeypatch.setattr(lease, "held", lambda *_: Held())


def stopped(hosts: Hosts) -> bool:
    return (("/etc/etcd", "h1"), b"") in hosts.runs


# Rollout


@pytest.mark.parametrize("urn", [ROLLOUT_URN, ROLLOUT_URN.replace("etcd-rollout", "renamed")])
def test_a_rollout_that_another_one_replaces_stops_nothing(hosts: Hosts, urn: str) -> None:
    hosts.run.checked[urn] = ROLLOUT
    asyncio.run(Rollout(hosts).delete(ROLLOUT_URN, ROLLED))
    assert hosts.runs == [] and not hosts.destroying


@pytest.mark.parametrize("other", [[], [{**ROLLOUT, "connections": {"b": ELSEWHERE}}]])
def test_a_rollout_that_nothing_replaces_stops_its_members(hosts: Hosts, other: list[Any]) -> None:
    for inputs in other:
        hosts.run.checked[ROLLOUT_URN.replace("etcd-rollout", "another-cluster")] = inputs
    asyncio.run(Rollout(hosts).delete(ROLLOUT_URN, ROLLED))
    assert stopped(hosts) and hosts.destroying


def test_a_destroy_of_a_part_stops_nothing(hosts: Hosts) -> None:
    hosts.run.read[ROLLOUT_URN] = ROLLED
    with pytest.raises(ClusterError, check=because(Reason.PARTIAL_RUN, "destroy")):
        asyncio.run(Rollout(hosts).delete(ROLLOUT_URN, ROLLED))
    assert hosts.runs == [] and not hosts.destroying


@pytest.mark.parametrize("also", [{PREFLIGHT_URN: {}}, {HOST_URN: CLAIMED}])
def test_a_destroy_of_all_is_one_although_a_resource_was_lost_from_the_state(
    hosts: Hosts, also: dict[str, Any]
) -> None:
    hosts.run.read.update({ROLLOUT_URN: ROLLED, **also})
    asyncio.run(Rollout(hosts).delete(ROLLOUT_URN, ROLLED))
    assert stopped(hosts)


def test_a_rollout_that_replaces_one_goes_on_from_what_that_one_knew(hosts: Hosts, converged: list[Any]) -> None:
    hosts.run.read[ROLLOUT_URN] = {**ROLLED, "members": {**ROLLED["members"], "b": ROLLED["members"]["a"]}}
    _, outputs = asyncio.run(Rollout(hosts).create(ROLLOUT_URN, ROLLOUT))
    assert converged[0].cluster_id == "beef" and list(converged[0].leaving) == ["b"]
    assert outputs["steps"] == ROLLED["steps"] + 2


def test_a_rollout_that_replaces_one_takes_no_step_where_nothing_is_due(hosts: Hosts, converged: list[Any]) -> None:
    hosts.run.read[ROLLOUT_URN] = ROLLED
    hosts.run.checked.clear()
    assert asyncio.run(Rollout(hosts).create(ROLLOUT_URN, ROLLOUT)) == ("beef", ROLLED)
    assert converged == []


def test_a_rollout_that_was_lost_from_the_state_knows_the_cluster_from_preflight(
    hosts: Hosts, converged: list[Any]
) -> None:
    for cluster_id, known in (("", None), ("beef", "beef")):
        hosts.run.checked[PREFLIGHT_URN] = {"cluster_id": cluster_id}
        asyncio.run(Rollout(hosts).create(ROLLOUT_URN, ROLLOUT))
        assert converged.pop().cluster_id == known


def test_nothing_is_changed_that_no_preflight_has_looked_at(hosts: Hosts, converged: list[Any]) -> None:
    hosts.run.checked.clear()
    rollout = Rollout(hosts)

    def failures(old: dict[str, Any], new: dict[str, Any]) -> int:
        return len(asyncio.run(rollout.check(ROLLOUT_URN, old, new))[1])

    changed = {**ROLLOUT, "members": {"a": {**ROLLOUT["members"]["a"], "revision": "r2"}}}
    assert failures(ROLLOUT, changed) == failures({}, ROLLOUT) == 1
    assert failures(ROLLOUT, ROLLOUT) == failures(ROLLOUT, {**ROLLOUT, "abandon_unreachable": True}) == 0
    with pytest.raises(ClusterError, check=because(Reason.PARTIAL_RUN, "cluster")):
        asyncio.run(rollout.update(ROLLOUT_URN, {**ROLLED, "running": {}}, ROLLOUT))
    with pytest.raises(ClusterError, check=because(Reason.PARTIAL_RUN, "cluster")):
        asyncio.run(rollout.create(ROLLOUT_URN, ROLLOUT))
    assert converged == []
    hosts.run.checked[PREFLIGHT_URN] = {}
    hosts.run.checked["urn:pulumi:dev::project::etcd:index:Service::a"] = {"member": UNKNOWN}
    hosts.seen = {"a": BARE}
    assert failures({}, ROLLOUT) == 0


def test_a_change_that_no_service_of_the_run_stages_is_refused(hosts: Hosts, converged: list[Any]) -> None:
    hosts.seen = {"a": BARE}
    rollout, service = Rollout(hosts), "urn:pulumi:dev::project::etcd:index:Service::a"
    moved = {**ROLLOUT, "members": {"a": {**ROLLOUT["members"]["a"], "peer_port": 9100}}}
    hosts.run.read[ROLLOUT_URN] = ROLLED
    hosts.run.checked = {PREFLIGHT_URN: {}}
    (failure,) = asyncio.run(rollout.check(ROLLOUT_URN, ROLLOUT, moved))[1]
    assert failure.reason.startswith("a: its Service is left out of this run by `--target`")
    with pytest.raises(ClusterError, check=because(Reason.PARTIAL_RUN, "a")):
        asyncio.run(rollout.update(ROLLOUT_URN, ROLLED, moved))
    assert converged == []
    restaged = {**ROLLOUT, "members": {"a": {**ROLLOUT["members"]["a"], "revision": "r2"}}}
    asyncio.run(rollout.update(ROLLOUT_URN, ROLLED, restaged))
    hosts.run.checked[service] = {"member": moved["members"]["a"]}
    asyncio.run(rollout.update(ROLLOUT_URN, ROLLED, moved))
    assert len(converged) == 2


# Host


def test_a_claim_on_a_host_that_is_still_wanted_removes_nothing(hosts: Hosts) -> None:
    hosts.run.checked[HOST_URN] = HOST
    asyncio.run(Host(hosts).delete(HOST_URN, CLAIMED))
    assert hosts.runs == [] and hosts.looks == 0


def test_a_host_that_is_replaced_by_another_machine_is_cleared(hosts: Hosts) -> None:
    hosts.run.checked[HOST_URN] = {**HOST, "connection": ELSEWHERE, "address": "192.0.2.9"}
    hosts.seen = {"a": BARE}
    asyncio.run(Host(hosts).delete(HOST_URN, CLAIMED))
    assert len(hosts.runs) == 1


SERVING = core_samples.serving("a", stamp=Stamp("owner", CLAIMED["host_id"], "a", "org/project/dev"))


def test_a_member_that_still_serves_is_not_cleared_away(hosts: Hosts) -> None:
    hosts.seen = {"a": SERVING}
    with pytest.raises(ClusterError, check=because(Reason.MEMBER_SERVING, "a")):
        asyncio.run(Host(hosts).delete(HOST_URN, CLAIMED))
    assert hosts.runs == []
    hosts.destroying = True
    asyncio.run(Host(hosts).delete(HOST_URN, CLAIMED))
    assert len(hosts.runs) == 1


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(replace(SERVING, members=()), id="it was removed"),
        pytest.param(replace(SERVING, stamp=Stamp("owner", "another", "a", "org/project/dev")), id="another claim"),
        pytest.param(replace(SERVING, healthy=False), id="it does not serve"),
    ],
)
def test_what_does_not_serve_this_cluster_does_not_hold_up_a_removal(hosts: Hosts, seen: Any) -> None:
    hosts.seen = {"a": seen}
    asyncio.run(Host(hosts).delete(HOST_URN, CLAIMED))
    assert len(hosts.runs) == 1


# the protocol


@asynchronous
async def test_a_replaced_resource_is_checked_with_what_the_refresh_has_read(thing: Thing) -> None:
    urn = "urn:pulumi:dev::project::etcd:index:Thing::a"
    seen: list[Any] = []

    async def check(_urn: str, old: dict[str, Any], new: dict[str, Any]) -> Any:
        seen.append(old)
        return new, ()

    thing.check = check  # type: ignore[method-assign]
    state, news = properties({"name": "a", "owner": "o"}), properties({"name": "a"})
    async with calls(thing) as stub:
        await stub.Check(provider_pb2.CheckRequest(urn=urn, news=news))
        await stub.Read(provider_pb2.ReadRequest(urn=urn, id="id-1", properties=state))
        await stub.Check(provider_pb2.CheckRequest(urn=urn, news=news))
        await stub.Check(provider_pb2.CheckRequest(urn=urn, olds=news, news=news))
    assert seen == [{}, {"name": "a", "owner": "o"}, {"name": "a"}]
    assert thing.context.run.checked == {urn: {"name": "a"}}


@asynchronous
async def test_nothing_of_this_program_can_be_imported(thing: Thing) -> None:
    request = provider_pb2.ReadRequest(urn="urn:pulumi:dev::project::etcd:index:Thing::a", id="id-1")
    async with calls(thing) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as status:
            await stub.Read(request)
    assert (status.value.details() or "").startswith("etcd:index:Thing: it cannot be imported")
    assert thing.calls == []
