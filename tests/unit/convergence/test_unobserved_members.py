"""Who answers although no host that was looked at runs it."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.convergence.unobserved_members import Answers, ask_unobserved_members
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.rendering import revision
from etcd_cluster.ssh.session import Address, Result
from tests.unit.samples import CLUSTER, listed, member, member_id, serving, silent, stopped

FORMER = replace(member("c"), address="192.0.2.9")
# a host that has the data of c, and on which c was at the former address
COPY = stopped("c", active_environment=revision.environment_text(revision.environment(FORMER)))
C_ID = int(member_id("c"), 16)
STATUS = {"Status": {"header": {"member_id": C_ID, "cluster_id": int(CLUSTER, 16)}, "version": "3.6.16"}}


class Hosts:
    """Stands in for all hosts: etcdctl gives one answer on any of them, and what it was asked is kept."""

    def __init__(self, answer: Any, logged: str = "", status: int = 0) -> None:
        self.answer, self.logged, self.status = answer, logged, status
        self.asked: list[str] = []

    async def session(self, *_: Any) -> "Hosts":
        return self

    async def run(self, *words: str, **_: Any) -> Result:
        self.asked.append(" ".join(words))
        return Result(self.status, "" if self.answer is None else json.dumps(self.answer), self.logged)


def alive(seen: Mapping[str, HostFacts], answer: Any, logged: str = "", status: int = 0) -> tuple[Answers, list[str]]:
    """Return what members that no host runs say and what was asked, when etcdctl answers and logs this."""
    hosts = Hosts(answer, logged, status)
    address = Address("192.0.2.1", 22, "root", None, None, False, None, False, 5)
    nodes = {name: member(name) for name in seen}
    return asyncio.run(
        ask_unobserved_members(hosts, dict.fromkeys(nodes, address), nodes, seen, 60)  # type: ignore[arg-type]
    ), hosts.asked


def logged(reason: str, target: str = "192.0.2.9:2379") -> str:
    """Return what etcdctl 3.6.16 logs of an endpoint that gave it no answer."""
    balancer = f'latest balancer error: connection error: desc = "{reason}"'
    entry = {
        "level": "warn",
        "target": f"etcd-endpoints://0x1/{target}",
        "error": f"rpc error: code = X desc = {balancer}",
    }
    return json.dumps(entry) + "\n"


SILENCE = "transport: Error while dialing: dial tcp 192.0.2.9:2379: connect: connection refused"
REFUSED = "error reading server preface: remote error: tls: bad certificate"
UNVERIFIED = "transport: authentication handshake failed: tls: failed to verify certificate: x509: unknown authority"
CONFLICT = json.dumps({"level": "fatal", "msg": "conflicting environment variable", "environment-variable": "E"})


@pytest.mark.parametrize(
    ("error", "log", "unclear"),
    [
        ("context deadline exceeded", "", None),
        ("context deadline exceeded", logged(SILENCE), None),
        ("context deadline exceeded", logged(REFUSED), REFUSED),
        ("context deadline exceeded", logged(UNVERIFIED), UNVERIFIED),
        ("context deadline exceeded", logged(REFUSED, "192.0.2.8:2379"), None),
        ("etcdserver: no leader", "", "etcdserver: no leader"),
        (None, CONFLICT, "conflicting environment variable (E)"),
    ],
)
def test_only_silence_is_silence(error: str | None, log: str, unclear: str | None) -> None:
    away = replace(listed("c"), client_urls=("https://192.0.2.9:2379",))
    seen = {name: serving(name, members=(listed("a"), listed("b"), away)) for name in "ab"}
    answer = [{"endpoint": "https://192.0.2.9:2379", "health": False, "error": error}] if error else None
    found, _ = alive(seen, answer, log, 1)
    assert found == Answers(unclear={member_id("c"): unclear} if unclear else {})


def test_a_learner_that_gives_no_linearizable_answer_is_as_it_was_before() -> None:
    away = replace(listed("c"), client_urls=("https://192.0.2.9:2379",), is_learner=True)
    seen = {name: serving(name, members=(listed("a"), listed("b"), away)) for name in "ab"}
    error = "etcdserver: rpc not supported for learner"
    found, _ = alive(seen, [{"endpoint": "https://192.0.2.9:2379", "health": False, "error": error}], "", 1)
    assert found == Answers()


@pytest.mark.parametrize(("reason", "unclear"), [(SILENCE, False), (REFUSED, True)])
def test_what_refuses_us_at_the_former_address_of_a_copy_may_be_its_original(reason: str, unclear: bool) -> None:
    found, _ = alive({"c": COPY}, [], logged(reason), 1)
    assert found == Answers(unclear={member_id("c"): reason} if unclear else {})


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        ({"health": True}, True),
        ({"health": False, "error": "Active Alarm(s): NOSPACE "}, True),
        ({"health": False, "error": "context deadline exceeded"}, False),
    ],
)
def test_a_member_elsewhere_answers_also_while_an_alarm_is_raised(said: dict[str, Any], answers: bool) -> None:
    away = replace(listed("c"), client_urls=("https://192.0.2.9:2379",))
    seen = {name: serving(name, members=(listed("a"), listed("b"), away)) for name in "ab"}
    found, asked = alive(seen, [{"endpoint": "https://192.0.2.9:2379", **said}])
    assert len(asked) == 1 and "--command-timeout=5s" in asked[0]
    assert found == Answers(frozenset({member_id("c")} if answers else ()))


@pytest.mark.parametrize(("answer", "answers"), [([STATUS], True), ([], False), (None, False)])
def test_where_nobody_serves_the_holder_of_data_asks_at_the_former_address(answer: Any, answers: bool) -> None:
    found, asked = alive({"c": COPY}, answer, "" if answers else logged(SILENCE), 0 if answers else 1)
    assert found == Answers(frozenset({member_id("c")} if answers else ()))
    assert len(asked) == 1 and "--endpoints=https://192.0.2.9:2379" in asked[0] and "endpoint status" in asked[0]
    assert "--command-timeout=10s" in asked[0], "a copy starts on the strength of this silence"


SAME_PLACE = stopped("c", active_environment=revision.environment_text(revision.environment(member("c"))))


@pytest.mark.parametrize(
    "seen",
    [
        SAME_PLACE,
        stopped("c"),
        replace(COPY, has_wal=False, wal=None),
        silent("c", active_environment=COPY.active_environment),
    ],
    ids=["the address is the same", "nothing is active", "there is no data", "it runs here"],
)
def test_nobody_else_is_asked(seen: HostFacts) -> None:
    assert alive({"c": seen}, [STATUS]) == (Answers(), [])
