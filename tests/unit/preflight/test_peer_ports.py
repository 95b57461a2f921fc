"""Ways between hosts: a firewall or an unknown name is found before a member waits for the others."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import asyncssh
import pytest

from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.preflight import peer_ports
from etcd_cluster.ssh import dial
from etcd_cluster.ssh.dial import Way
from etcd_cluster.ssh.session import connect
from tests.unit.samples import empty, member, serving
from tests.unit.ssh.loopback_server import serving as ssh_serving


@dataclass
class Host:
    """A session whose connections end as the test says, by address."""

    ends: Mapping[str, Way]

    async def reach(self, host: str, port: int, seconds: float) -> Way:
        assert (port, seconds) == (2380, 5)
        return self.ends.get(host, Way.OPEN)


def problems(ends: Mapping[str, Mapping[str, Way]], facts: Mapping[str, HostFacts] | None = None) -> list[str]:
    """Return what is said of hosts `a`, `b` and `c`, whose ways end as given."""
    seen = facts or {name: empty() for name in "abc"}
    sessions = {name: Host(ends.get(name, {})) for name in "abc"}
    found = asyncio.run(peer_ports.problems(sessions, {name: member(name) for name in "abc"}, seen))
    return [str(problem) for problem in found]


def test_hosts_that_reach_each_other_are_fit() -> None:
    assert problems({}) == []
    assert problems({"a": {"192.0.2.2": Way.NOT_ASKED}}) == []


@pytest.mark.parametrize(("way", "words"), [(Way.SILENT, "no answer within 5 s"), (Way.CUT, "no route to it")])
def test_a_blocked_peer_port_is_named_for_each_direction(way: Way, words: str) -> None:
    (first, second) = problems({"a": {"192.0.2.2": way}, "c": {"192.0.2.1": way}})
    assert first.startswith(f"a: it cannot reach 192.0.2.2:2380, where b is to serve its peers: {words}. ")
    assert second.startswith("c: it ") and "Let the hosts reach each other at TCP port 2380" in second


def test_a_name_that_a_host_does_not_know_is_named_with_the_setting() -> None:
    (found,) = problems({"b": {"192.0.2.3": Way.UNKNOWN_NAME}})
    assert found.startswith("b: it cannot resolve 192.0.2.3, the address of c.")
    assert "`nodes.c.ssh.host`" in found


def test_only_ways_from_and_to_new_members_are_tried() -> None:
    silent = {name: {f"192.0.2.{number}": Way.SILENT for number in (1, 2, 3)} for name in "abc"}
    running = {"a": serving("a"), "b": serving("b")}
    assert peer_ports.are_known({**running, "c": serving("c")})
    facts = {**running, "c": empty()}
    assert not peer_ports.are_known(facts)
    found = problems(silent, facts)
    assert [line[0] for line in found] == ["a", "b", "c", "c"]


def failed(reason: str, code: int = asyncssh.OPEN_CONNECT_FAILED) -> Exception:
    return asyncssh.ChannelOpenError(code, reason)


@pytest.mark.parametrize(
    ("error", "way"),
    [
        (failed("Connection refused"), Way.OPEN),
        (failed("Connection timed out"), Way.CUT),
        (failed("No route to host"), Way.CUT),
        (failed("Name or service not known"), Way.UNKNOWN_NAME),
        (failed("Temporary failure in name resolution"), Way.UNKNOWN_NAME),
        (failed("open failed"), Way.OPEN),
        (failed("open failed", asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED), Way.NOT_ASKED),
        (asyncssh.ConnectionLost("gone"), Way.NOT_ASKED),
        (TimeoutError(), Way.SILENT),
    ],
)
def test_sshds_reason_tells_what_came_of_it(error: Exception, way: Way) -> None:
    async def open_connection(*_: Any, **__: Any) -> Any:
        raise error

    connection: Any = SimpleNamespace(open_connection=open_connection)
    assert asyncio.run(dial.way(connection, "192.0.2.2", 2380, 1)) is way


def test_a_server_opens_a_connection_or_tells_that_it_cannot() -> None:
    async def run() -> list[Way]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            async with ssh_serving() as server:
                session = await connect("a", server.address())
                answers = [await session.reach("127.0.0.1", port, 5)]
                listener.close()
                answers.append(await session.reach("127.0.0.1", port, 5))
                answers.append(await session.reach("no-such-host.invalid", port, 5))
                await session.close()
                return answers

    answers = asyncio.run(run())
    assert answers[:2] == [Way.OPEN, Way.OPEN]
    assert answers[2] in (Way.OPEN, Way.UNKNOWN_NAME), "asyncssh's server has fewer words than OpenSSH"
