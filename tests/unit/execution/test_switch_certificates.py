"""New leaf certificates come into use on one member first, and on the others once that one serves with them."""

import asyncio
from typing import Any

import pytest

from etcd_cluster.errors import ClusterError
from etcd_cluster.execution import Deadlines, Operations, execute, operations
from etcd_cluster.lease import Lease, now
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.observation.query import Query
from etcd_cluster.planning import SwitchCertificates
from etcd_cluster.ssh.session import Result
from tests.unit.samples import serving, silent, target
from tests.unit.sent_scripts import sent

OLD = {"active_certificates": "c0"}
NAMES = ("a", "b", "c")


class Host:
    """Notes which certificates its member uses, in the order in which all members got theirs."""

    def __init__(self, name: str, switched: list[str]) -> None:
        self.name = name
        self.switched = switched

    async def run(self, script: str, **_: Any) -> Result:
        call = sent(script)
        assert call.name == "certificates" and call.is_guarded
        self.switched.append(f"{self.name} {call.variables['certificates']}")
        return Result(0, "", "")


def switch(facts: dict[str, HostFacts], refused: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], str]:
    """Switch the certificates of all members; return the switches in their order and what was said of a failure."""
    switched: list[str] = []

    async def observe(*_: Any) -> HostFacts:
        assert switched, "nobody is asked before its certificates change"
        return silent("b", query=Query.CANNOT_ASK, query_words="bad certificate") if refused else serving("b")

    async def say(_: str) -> None:
        """Nobody listens."""

    monkeypatch.setattr(operations, "observe", observe)
    monkeypatch.setattr(operations, "_REFUSED_SECONDS", 0.1)
    hosts = {name: Host(name, switched) for name in NAMES}
    deadlines = Deadlines(60, 180, 120, 600, 90, 60)
    work = Operations(hosts, target(), Lease("run-1", now()), deadlines, None, say, None, facts)  # type: ignore[arg-type]
    try:
        asyncio.run(execute(work, SwitchCertificates(NAMES)))
    except ClusterError as error:
        return switched, str(error)
    return switched, ""


ALL_SERVE = {name: serving(name, leader="a", **OLD) for name in NAMES}


def test_a_follower_has_new_certificates_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert switch(ALL_SERVE, False, monkeypatch) == (["b c1", "a c1", "c c1"], "")


def test_certificates_that_one_member_does_not_serve_with_reach_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    switched, said = switch(ALL_SERVE, True, monkeypatch)
    assert switched == ["b c1", "b c0"]
    assert "b: it did not go on to serve with its new certificates" in said and "bad certificate" in said


def test_where_nobody_serves_all_have_new_certificates_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    expired = {name: silent(name, **OLD) for name in NAMES}
    assert switch(expired, False, monkeypatch) == (["a c1", "b c1", "c c1"], "")
