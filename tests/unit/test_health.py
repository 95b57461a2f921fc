"""What the health check says, from the answers of etcdctl."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from etcd_cluster import health
from etcd_cluster.errors import ClusterError, Problem, Unreachable
from etcd_cluster.observation.etcdctl import Etcdctl
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason
from etcd_cluster.ssh.session import Address, Result
from tests.unit.samples import member, member_id

ADDRESS = Address("192.0.2.1", 22, "root", None, None, False, None, False, 5)
MEMBERS = {name: member(name) for name in "abc"}
ADDRESSES = dict.fromkeys(MEMBERS, ADDRESS)


class Answers:
    """Stands in for the hosts: which answer SSH, and what etcdctl says there."""

    def __init__(self, sick: Sequence[str] = (), unreachable: Sequence[str] = (), leader: str = "b") -> None:
        self.sick, self.unreachable, self.leader = list(sick), unreachable, leader
        self.asked: list[str] = []
        self.rounds = 0
        self.failed: Result | None = None
        self.logged = ""

    async def session(self, node: str, _address: Address) -> str:
        if node in self.unreachable:
            raise Unreachable(Problem(Reason.HOST_UNREACHABLE, node, "no way to it", "Check it"))
        return node

    async def close(self) -> None:
        """A pool is closed; there is nothing to close here."""

    async def ask(self, etcdctl: Etcdctl, *arguments: str, endpoints: Sequence[str] = (), limit: int = 0) -> Any:
        self.asked.append(etcdctl._session)  # type: ignore[arg-type]
        assert limit == 5, "a member that is down keeps etcdctl for as long as it may try"
        if arguments[-1] != "health":
            return self.status(), Result(0, "", "")
        if self.failed:
            self.rounds += 1
            return None, self.failed
        return self.health(), Result(1, "", self.logged)

    def health(self) -> Any:
        self.rounds += 1
        answers = [
            {"endpoint": one.client_url, "health": name not in self.sick, "error": "context deadline exceeded"}
            for name, one in MEMBERS.items()
        ]
        if self.rounds >= 3:
            self.sick.clear()
        return answers

    def status(self) -> Any:
        return [
            {
                "Endpoint": one.client_url,
                "Status": {
                    "header": {"member_id": int(member_id(name), 16), "cluster_id": 1},
                    "leader": int(member_id(self.leader), 16),
                    "version": "3.6.16",
                    "dbSize": 20480,
                    "raftTerm": 3,
                    "raftIndex": 17,
                },
            }
            for name, one in MEMBERS.items()
            if name not in self.sick
        ]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    given = Answers()

    async def ask(etcdctl: Etcdctl, *arguments: str, endpoints: Sequence[str] = (), limit: int = 0) -> Any:
        return await given.ask(etcdctl, *arguments, endpoints=endpoints, limit=limit)

    async def observe(*_: Any) -> HostFacts:
        return HostFacts()

    monkeypatch.setattr(health, "observe", observe)
    monkeypatch.setattr(health, "Pool", lambda: given)
    monkeypatch.setattr(Etcdctl, "ask", ask)
    return given


@pytest.mark.usefixtures("answers")
def test_every_member_is_told_with_its_id_and_the_leader_among_them() -> None:
    seen = asyncio.run(health.check(ADDRESSES, MEMBERS, 5))
    assert [(one.name, one.healthy, one.is_leader) for one in seen] == [
        ("a", True, False),
        ("b", True, True),
        ("c", True, False),
    ]
    assert seen[0] == health.MemberHealth(
        "a", member_id("a"), "https://192.0.2.1:2379", True, "3.6.16", 20480, False, False, 3, 17
    )
    outputs = health.summary(seen)
    assert outputs["leader"] == {"name": "b", "endpoint": "https://192.0.2.2:2379"}
    assert outputs["version"] == "3.6.16" and outputs["healthy"] is True
    assert outputs["members"][0]["id"] == member_id("a"), "an id is text: a number would lose its last digits"


def test_a_member_without_an_answer_is_a_value_with_its_error(answers: Answers) -> None:
    answers.sick = ["c"]
    seen = asyncio.run(health.check(ADDRESSES, MEMBERS, 5))
    assert seen[2] == health.MemberHealth(
        "c", "", "https://192.0.2.3:2379", healthy=False, error="context deadline exceeded"
    )
    assert health.summary(seen)["healthy"] is False


def test_without_a_leader_the_output_names_none() -> None:
    outputs = health.summary([health.MemberHealth("a", "", "https://192.0.2.1:2379", healthy=False)])
    assert outputs["leader"] == {"name": "", "endpoint": ""} and outputs["version"] == ""


def test_two_versions_at_once_are_both_told() -> None:
    seen = [health.MemberHealth(name, "", "", True, version) for name, version in (("a", "3.6.16"), ("b", "3.6.14"))]
    assert health.summary(seen)["version"] == "3.6.14 and 3.6.16"


def test_the_next_host_is_asked_where_one_cannot_be_reached(answers: Answers) -> None:
    answers.unreachable = ["a"]
    asyncio.run(health.check(ADDRESSES, MEMBERS, 5))
    assert set(answers.asked) == {"b"}


def test_with_no_host_to_ask_from_all_are_named(answers: Answers) -> None:
    answers.unreachable = "abc"
    with pytest.raises(ClusterError) as error:
        asyncio.run(health.check(ADDRESSES, MEMBERS, 5))
    assert [problem.where for problem in error.value.problems] == ["a", "b", "c"]


def test_the_check_waits_until_all_members_answer(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PAUSE_SECONDS", 0)
    answers.sick = ["c"]
    seen = asyncio.run(health.wait(ADDRESSES, MEMBERS, 5))
    assert all(one.healthy for one in seen) and answers.rounds == 4


def test_members_that_never_answer_are_named_at_the_deadline(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PAUSE_SECONDS", 0)
    answers.rounds, answers.sick = -1000, ["b", "c"]
    with pytest.raises(ClusterError) as error:
        asyncio.run(health.wait(ADDRESSES, MEMBERS, 0))
    assert [problem.where for problem in error.value.problems] == ["b", "c"]
    assert "gives no linearizable answer after 0 s (context deadline exceeded)" in str(error.value)


def test_members_that_could_not_be_asked_are_not_called_unhealthy(answers: Answers) -> None:
    answers.failed = Result(1, "", '{"msg":"conflicting environment variable","environment-variable":"ETCDCTL_CERT"}\n')
    with pytest.raises(ClusterError) as error:
        asyncio.run(health.wait(ADDRESSES, MEMBERS, 0))
    said = str(error.value)
    assert said.count("could not be asked from a (conflicting environment variable (ETCDCTL_CERT)), for 0 s") == 3
    assert "linearizable" not in said and "/etc/environment" in said
    assert answers.rounds == 2, "it was asked again where the member on that host is set up now"


def test_a_proxy_in_between_is_told_of_the_member_that_it_hides(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_PAUSE_SECONDS", 0)
    answers.rounds, answers.sick = -1000, ["b", "c"]
    reason = "transport: Error while dialing: failed to do connect handshake, response: HTTP/1.0 403 Forbidden"
    answers.logged = f'{{"target":"etcd-endpoints://0x1/192.0.2.2:2379","error":"{reason}"}}\n'
    with pytest.raises(ClusterError) as error:
        asyncio.run(health.wait(ADDRESSES, MEMBERS, 0))
    lines = str(error.value).splitlines()
    assert f"https://192.0.2.2:2379 could not be asked from a ({reason})" in lines[0]
    assert "https://192.0.2.3:2379 gives no linearizable answer after 0 s (context deadline exceeded)" in lines[1]
