"""What the health check makes of a member that is not healthy while nothing is due."""

import asyncio
from typing import Any

import pytest

from components.cluster_health import ClusterHealthProvider
from etcd_cluster import health
from etcd_cluster.errors import Unreachable
from etcd_cluster.health import MemberHealth
from etcd_cluster.reasons import Reason
from provider.resource import Context
from provider.resources.cluster_health import ClusterHealth
from tests.unit import samples as core_samples
from tests.unit.provider.provider_calls import Engine
from tests.unit.provider.test_resources import CONNECTION

INPUTS: dict[str, Any] = {
    "connections": {"a": CONNECTION},
    "targets": {"a": core_samples.member().inputs()},
    "steps": 3,
    "seconds": 60,
    "__provider": "by name",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note who is asked: once by `check`, until all are healthy by `wait`."""
    calls: list[str] = []

    def answering(name: str) -> Any:
        async def answer(*_: Any) -> list[MemberHealth]:
            calls.append(name)
            return [MemberHealth("a", "1", "https://192.0.2.1:2379", healthy=name == "wait", error="no answer")]

        return answer

    monkeypatch.setattr(health, "check", answering("check"))
    monkeypatch.setattr(health, "wait", answering("wait"))
    return calls


@pytest.mark.parametrize(
    ("olds", "differs"),
    [({}, False), ({"healthy": True}, False), ({"healthy": False}, True), ({"healthy": True, "steps": 2}, True)],
)
def test_a_member_that_is_not_healthy_is_a_difference(olds: dict[str, Any], differs: bool) -> None:
    assert ClusterHealthProvider().diff("health", {**INPUTS, **olds}, INPUTS).changes is differs


def test_where_nothing_else_changed_a_member_that_is_down_fails_no_run(asked: list[str]) -> None:
    provider = ClusterHealthProvider()
    outs = provider.update("health", {**INPUTS, "healthy": False}, INPUTS).outs
    assert asked == ["check"] and outs is not None and outs["healthy"] is False
    provider.update("health", {**INPUTS, "steps": 2}, INPUTS)
    assert asked == ["check", "wait"]


def served(inputs: dict[str, Any], state: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the outputs of the provider's own check, created anew or updated from `state`."""
    check = ClusterHealth(Context(Engine()))  # type: ignore[arg-type]
    if state is None:
        return asyncio.run(check.create("urn", inputs))[1]
    return asyncio.run(check.update("urn", state, inputs))


def test_the_providers_own_check_does_as_the_dynamic_one(asked: list[str]) -> None:
    made = served(INPUTS)
    assert asked == ["wait"] and made["healthy"] and made["members"][0]["name"] == "a"
    assert made["steps"] == 3
    assert not served(INPUTS, {**made, "healthy": False})["healthy"]
    assert asked == ["wait", "check"]
    assert served({**INPUTS, "steps": 4}, made)["healthy"]
    assert asked == ["wait", "check", "wait"]


@pytest.mark.parametrize(("state", "differs"), [({}, []), ({"healthy": False}, ["healthy"]), ({"steps": 2}, ["steps"])])
def test_the_providers_own_check_has_the_same_differences(state: dict[str, Any], differs: list[str]) -> None:
    check = ClusterHealth(Context(Engine()))  # type: ignore[arg-type]
    assert asyncio.run(check.diff({**INPUTS, **state}, INPUTS)) == differs


def test_the_providers_own_check_never_fails_a_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreachable(*_: Any) -> list[MemberHealth]:
        raise Unreachable.of(Reason.HOST_UNREACHABLE, "a", "no route to host", "Start it")

    monkeypatch.setattr(health, "check", unreachable)
    check = ClusterHealth(Context(Engine()))  # type: ignore[arg-type]
    outputs = asyncio.run(check.read("urn", INPUTS))
    assert not outputs["healthy"] and outputs["members"][0]["error"] == "no route to host"
