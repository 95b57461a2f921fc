"""Members that run and cannot be asked, or do not answer: a failed question never restarts a member."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster import progress
from etcd_cluster.errors import ClusterError
from etcd_cluster.execution import Deadlines, Operations
from etcd_cluster.execution import bootstrap as birth
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.observation.query import Query
from etcd_cluster.planning import AwaitServing, Refusal, Restart, StartExisting, Step, SwitchCertificates, plan
from etcd_cluster.reasons import Reason
from tests.unit.samples import CLUSTER, down, named, refused, serving, silent, stopped, target

ACTIVE = {"MainPID": "42", "ActiveState": "active"}
CONFLICT = "conflicting environment variable is shadowed by corresponding command-line flag (ETCDCTL_ENDPOINTS)"


def unqueryable(name: str, **changes: Any) -> HostFacts:
    """Return a host whose etcdctl fails by itself, while its member serves others."""
    words = {"unit": ACTIVE, "query": Query.CANNOT_ASK, "query_words": CONFLICT, "served_revision": "r0"}
    return silent(name, **{"running_revision": "r0", **words, **changes})


def mute(name: str, **changes: Any) -> HostFacts:
    """Return a host whose member runs, was ready once, and does not answer."""
    return silent(name, **{"unit": ACTIVE, "query": Query.SILENT, **changes})


@pytest.mark.parametrize("names", ["a", "ab", "abc", "abcd", "abcde"])
def test_a_cluster_that_cannot_be_asked_is_not_touched_whatever_changed(names: str) -> None:
    wanted = target(names, cluster_id=CLUSTER)
    assert refused({name: unqueryable(name) for name in names}, wanted) == named(Reason.QUERY_FAILED, names)


def test_what_etcdctl_said_is_told_where_it_cannot_ask() -> None:
    with pytest.raises(Refusal, match=re.escape(CONFLICT)):
        plan({"a": unqueryable("a")}, target("a", cluster_id=CLUSTER))


def test_a_cluster_that_cannot_be_asked_says_so_where_nothing_changed() -> None:
    seen = {name: unqueryable(name, running_revision="r1", served_revision="r1") for name in "abc"}
    assert refused(seen) == named(Reason.QUERY_FAILED, "abc")


def test_one_member_that_cannot_be_asked_keeps_all_from_a_restart() -> None:
    stale = {name: serving(name, running_revision="r0") for name in "ac"}
    assert refused({**stale, "b": unqueryable("b")}) == named(Reason.QUERY_FAILED, "b")


def test_one_member_that_cannot_be_asked_is_told_where_nothing_is_due() -> None:
    seen = {
        **{name: serving(name) for name in "ac"},
        "b": unqueryable("b", running_revision="r1", served_revision="r1"),
    }
    result = plan(seen, target())
    assert result.steps == ()
    assert [(each.reason, each.where) for each in result.warnings] == [(Reason.QUERY_FAILED, "b")]


def test_a_stopped_member_does_not_start_beside_some_that_cannot_be_asked_while_nobody_serves() -> None:
    assert refused({"a": unqueryable("a"), "b": unqueryable("b"), "c": stopped("c")}) == named(
        Reason.QUERY_FAILED, "ab"
    )


def test_certificates_may_be_all_that_keeps_a_member_from_being_asked() -> None:
    expired = {name: unqueryable(name, active_certificates="expired") for name in "abc"}
    assert plan(expired, target()).steps == (SwitchCertificates(("a", "b", "c")),)


def test_a_revision_that_never_served_and_refuses_us_is_put_back_by_the_rolling_path() -> None:
    """A run was killed between a restart and the proof that the member serves."""
    rest = {name: serving(name, running_revision="r0") for name in "ac"}
    seen = {**rest, "b": unqueryable("b", running_revision="r1")}
    assert plan(seen, target()).steps[0] == Restart("b", False)
    alone = {"a": unqueryable("a", running_revision="r1")}
    assert plan(alone, target("a", cluster_id=CLUSTER)).steps == (Restart("a", False),)


def test_running_members_that_do_not_answer_are_not_restarted_on_changed_settings() -> None:
    seen = {name: mute(name, running_revision="r0") for name in "abc"}
    assert refused(seen) == named(Reason.MEMBER_SILENT, "abc")
    with pytest.raises(Refusal, match="run `systemctl stop etcd` on every node and then `pulumi up`"):
        plan(seen, target())


@pytest.mark.parametrize("names", ["a", "ab"])
def test_of_one_or_two_members_that_do_not_answer_one_restarts_on_changed_settings(names: str) -> None:
    seen = {name: mute(name, running_revision="r0") for name in names}
    assert plan(seen, target(names)).steps == (Restart("a", False),)
    as_wanted = {name: mute(name) for name in names}
    assert refused(as_wanted, target(names)) == named(Reason.MEMBER_SILENT, names)


def test_only_what_is_stopped_starts_beside_members_that_do_not_answer() -> None:
    assert plan({"a": mute("a"), "b": stopped("b"), "c": mute("c")}, target()).steps == (StartExisting(("b",)),)


def test_members_that_hold_the_quorum_unseen_do_not_go_back_by_a_guess() -> None:
    """Two of three run on a revision that never served; whether they are a quorum nobody can tell."""
    seen: dict[str, Any] = {"a": unqueryable("a", running_revision="r1"), "b": unqueryable("b", running_revision="r1")}
    assert refused({**seen, "c": down("c")}, target(known=frozenset("abc"))) == named(Reason.QUERY_FAILED, "ab")


# waiting for what starts by itself


class Looks:
    """Stands in for the hosts: the next of `looks` at each look, the last one again and again."""

    def __init__(self, *looks: HostFacts) -> None:
        self.looks = list(looks)

    async def look(self, _: str) -> HostFacts:
        return self.looks[0] if len(self.looks) == 1 else self.looks.pop(0)


def wait(monkeypatch: pytest.MonkeyPatch, bootstrap: int, *looks: HostFacts, said: list[str] | None = None) -> int:
    """Wait for a member, and return how many looks were left; `said` gets what the user is told."""

    async def say(message: str) -> None:
        if said is not None:
            said.append(message)

    hosts = Looks(*looks)
    monkeypatch.setattr(Operations, "look", lambda _, name: hosts.look(name))
    monkeypatch.setattr(birth, "POLL_SECONDS", 0)
    ops = Operations({}, target(), None, Deadlines(60, bootstrap, 120, 600, 90, 60), None, say, None)  # type: ignore[arg-type]
    step: Step = AwaitServing(("a",))
    assert isinstance(step, AwaitServing) and str(step) == "wait until a serves, starting already"
    asyncio.run(birth.await_serving(ops, step))
    return len(hosts.looks)


def test_a_member_that_starts_is_waited_for_until_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait(monkeypatch, 60, silent("a"), silent("a"), serving("a")) == 1


def test_a_wait_says_for_whom_it_waits_and_how_long_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    wait(monkeypatch, 180, silent("a"), serving("a"), said=said)
    assert said == []
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 0)
    wait(monkeypatch, 180, silent("a"), silent("a"), serving("a"), said=said)
    assert said == ["Waiting for a to serve, nothing is touched meanwhile (180 s at most)"]


def test_a_member_that_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait(monkeypatch, 60, silent("a"), stopped("a")) == 1


def test_a_member_that_never_serves_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = replace(silent("a"), query=Query.ERROR, query_words="it has no leader")
    with pytest.raises(ClusterError, match="a: it answers, but gives no linearizable answer \\(it has no leader\\)"):
        wait(monkeypatch, 0, hanging)
