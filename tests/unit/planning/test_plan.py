"""What is done next with a cluster, by what was seen of it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.observation.wal import WalIdentity
from etcd_cluster.planning import (
    AddLearner,
    Attempt,
    AwaitServing,
    Plan,
    Promote,
    RecordBootstrap,
    RemoveMember,
    Restart,
    StartExisting,
    StartJoin,
    StartNew,
    SwitchCertificates,
    Target,
    bootstrap_marker,
    bootstrapped_cluster,
    plan,
    quorum,
)
from etcd_cluster.reasons import Reason
from tests.unit.samples import (
    CLUSTER,
    attempt,
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

Seen = Mapping[str, HostFacts | Problem]
ALL_SERVE = {name: serving(name) for name in "abc"}


def steps(observed: Seen, wanted: Target | None = None) -> list[object]:
    return list(plan(observed, wanted or target()).steps)


# birth


@pytest.mark.parametrize("names", ["a", "ab", "abc", "abcde"])
def test_hosts_without_anything_start_a_new_cluster(names: str) -> None:
    assert steps({name: empty() for name in names}, target(names)) == [StartNew(tuple(names), None)]


def test_an_interrupted_birth_goes_on_under_its_own_id() -> None:
    observed = {"a": empty(attempt=attempt(), has_wal=True), "b": empty(attempt=attempt()), "c": empty()}
    assert steps(observed) == [StartNew(("a", "b", "c"), "t1")]


def test_an_unborn_birth_of_other_members_is_started_over() -> None:
    observed = {name: empty(attempt=attempt("ab"), has_wal=True) for name in "abc"}
    assert steps(observed) == [StartNew(("a", "b", "c"), None)]


def test_two_unborn_births_are_started_over() -> None:
    observed = {name: empty(attempt=attempt(token=f"t-{name}")) for name in "abc"}
    assert steps(observed) == [StartNew(("a", "b", "c"), None)]


def test_an_unreachable_host_is_never_taken_for_an_empty_one() -> None:
    assert refused({"a": empty(), "b": empty(), "c": down("c")}) == named(Reason.HOST_UNREACHABLE, "c")


def test_an_interrupted_birth_waits_for_all_hosts() -> None:
    observed = {"a": empty(attempt=attempt()), "b": empty(attempt=attempt()), "c": down("c")}
    assert refused(observed) == named(Reason.HOST_UNREACHABLE, "c")


def test_data_that_no_attempt_explains_is_never_started_over() -> None:
    observed = {"a": empty(attempt=attempt()), "b": empty(attempt=attempt()), "c": empty(has_wal=True)}
    assert refused(observed) == named(Reason.UNKNOWN_DATA, "c")


def test_a_data_directory_without_its_wal_is_not_empty() -> None:
    observed = {name: empty(leftover=True) for name in "abc"}
    assert refused(observed) == named(Reason.WAL_MISSING, "abc"), "its WAL directory may not be mounted"


def test_an_attempt_explains_a_data_directory_without_wal() -> None:
    observed = {name: empty(attempt=attempt(), leftover=True) for name in "abc"}
    assert steps(observed) == [StartNew(("a", "b", "c"), "t1")]


# born


def test_a_cluster_in_the_state_is_never_started_anew() -> None:
    known = target(cluster_id=CLUSTER)
    assert refused({name: empty() for name in "abc"}, known) == named(Reason.DATA_MISSING_WITHOUT_QUORUM, "abc")


def test_one_born_marker_keeps_all_hosts_from_a_new_cluster() -> None:
    observed = {"a": empty(bootstrapped=bootstrap_marker(CLUSTER, "1")), "b": empty(), "c": empty()}
    assert refused(observed) == named(Reason.DATA_MISSING_WITHOUT_QUORUM, "abc")


def test_a_host_that_lost_its_data_is_named_when_the_others_are_no_quorum() -> None:
    observed = {"a": stopped("a"), "b": empty(), "c": empty()}
    assert refused(observed) == named(Reason.DATA_MISSING_WITHOUT_QUORUM, "bc")


def test_a_stopped_cluster_is_started_on_its_data() -> None:
    assert steps({name: stopped(name) for name in "abc"}) == [StartExisting(("a", "b", "c"))]


def test_a_quorum_of_a_stopped_cluster_is_started_and_the_missing_host_is_a_warning() -> None:
    result = plan({"a": stopped("a"), "b": stopped("b"), "c": down("c")}, target())
    assert result == Plan((StartExisting(("a", "b")),), (down("c"),))


def test_a_quorum_is_started_though_one_host_is_empty() -> None:
    assert steps({"a": stopped("a"), "b": stopped("b"), "c": empty()}) == [StartExisting(("a", "b"))]


def test_less_than_a_quorum_is_not_started() -> None:
    assert refused({"a": stopped("a"), "b": down("b"), "c": down("c")}) == named(Reason.HOST_UNREACHABLE, "bc")


def test_nothing_reachable_is_refused() -> None:
    observed = {name: down(name) for name in "abc"}
    assert refused(observed, target(cluster_id=CLUSTER)) == named(Reason.HOST_UNREACHABLE, "abc")


def test_only_the_stopped_member_is_started_beside_silent_ones() -> None:
    assert steps({"a": silent("a"), "b": stopped("b"), "c": silent("c")}) == [StartExisting(("b",))]


def test_members_that_are_starting_by_themselves_are_waited_for() -> None:
    assert steps({name: silent(name) for name in "abc"}) == [AwaitServing(("a", "b", "c"))]


def test_a_silent_cluster_takes_its_new_certificates_before_any_restart() -> None:
    observed = {name: silent(name, active_certificates="expired") for name in "abc"}
    assert steps(observed)[0] == SwitchCertificates(("a", "b", "c"))


def test_data_of_a_destroyed_cluster_is_resumed_where_all_hosts_agree() -> None:
    kept = {name: stopped(name, bootstrapped=None, attempt=None) for name in "abc"}
    result = plan(kept, target())
    assert result.steps == (StartExisting(("a", "b", "c")),)
    assert [each.reason for each in result.warnings] == [Reason.CLUSTER_RESUMED] and CLUSTER in result.warnings[0].what


def test_data_of_a_destroyed_cluster_is_not_resumed_by_some_hosts() -> None:
    observed = {
        "a": stopped("a", bootstrapped=None, attempt=None),
        "b": stopped("b", bootstrapped=None, attempt=None),
        "c": empty(),
    }
    assert refused(observed) == named(Reason.DATA_MISSING_WITHOUT_QUORUM, "c")


def test_data_of_a_destroyed_cluster_is_not_resumed_with_a_host_down() -> None:
    observed = {
        "a": stopped("a", bootstrapped=None, attempt=None),
        "b": stopped("b", bootstrapped=None, attempt=None),
        "c": down("c"),
    }
    assert refused(observed) == named(Reason.HOST_UNREACHABLE, "c")


def test_a_wal_that_names_no_cluster_is_not_resumed() -> None:
    observed = {name: stopped(name, bootstrapped=None, attempt=None, wal=None) for name in "abc"}
    assert refused(observed) == named(Reason.UNKNOWN_DATA, "abc")


# foreign data


def test_a_host_with_another_clusters_data_is_named() -> None:
    observed = {**ALL_SERVE, "c": stopped("c", wal=WalIdentity("1", "beef"), bootstrapped=None)}
    assert refused(observed) == named(Reason.FOREIGN_DATA, "c")


def test_the_state_says_which_cluster_is_the_foreign_one() -> None:
    foreign = {name: stopped(name, wal=WalIdentity("1", "beef"), bootstrapped=None) for name in "ab"}
    assert refused({**foreign, "c": stopped("c")}, target(cluster_id=CLUSTER)) == named(Reason.FOREIGN_DATA, "ab")


def test_a_marker_of_another_cluster_than_the_wal_is_refused() -> None:
    observed = {"a": stopped("a", bootstrapped=bootstrap_marker("beef", "1")), "b": stopped("b"), "c": stopped("c")}
    assert refused(observed) == named(Reason.FOREIGN_DATA, "a")


def test_a_member_that_serves_another_cluster_is_refused_even_without_a_readable_wal() -> None:
    foreign = serving("c", wal=None, bootstrapped=None, status=replace(status("c"), cluster_id="beef"))
    assert refused({**ALL_SERVE, "c": foreign}) == named(Reason.FOREIGN_DATA, "c")


# a cluster that serves


def test_a_cluster_as_wanted_needs_nothing() -> None:
    assert plan(ALL_SERVE, target()) == Plan(())


def test_a_host_down_with_nothing_due_on_it_is_a_warning() -> None:
    result = plan({**ALL_SERVE, "c": down("c")}, target())
    assert result == Plan((), (down("c"),))


def test_a_stopped_member_is_started() -> None:
    assert steps({**ALL_SERVE, "b": stopped("b")}) == [StartExisting(("b",))]


def test_a_birth_that_was_not_recorded_is_recorded() -> None:
    assert steps({**ALL_SERVE, "b": serving("b", bootstrapped=None)}) == [RecordBootstrap(("b",))]


def test_new_certificates_are_switched_without_a_restart() -> None:
    assert steps(ALL_SERVE, target(certificates="c2")) == [SwitchCertificates(("a", "b", "c"))]


def test_new_certificates_come_before_restarts() -> None:
    due = steps(ALL_SERVE, target(revision="r2", certificates="c2"))
    assert isinstance(due[0], SwitchCertificates) and [type(step) for step in due[1:]] == [Restart] * 3


@pytest.mark.parametrize("leader", "abc")
def test_the_leader_restarts_last(leader: str) -> None:
    due = steps({name: serving(name, leader) for name in "abc"}, target(revision="r2"))
    others = [name for name in "abc" if name != leader]
    assert due == [Restart(others[0], False), Restart(others[1], False), Restart(leader, True)]


def test_only_stale_members_restart() -> None:
    observed = {**ALL_SERVE, "b": serving("b", running_revision="r0")}
    assert steps(observed) == [Restart("b", False)]


def test_an_unhealthy_member_restarts_first() -> None:
    observed = {**ALL_SERVE, "c": silent("c")}
    assert steps(observed, target(revision="r2"))[0] == Restart("c", False)


def test_while_a_member_is_unhealthy_only_it_restarts() -> None:
    observed = {**ALL_SERVE, "c": silent("c")}
    assert steps(observed, target(revision="r2")) == [Restart("c", False)]


def test_an_unhealthy_member_that_is_not_stale_forbids_restarts_that_cost_the_quorum() -> None:
    observed = {**ALL_SERVE, "c": silent("c", running_revision="r2")}
    assert refused(observed, target(revision="r2")) == named(Reason.NO_QUORUM_TO_RESTART, "c")


def test_with_five_members_one_unhealthy_one_leaves_room_for_a_restart() -> None:
    observed = {name: serving(name, names="abcde") for name in "abcd"} | {"e": silent("e", running_revision="r2")}
    due = steps(observed, target("abcde", revision="r2"))
    assert due[0] == Restart("b", False) and due[-1] == Restart("a", True)


def test_a_stopped_member_is_started_before_changed_settings_restart_the_others() -> None:
    observed = {**ALL_SERVE, "c": stopped("c")}
    assert steps(observed, target(revision="r2"))[0] == StartExisting(("c",))


@pytest.mark.parametrize("names", ["a", "ab"])
def test_one_or_two_members_may_restart_though_it_is_a_brief_outage(names: str) -> None:
    observed = {name: serving(name, names=names) for name in names}
    due = steps(observed, target(names, revision="r2"))
    assert [step.name for step in due if isinstance(step, Restart)] == sorted(names, key=lambda name: name == "a")


def test_changed_settings_with_a_host_down_are_refused() -> None:
    observed = {**ALL_SERVE, "c": down("c")}
    assert refused(observed, target(revision="r2")) == named(Reason.HOST_DOWN_DURING_CHANGE, "c")


def test_a_member_that_lost_its_data_is_refused_while_the_others_serve() -> None:
    assert refused({**ALL_SERVE, "c": empty()}) == named(Reason.DATA_MISSING, "c")


def test_a_member_that_is_not_in_nodes_and_does_not_answer_is_removed() -> None:
    observed = {name: serving(name) for name in "ab"}
    assert steps(observed, target("ab")) == [RemoveMember(member_id("c"), "c", None)]


def test_a_node_that_is_no_member_joins_as_a_learner() -> None:
    observed = {**ALL_SERVE, "d": empty()}
    assert steps(observed, target("abcd")) == [AddLearner("d"), StartJoin("d"), Promote("d", "")]


def test_members_that_serve_but_cannot_be_listed_are_not_called_missing() -> None:
    observed = {name: serving(name, members=()) for name in "abc"}
    assert refused(observed) == named(Reason.MEMBER_LIST_MISSING, "a")


def test_the_member_list_is_taken_from_a_member_that_tells_it() -> None:
    assert plan({**ALL_SERVE, "a": serving("a", members=())}, target()).steps == ()


def test_a_learner_that_has_not_started_is_named_by_its_url() -> None:
    stranger = replace(listed("d"), name="")
    observed = {name: serving(name, members=(*map(listed, "abc"), stranger)) for name in "abc"}
    assert steps(observed) == [RemoveMember(stranger.member_id, member("d").peer_url, None)]


# markers


def test_an_attempt_reads_back_what_it_wrote() -> None:
    one = Attempt("t1", "a=https://192.0.2.1:2380,b=https://[2001:db8::2]:2380")
    assert Attempt.parse(one.text()) == one


def test_a_born_marker_reads_back_its_cluster() -> None:
    assert bootstrapped_cluster(bootstrap_marker(CLUSTER, "1")) == CLUSTER


@pytest.mark.parametrize(("voters", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (9, 5)])
def test_a_quorum_is_more_than_half(voters: int, needed: int) -> None:
    assert quorum(voters) == needed
