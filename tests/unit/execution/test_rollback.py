"""A member that does not come up goes back to the revision that it served with, after an interruption too."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.errors import ClusterError
from etcd_cluster.execution import Deadlines, Operations, execute, operations, restart, rollback
from etcd_cluster.lease import Lease, now
from etcd_cluster.observation.facts import HostFacts, MemberStatus
from etcd_cluster.observation.query import Query
from etcd_cluster.planning import Restart, StartExisting, Step, Target
from etcd_cluster.ssh.session import Result
from tests.unit.samples import listed, member, member_id, serving, silent, status, stopped, target
from tests.unit.sent_scripts import sent

DEADLINES = Deadlines(60, 180, 120, 600, 90, 60)


class Host:
    """A member's host; a member on one of the `bad` revisions ends at its start."""

    refusal = ""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.name = ""
        self.current = ""
        self.served = ""
        self.moves: list[tuple[str, ...]] = []
        self.started: list[str] = []
        self.asked: list[str] = []
        self.alarm: dict[str, int] = {}

    def etcdctl(self, arguments: tuple[str, ...]) -> Result:
        """Answer what is asked of the cluster; an alarm stays until it is disarmed."""
        words = [word for word in arguments[1:] if not word.startswith("--")]
        urls = [word for word in arguments if word.startswith("--peer-urls=")]
        self.asked.append(" ".join([*words, *urls]))
        if words[-1] == "disarm":
            self.alarm = {}
        return Result(0, json.dumps({"alarms": [self.alarm] if self.alarm else []}), "")

    async def run(self, script: str, *arguments: str, check: bool = True, **_: Any) -> Result:
        """Do what the script does, as far as it matters here."""
        if not (call := sent(script)).name:
            return self.etcdctl(arguments)
        name = call.name
        assert call.is_guarded == (name != "wait")
        if name == "activate":
            self.current = call.variables["revision"]
        elif name == "record_served":
            self.served = call.variables["revision"]
        elif name == "relocate":
            self.moves.append(tuple(call.variables[each] for each in ("old_data", "old_wal", "new_data", "new_wal")))
        elif name == "start":
            self.started.append(self.current)
        elif self.current in self.bad:
            return Result(3, self.refusal or f"listen tcp: no such address on {self.current}\n", "")
        return Result(0, "", "")


def take(
    step: Step,
    hosts: Mapping[str, Host],
    facts: Mapping[str, HostFacts],
    monkeypatch: pytest.MonkeyPatch,
    answers: bool = True,
    wanted: Target | None = None,
    look: Callable[..., Awaitable[HostFacts]] | None = None,
) -> str:
    """Take a step towards revision r1 and return what it said when it failed, else nothing.

    A member that started gives a linearizable answer only if it `answers`.
    """

    async def observe(*_: Any) -> HostFacts:
        return serving("a", healthy=answers)

    async def say(_: str) -> None:
        """Nobody listens."""

    async def run() -> None:
        lease = Lease("run-1", now())
        deadlines = DEADLINES if answers else replace(DEADLINES, member_start=-1)
        work = Operations(hosts, wanted or target(), lease, deadlines, None, say, None, facts)  # type: ignore[arg-type]
        await execute(work, step)

    monkeypatch.setattr(operations, "observe", look or observe)
    try:
        asyncio.run(run())
    except ClusterError as error:
        return str(error)
    return ""


def stale(name: str, **changes: Any) -> HostFacts:
    """Return a member that serves on r0."""
    dirs = {"active_data": "/var/lib/etcd", "active_revision": "r0", "running_revision": "r0"}
    return serving(name, **{**dirs, **changes})


RESTARTED = {"a": stale("a"), "b": stale("b"), "c": stale("c")}


def test_a_restart_that_comes_up_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    assert take(Restart("b", False), {"b": host}, RESTARTED, monkeypatch) == ""
    assert (host.started, host.served) == (["r1"], "r1")


def test_a_revision_that_etcd_refuses_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host("r1")
    said = take(Restart("b", False), {"b": host}, RESTARTED, monkeypatch)
    assert (host.started, host.served) == (["r1", "r0"], "r0")
    assert "no such address on r1" in said
    assert "b: it runs on its former settings again" in said


def test_it_is_taken_back_where_a_run_was_interrupted_after_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host("r1")
    facts = {**RESTARTED, "b": stale("b", active_revision="r1", served_revision="r0", served_data="/var/lib/etcd")}
    said = take(Restart("b", False), {"b": host}, facts, monkeypatch)
    assert host.started == ["r1", "r0"]
    assert "it runs on its former settings again" in said


def interrupted(served: str) -> dict[str, HostFacts]:
    """Return a cluster whose member b is stopped on r1; the host remembers what it served with."""
    b = stopped("b", active_revision="r1", active_data="/var/lib/etcd", served_revision=served, served_data="/old/data")
    return {**RESTARTED, "b": b}


def test_it_is_taken_back_where_a_run_was_interrupted_after_the_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host("r1")
    said = take(StartExisting(("b",)), {"b": host}, interrupted("r0"), monkeypatch)
    assert host.started == ["r1", "r0"]
    assert "no such address on r1" in said
    assert "it runs on its former settings again" in said
    assert host.moves == [("/var/lib/etcd", "", "/old/data", "")], "back to where the former settings look for it"


@pytest.mark.parametrize("served", ["", "r1"])
def test_a_member_that_has_no_other_revision_to_go_back_to_stays(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host("r1")
    said = take(StartExisting(("b",)), {"b": host}, interrupted(served), monkeypatch)
    assert host.started == ["r1"]
    assert "former settings" not in said


def test_a_stopped_member_that_comes_up_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    assert take(StartExisting(("b",)), {"b": host}, interrupted("r0"), monkeypatch) == ""
    assert (host.started, host.served) == (["r1"], "r1")


def test_a_way_back_that_fails_too_tells_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    said = take(Restart("b", False), {"b": Host("r0", "r1")}, RESTARTED, monkeypatch)
    assert "no such address on r1" in said
    assert "no such address on r0" in said
    assert "former settings again" not in said


def test_all_members_of_a_stopped_cluster_go_back_together(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {
        name: stopped(name, active_revision="r1", active_data="/d", served_revision="r0", served_data="/d")
        for name in "abc"
    }
    hosts = {name: Host("r1") for name in "abc"}
    said = take(StartExisting(("a", "b", "c")), hosts, facts, monkeypatch)
    assert [host.started for host in hosts.values()] == [["r1", "r0"]] * 3
    assert said.count("it runs on its former settings again") == 3


@pytest.mark.parametrize(("helps", "touched"), [(True, "cab"), (False, "ca")])
def test_members_that_run_go_back_one_after_the_other_as_long_as_it_helps(
    helps: bool, touched: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole cluster was stopped and started; a and b run by now, and c has ended."""
    order: list[str] = []

    class Noting(Host):
        """Notes each start and each wait for one."""

        async def run(self, script: str, *arguments: str, check: bool = True, **ways: Any) -> Result:
            if (name := sent(script).name) in ("start", "wait") and self.current == "r0":
                order.append(f"{name} {self.name}")
            return await super().run(script, *arguments, check=check, **ways)

    async def look(_: Any, name: str) -> HostFacts:
        if helps and hosts[name].current == "r0":
            return serving(name)
        return stopped(name) if name == "c" else silent(name)

    former = {"active_revision": "r1", "active_data": "/d", "served_revision": "r0", "served_data": "/d"}
    hosts = {name: Noting("r1") for name in "abc"}
    for name, host in hosts.items():
        host.name = name
    monkeypatch.setattr(operations.Operations, "look", look)
    monkeypatch.setattr(rollback, "_ANSWER_SECONDS", -1)
    said = take(StartExisting(("a", "b", "c")), hosts, {name: stopped(name, **former) for name in "abc"}, monkeypatch)
    assert order == [f"{what} {name}" for name in touched for what in ("start", "wait")]
    assert ("b: left as it is, since a does not serve on its former settings either" in said) is not helps


def test_a_member_that_runs_and_does_not_answer_goes_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    said = take(Restart("b", False), {"b": host}, RESTARTED, monkeypatch, answers=False)
    assert host.started == ["r1", "r0"] and "it runs on its former settings again" in said


def upgraded(a: str, b: str, c: str) -> dict[str, HostFacts]:
    """Return a cluster whose members serve on these versions; b is to restart on 3.6.16."""
    versions = {"a": a, "b": b, "c": c}
    return {
        name: stale(name, active_version=version, status=replace(status(name), version=version))
        for name, version in versions.items()
    }


@pytest.mark.parametrize(
    ("facts", "started"),
    [
        (upgraded("3.6.16", "3.5.33", "3.6.16"), ["r1"]),
        (upgraded("3.6.16", "3.5.33", "3.5.33"), ["r1", "r0"]),
        (upgraded("3.6.16", "3.6.14", "3.6.16"), ["r1", "r0"]),
        (upgraded("3.6.16", "3.7.3", "3.6.16"), ["r1", "r0"]),
    ],
)
def test_the_last_member_of_an_upgrade_does_not_go_back_once_it_ran(
    facts: dict[str, HostFacts], started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """etcd raises the cluster's version when all members run the new one, and then the old one ends at its start."""
    host = Host()
    said = take(Restart("b", False), {"b": host}, facts, monkeypatch, answers=False)
    assert host.started == started
    assert ("it stays on 3.6.16" in said) == (started == ["r1"])


TO_3_7 = replace(
    target(),
    members={
        name: replace(wanted, member=replace(wanted.member, version="3.7.3"))
        for name, wanted in target().members.items()
    },
)
RAISED = {
    name: serving(name, active_version="3.7.3", status=replace(status(name), version="3.7.3", storage_version="3.7.0"))
    for name in "ac"
}
SERVED_3_6 = {"served_revision": "r0", "served_version": "3.6.16", "served_data": "/d", "active_data": "/d"}


def test_a_later_run_does_not_put_the_last_member_back_either(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host("r1")
    crashing = stopped("b", active_version="3.7.3", active_revision="r1", **SERVED_3_6)
    said = take(StartExisting(("b",)), {"b": host}, {**RAISED, "b": crashing}, monkeypatch, wanted=TO_3_7)
    assert host.started == ["r1"] and "no such address on r1" in said
    corrected = silent("b", active_version="3.7.3", running_revision="r9", **SERVED_3_6)
    host = Host("r1")
    said = take(Restart("b", False), {"b": host}, {**RAISED, "b": corrected}, monkeypatch, wanted=TO_3_7)
    assert host.started == ["r1"] and "no such address on r1" in said


def test_a_member_that_was_put_back_too_far_starts_with_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host("r0")
    back = stopped("b", active_version="3.6.16", active_revision="r0", **SERVED_3_6)
    assert take(StartExisting(("b",)), {"b": host}, {**RAISED, "b": back}, monkeypatch, wanted=TO_3_7) == ""
    assert host.started == ["r1"]


@pytest.mark.parametrize("serving_others", [True, False])
@pytest.mark.parametrize("status_of_b", [None, replace(status("b"), version="3.7.3", storage_version="3.7.0")])
def test_a_single_member_does_not_go_back_below_what_it_may_have_raised(
    status_of_b: MemberStatus | None, serving_others: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = RAISED if serving_others else {}
    host = Host("r1")
    crashing = stopped("b", active_version="3.7.3", active_revision="r1", status=status_of_b, **SERVED_3_6)
    said = take(StartExisting(("b",)), {"b": host}, {**others, "b": crashing}, monkeypatch, wanted=TO_3_7)
    assert host.started == ["r1"] and "former settings" not in said
    patch = stopped("b", active_version="3.7.3", **{**SERVED_3_6, "served_version": "3.7.2"})
    host = Host("r1")
    said = take(StartExisting(("b",)), {"b": host}, {**others, "b": patch}, monkeypatch, wanted=TO_3_7)
    assert host.started == ["r1", "r0"], "a patch version is no obstacle"


def test_the_last_member_of_an_upgrade_stays_also_when_its_switch_was_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = upgraded("3.6.16", "3.5.33", "3.6.16")
    switched = replace(facts["b"], active_version="3.6.16", active_revision="r1")
    host = Host()
    said = take(Restart("b", False), {"b": host}, {**facts, "b": switched}, monkeypatch, answers=False)
    assert host.started == ["r1"] and "it stays on 3.6.16" in said


def test_a_member_that_refuses_our_client_is_not_waited_for_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other clients are refused as well as long as it runs with what refuses ours."""

    async def observe(*_: Any) -> HostFacts:
        return serving("b", healthy=False, query=Query.CANNOT_ASK, query_words="tls: bad certificate")

    monkeypatch.setattr(operations, "_REFUSED_SECONDS", 0.1)
    host = Host()
    said = take(Restart("b", False), {"b": host}, RESTARTED, monkeypatch, look=observe)
    assert host.started == ["r1", "r0"] and "etcdctl cannot ask it (tls: bad certificate)" in said


# what a rollback says, and what it puts back besides


def test_a_member_that_stays_down_is_called_so_and_no_failure_is_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    said = take(Restart("b", False), {"b": Host("r0", "r1")}, RESTARTED, monkeypatch)
    assert "b: it is down: it does not start on its former settings either" in said
    monkeypatch.setattr(Host, "refusal", "no such file")
    said = take(Restart("b", False), {"b": Host("r0", "r1")}, RESTARTED, monkeypatch)
    assert said.count("no such file") == 1 and "it is down" in said


def test_a_member_that_was_put_back_and_does_not_serve_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said = take(Restart("b", False), {"b": Host()}, RESTARTED, monkeypatch, answers=False)
    assert "it runs on its former settings again, but it does not serve" in said


B_ID = member_id("b")
OLD_URL = "https://192.0.2.2:2380"
NEW_PORT = target()
NEW_PORT = replace(
    NEW_PORT,
    members={
        name: replace(wanted, member=replace(wanted.member, peer_port=9100))
        for name, wanted in NEW_PORT.members.items()
    },
)
MOVING = Restart("b", False, B_ID)
LISTED = {name: stale(name, members=tuple(listed(each) for each in "abc")) for name in "abc"}


def test_a_member_is_listed_at_its_new_peer_url_right_before_its_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = {"a": Host(), "b": Host()}
    assert take(MOVING, hosts, LISTED, monkeypatch, wanted=NEW_PORT) == ""
    assert hosts["a"].asked == [f"member update {B_ID} --peer-urls=https://192.0.2.2:9100"]
    assert hosts["b"].started == ["r1"]


def test_a_member_that_was_put_back_is_listed_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = {"a": Host(), "b": Host("r1")}
    said = take(MOVING, hosts, LISTED, monkeypatch, wanted=NEW_PORT)
    assert hosts["a"].asked[-1] == f"member update {B_ID} --peer-urls={OLD_URL}"
    assert "it runs on its former settings again" in said and "still lists" not in said


def full(host: Host) -> Host:
    host.alarm = {"memberID": int(B_ID, 16), "alarm": 1}
    return host


def test_an_alarm_that_a_restart_raises_puts_the_member_back_and_is_disarmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "_ALARM_SECONDS", 0)
    host = full(Host())
    said = take(Restart("b", False), {"b": host}, RESTARTED, monkeypatch)
    assert f"b: the alarm NOSPACE of member {B_ID} was raised with its restart" in said
    assert host.started == ["r1", "r0"] and host.served == "r0" and not host.alarm
    known = {**RESTARTED, "a": stale("a", alarms=((B_ID, "NOSPACE"),))}
    host = full(Host())
    assert take(Restart("b", False), {"b": host}, known, monkeypatch) == "", "it was there before"
    assert host.alarm


OLD, NEW = ("/old", ""), ("/new", "/log/wal")


@pytest.mark.parametrize(
    ("wanted", "moving", "moves"),
    [
        (NEW, False, [OLD + NEW]),
        (NEW, True, [OLD + NEW]),
        (OLD, True, [OLD + OLD]),
        (OLD, False, []),
        (("/third", ""), True, [(*OLD, "/third", "")]),
    ],
)
def test_a_move_that_was_interrupted_is_finished_before_the_start(
    wanted: tuple[str, str], moving: bool, moves: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = replace(member("b").layout, data_dir=wanted[0], wal_dir=wanted[1].removesuffix("/wal") or None)
    goal = replace(target().members["b"], member=member("b", layout=layout))
    host = Host()
    b = stopped("b", active_revision="r0", active_version="3.6.14", active_data="/old", is_moving=moving)
    wish = replace(target(), members={**target().members, "b": goal})
    assert take(StartExisting(("b",)), {"b": host}, {**RESTARTED, "b": b}, monkeypatch, wanted=wish) == ""
    assert (host.moves, host.started) == (moves, ["r1"])


@pytest.mark.parametrize(("moving", "moves"), [(True, [OLD + OLD]), (False, [])])
def test_a_member_that_starts_as_it_is_has_its_data_where_it_looks(
    moving: bool, moves: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host()
    b = stopped("b", active_revision="r0", active_version="3.5.33", active_data="/old", is_moving=moving)
    assert take(StartExisting(("b",)), {"b": host}, {**RESTARTED, "b": b}, monkeypatch) == ""
    assert (host.moves, host.started) == (moves, [""]), "its minor version changes in a step of its own"


def test_a_roll_stops_where_nobody_tells_the_alarms_and_puts_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute(Host):
        def etcdctl(self, arguments: tuple[str, ...]) -> Result:
            self.asked.append(arguments[-1])
            return Result(1, "", "context deadline exceeded")

    monkeypatch.setattr(restart, "_AGAIN_SECONDS", (0.0, 0.0))
    host = Mute()
    said = take(Restart("b", False), {"b": host}, RESTARTED, monkeypatch)
    assert "b: it serves, but does not tell which alarms are raised (context deadline exceeded)" in said
    assert (host.started, host.served, host.asked) == (["r1"], "r0", ["list"] * 2)
