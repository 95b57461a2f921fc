"""Observe, plan, execute one step, look again."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster import execution, lease
from etcd_cluster.convergence import loop
from etcd_cluster.convergence.confirmation import SETTLE_SECONDS
from etcd_cluster.convergence.loop import Outcome, RolloutContext, converge
from etcd_cluster.convergence.unobserved_members import Answers
from etcd_cluster.errors import Cancelled, ClusterError, Problem, Unreachable, WrongHostKey
from etcd_cluster.execution import Deadlines, Operations, execute
from etcd_cluster.lease import Lease
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.observation.query import Query
from etcd_cluster.planning import (
    AddLearner,
    RecordBootstrap,
    Refusal,
    Reinstall,
    Restart,
    SaveSnapshot,
    StartExisting,
    StartJoin,
    StartNew,
    Step,
    Target,
)
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering import revision
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Address
from tests.unit.samples import (
    CLUSTER,
    because,
    down,
    empty,
    listed,
    member,
    member_id,
    named,
    serving,
    silent,
    status,
    stopped,
    target,
)

ALL_SERVE = {name: serving(name) for name in "abc"}
STALE = {name: serving(name, running_revision="r0") for name in "abc"}
DEADLINES = Deadlines(60, 180, 120, 600, 90, 60)
Observation = Mapping[str, Any]


class Cluster:
    """Stands in for the hosts: after each step they show the next of `looks`, after the last one that again."""

    def __init__(self, *looks: Observation) -> None:
        self.looks = list(looks)
        self.steps: list[Step] = []
        self.warnings: list[str] = []
        self.cancelled = asyncio.Event()
        self.cancel_at_step = 0
        self.unreachable: set[str] = set()
        self.pauses: list[float] = []

    async def session(self, node: str, _address: Address) -> str:
        if node in self.unreachable:
            raise Unreachable(down(node))
        return node

    async def observe_all(self, *_: Any) -> loop.Observation:
        return loop.Observation(self.looks[min(len(self.steps), len(self.looks) - 1)])

    async def execute(self, _hands: Operations, step: Step) -> None:
        self.steps.append(step)
        if len(self.steps) == self.cancel_at_step:
            self.cancelled.set()

    async def warn(self, message: str) -> None:
        self.warnings.append(message)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def run(cluster: Cluster, wanted: Target, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Converge on these hosts."""

    @contextlib.asynccontextmanager
    async def granted(*_: Any) -> AsyncIterator[Lease]:
        yield Lease("run-1", lease.now())

    monkeypatch.setattr(lease, "held", granted)
    monkeypatch.setattr(loop, "observe_all", cluster.observe_all)
    monkeypatch.setattr(loop.asyncio, "sleep", cluster.pause)
    monkeypatch.setattr(loop, "execute", cluster.execute)
    address = Address("192.0.2.1", 22, "root", None, None, False, None, False, 5)
    work = RolloutContext(
        cluster, dict.fromkeys("abcde", address), DEADLINES, None, cluster.warn, cluster.warn, cluster.cancelled
    )  # type: ignore[arg-type]
    return asyncio.run(converge(work, wanted, None))


def test_a_cluster_as_wanted_takes_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(ALL_SERVE)
    ids = {name: member_id(name) for name in "abc"}
    assert run(cluster, target(), monkeypatch) == Outcome(CLUSTER, ids, 0)
    assert cluster.steps == []


def test_only_the_first_step_is_taken_before_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    birth = {name: empty() for name in "abc"}
    one_stopped = {**ALL_SERVE, "c": stopped("c")}
    cluster = Cluster(birth, one_stopped, ALL_SERVE)
    assert run(cluster, target(), monkeypatch).steps == 2
    assert cluster.steps == [StartNew(("a", "b", "c"), None), StartExisting(("c",))]


def test_members_restart_one_by_one_with_time_to_settle_between(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(STALE, {**STALE, "b": serving("b")}, {**ALL_SERVE, "a": STALE["a"]}, ALL_SERVE)
    run(cluster, target(), monkeypatch)
    assert cluster.steps == [Restart("b", False), Restart("c", False), Restart("a", True)]
    assert cluster.pauses == [SETTLE_SECONDS] * 2, "none after the last"


def test_a_step_between_does_not_take_the_time_to_settle_away(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = {"a": STALE["a"], "b": serving("b")}
    unrecorded = {**rest, "c": serving("c", bootstrapped=None)}
    cluster = Cluster({**rest, "c": stopped("c")}, unrecorded, {**rest, "c": serving("c")}, ALL_SERVE)
    run(cluster, target(), monkeypatch)
    assert cluster.steps == [StartExisting(("c",)), RecordBootstrap(("c",)), Restart("a", True)]
    assert cluster.pauses == [SETTLE_SECONDS]


def test_a_step_that_failed_while_the_machine_slept_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sleeping(Cluster):
        async def execute(self, _hands: Operations, _step: Step) -> None:
            woken = lease.now() + lease.SECONDS + 1
            monkeypatch.setattr(lease, "now", lambda: woken)
            raise ClusterError.of(
                Reason.COMMAND_TIMED_OUT, "b", "a command on the host did not finish within 60 s", "Look at its load"
            )

    with pytest.raises(ClusterError) as failure:
        run(Sleeping(STALE), target(), monkeypatch)
    lost, step = failure.value.problems
    assert (lost.reason, step.identity) == (Reason.LEASE_LOST, (Reason.COMMAND_TIMED_OUT, "b"))


def test_a_step_that_failed_is_told_alone_while_the_lease_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Cluster):
        async def execute(self, _hands: Operations, _step: Step) -> None:
            raise ClusterError.of(Reason.START_FAILED, "b", "etcd ended at its start", "Correct the cause")

    with pytest.raises(ClusterError) as failure:
        run(Failing(STALE), target(), monkeypatch)
    assert failure.value.identity == named(Reason.START_FAILED, "b")


def test_a_cancel_ends_after_the_step_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(STALE, {**STALE, "b": serving("b")})
    cluster.cancel_at_step = 1
    with pytest.raises(Cancelled, check=because(Reason.CANCELLED, "cluster")):
        run(cluster, target(), monkeypatch)
    assert cluster.steps == [Restart("b", False)]


def test_a_cancel_with_nothing_left_to_do_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster({**ALL_SERVE, "c": stopped("c")}, ALL_SERVE)
    cluster.cancel_at_step = 1
    assert run(cluster, target(), monkeypatch).steps == 1


def test_a_refusal_takes_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster({"a": empty(), "b": empty(), "c": down("c")})
    with pytest.raises(Refusal, check=because(Reason.HOST_UNREACHABLE, "c")):
        run(cluster, target(), monkeypatch)
    assert cluster.steps == []


def test_a_host_that_is_down_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster({**ALL_SERVE, "b": stopped("b"), "c": down("c")}, {**ALL_SERVE, "c": down("c")})
    cluster.unreachable = {"c"}
    assert run(cluster, target(), monkeypatch).steps == 1
    assert any("c: cannot connect to it" in warning for warning in cluster.warnings)


def test_a_cluster_that_never_becomes_as_wanted_ends_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Restless(Cluster):
        """Another member is stopped after each step, and no look is like one before."""

        async def observe_all(self, *_: Any) -> loop.Observation:
            name = "bc"[len(self.steps) % 2]
            return loop.Observation({**ALL_SERVE, name: stopped(name, attempt=str(len(self.steps)))})

    with pytest.raises(ClusterError, check=because(Reason.TOO_MANY_STEPS, "cluster")):
        run(Restless(), target(), monkeypatch)


# clocks


def wait_for_clocks(seconds_ahead: float, offsets: Mapping[str, float], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def say(_: str) -> None:
        """Nobody listens."""

    monkeypatch.setattr(asyncio, "sleep", pause)
    ops = Operations({}, target(), Lease("run-1", 0), DEADLINES, None, say, None)
    valid_from = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds_ahead)
    facts = {name: empty(clock_offset=offset) for name, offset in offsets.items()}
    asyncio.run(execution.wait_for_clocks(ops, valid_from, facts))
    return pauses


def test_certificates_that_are_valid_everywhere_wait_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait_for_clocks(-5, {"a": 0, "b": -4, "c": 90}, monkeypatch) == []


def test_the_slowest_clock_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    (pause,) = wait_for_clocks(0, {"a": 0, "b": -30, "c": -10}, monkeypatch)
    assert pause == pytest.approx(30, abs=1)


def test_a_clock_that_is_too_slow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterError, match=r"b: its clock is [0-9]+ s before the first moment of the new certificates"):
        wait_for_clocks(0, {"a": 0, "b": -600}, monkeypatch)


def test_a_run_without_its_lease_takes_no_step() -> None:
    lost = Lease("run-1", 0, ClusterError(Problem(Reason.LEASE_HELD, "a", "another run has it", "Wait")))

    async def say(_: str) -> None:
        """Nobody listens."""

    ops = Operations({}, target(), lost, DEADLINES, None, say, None)
    with pytest.raises(ClusterError, check=because(Reason.LEASE_HELD, "a")):
        asyncio.run(execute(ops, StartNew(("a",), None)))


# who answers at an address that no host runs


class Foreign:
    """A pool of machines of which c is another one by now."""

    async def session(self, node: str, _address: Address) -> Any:
        if node == "c":
            raise WrongHostKey(Problem(Reason.HOST_KEY_MISMATCH, "c", "it shows another host key", "Compare it"))
        return node


def looked(wanted: Target, monkeypatch: pytest.MonkeyPatch) -> loop.Observation:
    async def observe(name: str, *_: Any) -> HostFacts:
        return serving(name, names="ab")

    monkeypatch.setattr(loop, "observe", observe)
    cluster = Cluster()
    address = Address("192.0.2.1", 22, "root", None, None, False, "ssh-ed25519 key", False, 5)
    work = RolloutContext(
        Foreign(), dict.fromkeys("abc", address), DEADLINES, None, cluster.warn, cluster.warn, cluster.cancelled
    )  # type: ignore[arg-type]
    return asyncio.run(loop.observe_all(work, wanted))


def test_another_machine_in_the_place_of_a_node_that_leaves_is_a_host_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look = looked(target("ab", leaving={"c": member("c")}), monkeypatch)
    assert isinstance(look.observed["c"], Problem) and set(look.facts) == {"a", "b"}
    with pytest.raises(WrongHostKey):
        looked(target(), monkeypatch)


def test_a_host_that_hangs_is_gone_where_its_node_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(_session: str, of: Member, *_: Any) -> HostFacts:
        if of.name == "c":
            raise ClusterError.of(
                Reason.COMMAND_TIMED_OUT, "c", "a command on the host did not finish within 60 s", "Look at its load"
            )
        return serving(of.name, names="abc")

    async def nobody(*_: Any) -> Answers:
        return Answers()

    monkeypatch.setattr(loop, "observe", look)
    monkeypatch.setattr(loop, "ask_unobserved_members", nobody)
    cluster = Cluster({})
    work = RolloutContext(cluster, dict.fromkeys("abc"), DEADLINES, None, cluster.warn, cluster.warn, cluster.cancelled)  # type: ignore[arg-type]
    seen = asyncio.run(loop.observe_all(work, target("ab", leaving={"c": member("c")})))
    assert isinstance(seen.observed["c"], Problem) and set(seen.facts) == {"a", "b"}
    with pytest.raises(ClusterError, check=because(Reason.COMMAND_TIMED_OUT, "c")):
        asyncio.run(loop.observe_all(work, target()))


# what rests on silence


class Changing(Cluster):
    """Shows the next of `looks` at each look, after the last one that again."""

    def __init__(self, *looks: Observation, alive: frozenset[str] = frozenset()) -> None:
        super().__init__(*looks)
        self.alive = alive

    async def observe_all(self, *_: Any) -> loop.Observation:
        look = self.looks[0] if len(self.looks) == 1 else self.looks.pop(0)
        return loop.Observation(look, Answers(self.alive))


def voting(milliseconds: int, **changes: Any) -> Target:
    """Return a wanted cluster with this election timeout."""
    members = {
        name: replace(wanted, member=member(name, options={"election-timeout": str(milliseconds)}))
        for name, wanted in target(**changes).members.items()
    }
    return Target(members)


ACTIVE = {"MainPID": "42", "ActiveState": "active"}
SILENT = {name: silent(name, unit=ACTIVE) for name in "abc"}


@pytest.mark.parametrize(("election", "pause"), [(1000, SETTLE_SECONDS), (30_000, 60)])
def test_members_that_elect_a_leader_are_not_restarted(
    election: int, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Changing(SILENT, ALL_SERVE)
    assert run(cluster, voting(election), monkeypatch).steps == 0
    assert cluster.pauses == [pause]


def test_a_roll_goes_on_one_by_one_after_an_election(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = {name: silent(name, running_revision="r0") for name in "abc"}
    cluster = Changing(stale, STALE, {**STALE, "b": serving("b")}, {**ALL_SERVE, "a": STALE["a"]}, ALL_SERVE)
    run(cluster, target(), monkeypatch)
    assert Restart("b", False) in cluster.steps and not any(isinstance(step, StartExisting) for step in cluster.steps)


def test_members_that_stay_silent_are_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Changing(SILENT)
    with pytest.raises(Refusal, check=because(Reason.MEMBER_SILENT, *"abc")):
        run(cluster, target(), monkeypatch)
    assert (cluster.steps, cluster.pauses) == ([], [SETTLE_SECONDS])


def erring(name: str, words: str) -> HostFacts:
    """Return a host whose member answers with an error."""
    unit = {"MainPID": "42", "ActiveState": "active"}
    return silent(name, unit=unit, query=Query.ERROR, query_words=words)


def test_a_refusal_in_other_words_is_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Changing(*({name: erring(name, f"attempt {number}") for name in "abc"} for number in range(9)))
    with pytest.raises(Refusal, check=because(Reason.MEMBER_ERROR, *"abc")):
        run(cluster, target(), monkeypatch)
    assert cluster.pauses == [SETTLE_SECONDS], "one more look, not one for each text"


def test_a_warning_in_other_words_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(words: str, **changes: Any) -> dict[str, HostFacts]:
        asked = replace(erring("b", words), query=Query.CANNOT_ASK)
        return {"a": serving("a", **changes), "b": asked, "c": serving("c")}

    cluster = Cluster(look("no such file", bootstrapped=None), look("timed out"))
    run(cluster, target(), monkeypatch)
    assert len(cluster.steps) == len(cluster.warnings) == 1


# what is due again at once


HIDDEN = {**ALL_SERVE, "b": serving("b", uninstalled=("etcd.service",))}


def test_a_step_that_changed_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Changing(HIDDEN)
    with pytest.raises(ClusterError) as error:
        run(cluster, target(), monkeypatch)
    assert cluster.steps == [Reinstall("b", ("etcd.service",))] and cluster.pauses == [SETTLE_SECONDS]
    assert (
        'the step "put back etcd.service on b, without a restart" was taken, and a look at the hosts shows the same'
        in (str(error.value))
    )


def test_a_step_whose_effect_shows_at_the_second_look_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Changing(HIDDEN, HIDDEN, ALL_SERVE)
    assert run(cluster, target(), monkeypatch).steps == 1


def test_a_step_that_is_due_again_on_other_facts_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    again = {**STALE, "b": serving("b", running_revision="r2")}
    cluster = Changing(STALE, again)
    with pytest.raises(ClusterError, check=because(Reason.STEP_WITHOUT_EFFECT, "cluster")):
        run(cluster, target(), monkeypatch)
    assert cluster.steps == [Restart("b", False)]


def test_two_steps_that_undo_each_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    unrecorded = {**ALL_SERVE, "c": serving("c", bootstrapped=None)}
    cluster = Changing(HIDDEN, unrecorded, HIDDEN, HIDDEN, unrecorded)
    with pytest.raises(ClusterError, check=because(Reason.STEP_WITHOUT_EFFECT, "cluster")):
        run(cluster, target(), monkeypatch)
    assert cluster.steps == [Reinstall("b", ("etcd.service",)), RecordBootstrap(("c",))]


def test_members_that_do_not_run_are_started_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Changing({name: stopped(name) for name in "abc"}, ALL_SERVE)
    run(cluster, target(), monkeypatch)
    assert (cluster.steps, cluster.pauses) == ([StartExisting(("a", "b", "c"))], [])


def test_a_member_that_answers_at_the_second_look_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = (listed("a"), listed("b"), replace(listed("c"), peer_urls=("https://192.0.2.9:2380",)))
    moved = {"a": serving("a", members=entries), "b": serving("b", members=entries), "c": empty()}

    class Slow(Changing):
        """Its member c answers at the second look."""

        async def observe_all(self, *_: Any) -> loop.Observation:
            return loop.Observation(moved, Answers(frozenset({member_id("c")} if self.pauses else ())))

    cluster = Slow(moved)
    with pytest.raises(Refusal, check=because(Reason.OLD_MEMBER_RUNNING, "c")):
        run(cluster, target(), monkeypatch)
    assert cluster.steps == []


LEAVE = target("abc", leaving={"d": member("d"), "e": member("e")})
FIVE = {name: serving(name, names="abcde") for name in "abcde"}


def test_each_step_that_rests_on_silence_is_doubted_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    e_silent = {**FIVE, "e": silent("e")}
    cluster = Changing({**FIVE, "d": silent("d")}, e_silent, e_silent, ALL_SERVE)
    run(cluster, LEAVE, monkeypatch)
    assert [str(step) for step in cluster.steps] == [f"remove member e ({member_id('e')})"]
    assert cluster.pauses == [SETTLE_SECONDS] * 2


def test_data_at_a_new_address_is_told_to_the_cluster_at_the_second_silent_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be a copy, whose original is slow to answer."""
    entries = (listed("a"), listed("b"), replace(listed("c"), peer_urls=("https://192.0.2.9:2380",)))
    moved = {"a": serving("a", members=entries), "b": serving("b", members=entries), "c": stopped("c")}

    class Slow(Changing):
        """The original of c answers at the second look."""

        async def observe_all(self, *_: Any) -> loop.Observation:
            return loop.Observation(moved, Answers(frozenset({member_id("c")} if self.pauses else ())))

    cluster = Slow(moved)
    with pytest.raises(Refusal, check=because(Reason.DATA_OF_RUNNING_MEMBER, "c")):
        run(cluster, target(), monkeypatch)
    assert cluster.steps == []
    silent_twice = Changing(moved, moved, ALL_SERVE)
    run(silent_twice, target(), monkeypatch)
    assert [str(step) for step in silent_twice.steps] == ["tell the cluster the new address of c"]


@pytest.mark.parametrize(("address", "pauses"), [("192.0.2.9", [SETTLE_SECONDS]), (member("c").address, [])])
def test_where_nobody_serves_data_from_another_address_starts_at_the_second_silent_look(
    address: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    former = revision.environment_text(revision.environment(replace(member("c"), address=address)))
    looks = {"a": stopped("a"), "b": stopped("b"), "c": stopped("c", active_environment=former)}
    cluster = Changing(looks, ALL_SERVE) if not pauses else Changing(looks, looks, ALL_SERVE)
    run(cluster, target(), monkeypatch)
    assert (cluster.steps, cluster.pauses) == ([StartExisting(("a", "b", "c"))], pauses)


def test_members_that_answer_only_now_and_then_are_named_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [{**FIVE, name: silent(name)} for name in "dedede"]
    with pytest.raises(ClusterError, check=because(Reason.ANSWERS_UNSTEADY, "cluster")):
        run(Changing(*looks), LEAVE, monkeypatch)


@pytest.mark.parametrize("c", [silent("c"), stopped("c", unit={"MainPID": "0", "ActiveState": "activating"})])
def test_a_refusal_that_rests_on_silence_is_looked_at_twice(c: HostFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = {**STALE, "c": c}
    cluster = Changing(stale, ALL_SERVE, alive=frozenset({member_id("c")}))
    assert run(cluster, target(), monkeypatch).steps == 0 and cluster.pauses == [SETTLE_SECONDS]
    with pytest.raises(Refusal, check=because(Reason.NO_QUORUM_TO_RESTART, "c")):
        run(Changing(stale, alive=frozenset({member_id("c")})), target(), monkeypatch)


def test_a_refusal_that_nobody_can_wait_out_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Changing({**ALL_SERVE, "c": empty()})
    with pytest.raises(Refusal, check=because(Reason.DATA_MISSING, "c")):
        run(cluster, target(), monkeypatch)
    assert cluster.pauses == []


# an alarm that is raised in between

_ALARM = ((member_id("a"), "NOSPACE"),)


def alarmed(looks: Mapping[str, HostFacts]) -> dict[str, HostFacts]:
    return {name: replace(seen, alarms=_ALARM) if seen.serves else seen for name, seen in looks.items()}


def test_an_alarm_that_is_raised_after_the_plan_stops_the_next_member_from_being_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    three: dict[str, HostFacts] = {name: serving(name) for name in "abc"}
    four = {name: serving(name, names="abcd") for name in "abcd"}
    cluster = Cluster({**three, "d": empty(), "e": empty()}, {**alarmed(four), "e": empty()})
    with pytest.raises(Refusal, match="the alarm NOSPACE is raised, so no member can be added"):
        run(cluster, target("abcde", known=frozenset("abc")), monkeypatch)
    assert cluster.steps == [AddLearner("d")]


def test_a_join_that_was_begun_comes_to_its_end_under_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A learner that waits would keep a larger quota from being rolled out, which may be the only cure."""
    entries = (*(listed(each) for each in "abc"), replace(listed("d"), name="", is_learner=True))
    three = {name: serving(name, members=entries, alarms=_ALARM) for name in "abc"}
    cluster = Cluster({**three, "d": empty()}, alarmed({name: serving(name, names="abcd") for name in "abcd"}))
    run(cluster, target("abcd"), monkeypatch)
    assert cluster.steps == [StartJoin("d")]


@pytest.mark.parametrize("rolled", ["", "b"])
def test_an_alarm_that_is_raised_after_the_plan_stops_an_upgrade(rolled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_by(version: str, name: str) -> HostFacts:
        return serving(name, running_revision="r0", status=replace(status(name), version=version))

    old = {name: run_by("3.6.14", name) for name in "abc"}
    between = {**old, **({rolled: serving(rolled)} if rolled else {})}
    cluster = Cluster(*([old] * (2 if rolled else 1)), alarmed(between))
    with pytest.raises(Refusal, match="the alarm NOSPACE is raised, so the version stays"):
        run(cluster, target(), monkeypatch)
    assert cluster.steps == [SaveSnapshot("a"), *([Restart("b", False)] if rolled else [])]
