"""What is refused or left alone though the settings, or one look, seem to ask for it."""

from dataclasses import replace

import pytest

from etcd_cluster.convergence.confirmation import needs_confirmation
from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts, Stamp
from etcd_cluster.observation.wal import WalIdentity
from etcd_cluster.planning import (
    AddLearner,
    CheckV2Store,
    Refusal,
    Reinstall,
    RememberServed,
    RemoveMember,
    Restart,
    SaveSnapshot,
    StartExisting,
    Step,
    Target,
    TargetMember,
    bootstrap_marker,
    plan,
)
from etcd_cluster.reasons import Reason
from tests.unit.samples import (
    CLUSTER,
    down,
    empty,
    listed,
    member,
    member_id,
    named,
    refused,
    serving,
    silent,
    status,
    stopped,
    target,
)

Seen = dict[str, HostFacts | Problem]
ALL_SERVE: Seen = {name: serving(name) for name in "abc"}
AT_OLD_ADDRESS = replace(listed("c"), peer_urls=("https://192.0.2.9:2380",))


# one member id, one process


def copied(c: HostFacts) -> Seen:
    """Return a cluster that lists c at its old address, while another host holds a copy of its data."""
    entries = (listed("a"), listed("b"), AT_OLD_ADDRESS)
    return {"a": serving("a", members=entries), "b": serving("b", members=entries), "c": c}


def test_a_copy_of_a_member_is_not_started_while_the_member_itself_answers() -> None:
    alive = frozenset({member_id("c")})
    assert refused(copied(stopped("c")), target(), alive) == named(Reason.DATA_OF_RUNNING_MEMBER, "c")


def test_a_member_that_runs_itself_is_told_to_the_cluster_at_its_new_address() -> None:
    seen = copied(silent("c"))
    assert plan(seen, target(), frozenset({member_id("c")})).steps


def test_what_answers_is_not_started_a_second_time() -> None:
    seen: Seen = {**ALL_SERVE, "c": stopped("c")}
    assert plan(seen, target(), frozenset({member_id("c")})).steps == ()


def test_a_member_that_answers_is_not_removed_as_one_that_lost_its_disk() -> None:
    wanted = target()
    confirmed = replace(wanted.members["c"], replaces=member_id("c"))
    seen: Seen = {**ALL_SERVE, "c": empty()}
    wanted = replace(wanted, members={**wanted.members, "c": confirmed})
    assert refused(seen, wanted, frozenset({member_id("c")})) == named(Reason.ADDRESS_OF_ANOTHER_HOST, "c")


REFUSAL = {member_id("c"): "remote error: tls: bad certificate"}


@pytest.mark.parametrize("c", [stopped("c"), empty()])
def test_a_member_that_refuses_our_certificate_is_not_taken_for_gone(c: HostFacts) -> None:
    with pytest.raises(Refusal) as refusal:
        plan(copied(c), target(), unclear=REFUSAL)
    assert f"member {member_id('c')}" in str(refusal.value)
    assert "asked at https://192.0.2.9:2380 it does not answer, but is not silent either (remote error" in str(
        refusal.value
    )


def test_what_may_run_is_not_started_a_second_time_and_that_is_told() -> None:
    seen: Seen = {**ALL_SERVE, "c": stopped("c")}
    assert refused(seen, unclear=REFUSAL) == named(Reason.ADDRESS_OF_ANOTHER_HOST, "c")
    nobody_serves = {name: stopped(name) for name in "abc"}
    assert refused(nobody_serves, unclear=REFUSAL) == named(Reason.DATA_OF_RUNNING_MEMBER, "c")


def test_a_member_that_may_run_makes_no_quorum() -> None:
    seen: Seen = {**ALL_SERVE, "c": down("c")}
    leaves = target("ac", leaving={"b": member("b")})
    assert isinstance(plan(seen, leaves, frozenset({member_id("c")})).steps[0], RemoveMember)
    assert refused(seen, leaves, unclear=REFUSAL) == named(Reason.NO_QUORUM_TO_REMOVE, "b")


def test_a_member_that_may_run_leaves_last_and_not_as_a_dead_one() -> None:
    seen: Seen = {name: serving(name, names="abcd") for name in "ab"}
    seen["d"] = serving("d", names="abcd")
    without = target("abd", leaving={"c": member("c")})
    seen["c"] = down("c")
    (step,) = plan(seen, without, unclear=REFUSAL).steps
    assert step == RemoveMember(member_id("c"), "c", None)
    assert not needs_confirmation(step, without, {}, frozenset(REFUSAL))


@pytest.mark.parametrize("names", ["c", "abc"])
def test_a_copy_is_not_started_while_its_member_answers_and_nobody_else_serves(names: str) -> None:
    seen: Seen = {name: stopped(name) for name in names}
    alive = frozenset({member_id("c")})
    assert refused(seen, target(names), alive) == named(Reason.DATA_OF_RUNNING_MEMBER, "c")


def test_two_hosts_with_the_data_of_one_member_are_not_started() -> None:
    seen: Seen = {"a": stopped("a"), "b": stopped("b"), "c": stopped("c", wal=stopped("a").wal)}
    assert refused(seen, target()) == named(Reason.DATA_DUPLICATED, "ac")


# what an interrupted restart left


def test_a_member_that_serves_is_remembered_to_serve() -> None:
    seen: Seen = {**ALL_SERVE, "b": serving("b", served_revision="r0"), "c": serving("c", served_revision="r1")}
    assert plan(seen, target()).steps == (RememberServed(("b",)),)


def test_a_switch_that_was_taken_back_does_not_come_into_force_at_the_next_reboot() -> None:
    seen: Seen = {**ALL_SERVE, "b": serving("b", active_revision="r2")}
    assert plan(seen, target()).steps == (Reinstall("b", ("the active revision",)),)


def test_a_member_that_is_sick_on_the_wanted_revision_goes_first_and_has_a_way_back() -> None:
    old = {"running_revision": "r0"}
    seen: Seen = {"a": silent("a", served_revision="r0"), "b": serving("b", "b", **old), "c": serving("c", "b", **old)}
    assert plan(seen, target()).steps[0] == Restart("a", False)
    assert plan({**ALL_SERVE, "a": silent("a", served_revision="r0")}, target()).steps == (Restart("a", False),)
    assert plan({**ALL_SERVE, "a": silent("a")}, target()).steps == (), "it has no way back"


def test_a_host_that_is_down_does_not_hold_up_a_sick_member_when_nothing_changed() -> None:
    seen: Seen = {name: serving(name, names="abcde") for name in "ace"}
    seen |= {"b": silent("b", served_revision="r0"), "d": down("d")}
    assert plan(seen, target("abcde")).steps == (Restart("b", False),)


def test_a_sick_member_is_left_alone_where_the_cluster_lives_on_its_vote() -> None:
    seen: Seen = {"a": serving("a"), "b": silent("b", served_revision="r0"), "c": down("c")}
    assert plan(seen, target()).steps == ()


def test_no_member_restarts_while_another_one_comes_and_goes() -> None:
    """Its host showed no process, and then its client URL was answered: it crashes again and again."""
    old = {"running_revision": "r0"}
    seen: Seen = {"a": stopped("a"), "b": serving("b", "b", **old), "c": serving("c", "b", **old)}
    assert refused(seen, target(), frozenset({member_id("a")})) == named(Reason.NO_QUORUM_TO_RESTART, "a")


def test_nodes_that_are_new_do_not_keep_a_stopped_cluster_from_its_start() -> None:
    seen: Seen = {"a": stopped("a"), "b": empty(), "c": empty()}
    assert plan(seen, target(cluster_id=CLUSTER, known=frozenset("a"))).steps == (StartExisting(("a",)),)
    all_known = target(cluster_id=CLUSTER, known=frozenset("abc"))
    assert refused(seen, all_known) == named(Reason.DATA_MISSING_WITHOUT_QUORUM, "bc")


# a host that another cluster has by now

OTHERS = Stamp("another", "host-x", "x", "org/project/other")
TAKEN = {
    "runs": serving("x", stamp=OTHERS, wal=WalIdentity("77", "beef"), bootstrapped=bootstrap_marker("beef", "77"),
                    status=replace(status("x"), member_id="77", cluster_id="beef")),
    "is stopped": stopped("x", stamp=OTHERS, wal=WalIdentity("77", "beef"),
                          bootstrapped=bootstrap_marker("beef", "77")),
    "has no log yet": silent("x", stamp=OTHERS, wal=None, has_wal=False, bootstrapped=None),
    "is somebody's own etcd": stopped("x", stamp=None, wal=WalIdentity("77", "beef"), bootstrapped=None),
}  # fmt: skip


@pytest.mark.parametrize("host", TAKEN)
def test_a_host_that_left_for_another_cluster_is_not_touched(host: str) -> None:
    wanted = target("ab", leaving={"c": member("c")}, known=frozenset("abc"))
    due = plan({"a": ALL_SERVE["a"], "b": ALL_SERVE["b"], "c": TAKEN[host]}, wanted).steps
    assert due == (RemoveMember(member_id("c"), "c", None),)
    gone = {name: serving(name, names="ab") for name in "ab"}
    assert plan({**gone, "c": TAKEN[host]}, wanted).steps == ()


@pytest.mark.parametrize("host", ["is stopped", "is somebody's own etcd"])
def test_a_member_of_another_cluster_is_not_started_for_its_vote(host: str) -> None:
    wanted = target("ab", leaving={"c": member("c")}, known=frozenset("abc"), cluster_id=CLUSTER)
    due = plan({"a": stopped("a"), "b": stopped("b"), "c": TAKEN[host]}, wanted).steps
    assert due == (StartExisting(("a", "b")),)


# versions


def joining(old: str, new: str) -> tuple[Seen, Target]:
    """Return a cluster of which c is gone and may join again, while the version changes."""
    members = {name: TargetMember(member(name, version=new), "r2", "c1") for name in "abc"}
    seen: Seen = {
        name: serving(name, status=replace(status(name), version=old), members=(listed("a"), listed("b")))
        for name in "ab"
    }
    return {**seen, "c": empty()}, Target(members, known=frozenset("abc"))


@pytest.mark.parametrize(("old", "new"), [("3.5.33", "3.6.16"), ("3.6.16", "3.7.3")])
def test_no_member_joins_with_the_next_minor_before_the_check_and_the_snapshot(old: str, new: str) -> None:
    seen, wanted = joining(old, new)
    check, snapshot = CheckV2Store(("a", "b")), SaveSnapshot("a")
    done: frozenset[Step] = frozenset()
    assert plan(seen, wanted, done=done).steps[:2] == (check, snapshot)
    done = frozenset({check, snapshot})
    assert plan(seen, wanted, done=done).steps[0] == AddLearner("c")


# alarms


def test_a_corrupt_member_leaves_before_the_one_that_takes_its_place_joins() -> None:
    alarms = ((member_id("c"), "CORRUPT"),)
    seen: Seen = {name: serving(name, alarms=alarms) for name in "abc"}
    wanted = target("abd", leaving={"c": member("c")}, known=frozenset("abc"))
    assert plan({**seen, "d": empty()}, wanted).steps == (RemoveMember(member_id("c"), "c", "c", False),)


def test_a_corrupt_member_does_not_leave_where_the_rest_would_be_no_quorum() -> None:
    alarms = ((member_id("c"), "CORRUPT"),)
    seen: Seen = {"a": serving("a", alarms=alarms), "b": down("b"), "c": serving("c", alarms=alarms), "d": empty()}
    wanted = target("abd", leaving={"c": member("c")}, known=frozenset("abc"))
    assert refused(seen, wanted) == named(Reason.NO_QUORUM_TO_REMOVE, "c")


# disks and successors


def test_the_data_of_a_member_that_is_down_is_not_set_aside_for_a_join() -> None:
    moved = stopped("b")
    seen: Seen = {name: serving(name, names="abcde") for name in "acde"}
    not_set_aside = named(Reason.DATA_OF_SILENT_MEMBER, "f")
    assert refused({**seen, "b": down("b"), "f": moved}, target("abcdef")) == not_set_aside
    waiting = replace(listed("f"), name="", is_learner=True)
    entries = (*map(listed, "abcde"), waiting)
    begun: Seen = {name: serving(name, members=entries) for name in "acde"}
    assert refused({**begun, "b": down("b"), "f": moved}, target("abcdef")) == not_set_aside


def test_a_copy_of_a_member_that_answers_is_set_aside_for_a_join() -> None:
    seen: Seen = {**ALL_SERVE, "d": stopped("b")}
    assert plan(seen, target("abcd")).steps[0] == AddLearner("d")


def test_a_member_that_gives_way_stays_while_the_one_in_its_place_does_not_answer() -> None:
    new = replace(listed("c"), member_id="c0ffee")
    entries = (listed("a"), listed("b"), AT_OLD_ADDRESS, new)
    seen: Seen = {name: serving(name, members=entries) for name in "ab"}
    old = frozenset({member_id("c")})
    assert refused({**seen, "c": down("c")}, target(), old) == named(Reason.SUCCESSOR_SILENT, "c")
    both = old | {"c0ffee"}
    assert plan({**seen, "c": down("c")}, target(), both).steps == (RemoveMember(member_id("c"), "c", None),)
