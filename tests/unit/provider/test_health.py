"""What the health check makes of a member that is not healthy while nothing is due."""

from typing import Any

import pytest

from components.cluster_health import ClusterHealthProvider
from etcd_cluster import health
from etcd_cluster.health import MemberHealth
from tests.unit import samples as core_samples
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
