"""What is written for a member whose configuration directory changes: where it runs, and where it is to run."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from etcd_cluster.execution import Deadlines, Operations, bootstrap
from etcd_cluster.observation.facts import HostFacts, Place
from etcd_cluster.planning import SwitchCertificates
from tests.unit.samples import serving, target

DEADLINES = Deadlines(60, 180, 120, 600, 90, 60)


class Noting(Operations):
    """Steps that only note which script was to run with which variables."""

    def __init__(self, config: str) -> None:
        place = Place(config, "/usr/local/bin", "/opt/etcd", "/usr/local/bin/etcdctl")
        lease: Any = SimpleNamespace(check=lambda: None, holder="run")
        facts = {"a": replace(serving("a"), place=place)}
        super().__init__({}, target("a"), lease, DEADLINES, None, _nothing, None, facts)
        self.ran: list[tuple[str, dict[str, Any]]] = []

    async def guarded(
        self, name: str, script: str, /, *, stdin: str | bytes = "", seconds: int = 0, **variables: Any
    ) -> str:
        self.ran.append((script, variables))
        return ""

    async def look(self, name: str) -> HostFacts:
        return self.facts[name]

    def etcdctl(self, name: str, seconds: int | None = None) -> Any:
        async def status() -> Any:
            return self.facts[name].status

        return SimpleNamespace(status=status)


async def _nothing(_message: str) -> None:
    return None


def test_a_birth_is_recorded_where_the_member_runs_too() -> None:
    # A change of the directory that was interrupted and taken back: what is read is where it runs.
    for config, written in (("/etc/etcd", ["/etc/etcd"]), ("/etc/left", ["/etc/etcd", "/etc/left"])):
        ops = Noting(config)
        asyncio.run(bootstrap.record_bootstrap(ops, ["a"]))
        assert [variables["config"] for _, variables in ops.ran] == written


def test_leafs_are_switched_where_the_member_runs() -> None:
    ops = Noting("/etc/left")
    asyncio.run(bootstrap.switch_certificates(ops, SwitchCertificates(("a",))))
    variables = {"config": "/etc/etcd", "certificates": "c1", "here": "/etc/left"}
    assert ops.ran == [("certificates", variables)]
