"""What is planned for a change of version, certificates or members; one test a rule."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.certificates.pem import Trust
from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts, ListedMember
from etcd_cluster.observation.wal import WalIdentity
from etcd_cluster.planning import (
    AddLearner,
    CancelDowngrade,
    CheckV2Store,
    DisarmAlarms,
    EnableDowngrade,
    Promote,
    RemoveMember,
    Restart,
    Retire,
    SaveSnapshot,
    StartExisting,
    StartJoin,
    Step,
    SwitchCertificates,
    Target,
    TargetMember,
    UpdatePeerUrl,
    plan,
)
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering import revision as render
from tests.unit.samples import (
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


def at(version: str, names: str = "abc", **changes: Any) -> Target:
    """Return a wanted cluster on a version, with a revision of its own."""
    members = {name: TargetMember(member(name, version=version), "r2", "c1") for name in names}
    return Target(members, **changes)


def run_by(version: str, name: str, storage: str = "", downgrade: str = "", **changes: Any) -> HostFacts:
    """Return a host whose member serves with a version."""
    told = replace(status(name), version=version, storage_version=storage, downgrade_target=downgrade)
    return serving(name, status=told, **changes)


def all_run(version: str, storage: str = "", downgrade: str = "") -> Seen:
    return {name: run_by(version, name, storage, downgrade) for name in "abc"}


def steps(
    seen: Seen, wanted: Target, alive: frozenset[str] = frozenset(), done: frozenset[Step] = frozenset()
) -> list[Step]:
    return list(plan(seen, wanted, alive, done).steps)


# versions


def test_a_patch_is_rolled_out_after_a_snapshot_from_the_leader() -> None:
    due = steps(all_run("3.6.14"), at("3.6.16"))
    assert due == [SaveSnapshot("a"), Restart("b", False), Restart("c", False), Restart("a", True)]


def test_a_snapshot_is_saved_once_a_run() -> None:
    done = frozenset({SaveSnapshot("a")})
    assert steps(all_run("3.6.14"), at("3.6.16"), done=done)[0] == Restart("b", False)


def test_no_snapshot_is_saved_once_a_member_runs_the_new_version() -> None:
    seen = {**all_run("3.6.14"), "b": run_by("3.6.16", "b", running_revision="r2")}
    assert steps(seen, at("3.6.16"))[0] == Restart("c", False)


@pytest.mark.parametrize(("old", "new"), [("3.5.33", "3.6.16"), ("3.6.16", "3.7.3")])
def test_before_a_version_that_cannot_read_all_of_3_5_every_member_is_checked(old: str, new: str) -> None:
    due = steps(all_run(old), at(new))
    assert due[:2] == [CheckV2Store(("a", "b", "c")), SaveSnapshot("a")]


def test_a_check_that_was_passed_is_not_repeated_in_the_same_run() -> None:
    done = frozenset({CheckV2Store(("a", "b", "c"))})
    assert steps(all_run("3.5.33"), at("3.6.16"), done=done)[0] == SaveSnapshot("a")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("3.5.31", "3.6.16", Reason.VERSION_BASE_TOO_OLD),
        ("3.6.10", "3.7.3", Reason.VERSION_BASE_TOO_OLD),
        ("3.5.33", "3.7.3", Reason.VERSION_SKIPS_MINOR),
        ("3.7.3", "3.5.33", Reason.VERSION_SKIPS_MINOR),
    ],
)
def test_a_version_that_etcd_does_not_allow_is_refused(old: str, new: str, reason: Reason) -> None:
    assert refused(all_run(old, "3.7.0"), at(new)) == named(reason, ["version"])


@pytest.mark.parametrize(("old", "new"), [("3.5.32", "3.6.16"), ("3.6.11", "3.7.3")])
def test_the_lowest_version_that_may_be_upgraded_is_upgraded(old: str, new: str) -> None:
    assert Restart("b", False) in steps(all_run(old), at(new))


def test_the_oldest_member_decides_what_an_upgrade_may_skip() -> None:
    seen = {**all_run("3.6.16"), "c": run_by("3.5.33", "c")}
    assert refused(seen, at("3.7.3")) == named(Reason.VERSION_SKIPS_MINOR, ["version"])


def test_a_version_that_cannot_be_is_refused_before_anything_else_is_done() -> None:
    seen = {**all_run("3.5.33"), "c": empty()}
    wanted, jump = at("3.7.3", known=frozenset("abc")), named(Reason.VERSION_SKIPS_MINOR, ["version"])
    assert refused(seen, wanted) == jump
    gone = {name: run_by("3.5.33", name, members=tuple(map(listed, "ab"))) for name in "ab"}
    assert refused({**gone, "c": empty()}, wanted) == jump


def test_while_one_member_is_old_an_upgrade_is_rolled_back_by_restarts() -> None:
    seen = {**all_run("3.6.16", "3.6.0"), "b": run_by("3.7.3", "b", "3.6.0", running_revision="r3")}
    due = steps({**seen, "a": run_by("3.6.16", "a", running_revision="r2")}, at("3.6.16"))
    assert not any(isinstance(step, EnableDowngrade) for step in due) and Restart("b", False) in due


def test_a_whole_minor_goes_down_only_after_its_storage_did() -> None:
    assert steps(all_run("3.7.3", "3.7.0"), at("3.6.16"))[0] == EnableDowngrade("3.6", "a")
    assert steps(all_run("3.7.3", "3.6.0", "3.6.0"), at("3.6.16"))[0] == SaveSnapshot("a")


def test_one_member_whose_storage_is_not_down_holds_the_downgrade() -> None:
    seen = {**all_run("3.7.3", "3.6.0"), "c": run_by("3.7.3", "c", "3.7.0")}
    assert steps(seen, at("3.6.16"))[0] == EnableDowngrade("3.6", "a")


def test_a_downgrade_that_is_taken_back_is_cancelled() -> None:
    under_way = {name: run_by("3.7.3", name, "3.6.0", "3.6.0", running_revision="r2") for name in "abc"}
    assert steps(under_way, at("3.7.3")) == [CancelDowngrade("a")]
    mixed = {**under_way, "b": run_by("3.6.16", "b", "3.6.0", "3.6.0")}
    assert steps(mixed, at("3.7.3"))[0] == CancelDowngrade("a")


def test_a_downgrade_that_has_come_to_its_end_is_left_alone() -> None:
    seen = {name: run_by("3.6.16", name, "3.6.0", "3.6.0", running_revision="r2") for name in "abc"}
    assert steps(seen, at("3.6.16")) == []


def test_no_version_changes_while_an_alarm_is_raised() -> None:
    alarms = ((member_id("a"), "NOSPACE"),)
    seen: Seen = {name: run_by("3.6.14", name, alarms=alarms) for name in "abc"}
    assert refused(seen, at("3.6.16")) == named(Reason.ALARM_PREVENTS_VERSION, ["version"])


def test_the_version_and_the_members_do_not_change_together() -> None:
    grown = refused({**all_run("3.6.14"), "d": empty()}, at("3.6.16", "abcd", known=frozenset("abc")))
    assert grown == named(Reason.VERSION_CHANGES_WITH_MEMBERS, ["version"])
    leaving = {"c": member("c")}
    shrunk = refused(all_run("3.6.14"), at("3.6.16", "ab", leaving=leaving, known=frozenset("abc")))
    assert shrunk == grown


def test_a_dead_member_may_be_replaced_while_the_version_changes() -> None:
    seen: Seen = {name: run_by("3.6.14", name, members=tuple(map(listed, "ab"))) for name in "ab"}
    due = steps({**seen, "c": empty()}, at("3.6.16", known=frozenset("abc")))
    assert due[:2] == [SaveSnapshot("a"), AddLearner("c")]


def test_no_member_joins_with_an_older_minor_than_the_cluster() -> None:
    seen: Seen = {name: run_by("3.7.3", name, members=tuple(map(listed, "ab"))) for name in "ab"}
    wanted = at("3.6.16", known=frozenset("abc"))
    assert refused({**seen, "c": empty()}, wanted) == named(Reason.VERSION_BELOW_CLUSTER, "c")


def test_a_join_that_was_begun_does_not_go_on_with_an_older_minor_than_the_cluster() -> None:
    waiting = replace(listed("c"), name="", is_learner=True)
    seen: Seen = {name: run_by("3.7.3", name, members=(listed("a"), listed("b"), waiting)) for name in "ab"}
    wanted = at("3.6.16", known=frozenset("abc"))
    assert refused({**seen, "c": empty()}, wanted) == named(Reason.VERSION_BELOW_CLUSTER, "c")


# certificates

OLD, NEW = "old-ca", "new-ca"


def trusting(*authorities: str, issuer: str) -> Trust:
    """Return bundles with these CAs beside leaf certificates of one."""
    return Trust(frozenset(authorities), frozenset(authorities), issuer, issuer)


def rotating(loaded: Trust, staged: Trust) -> Seen:
    return {name: serving(name, loaded_trust=loaded, staged_trust=staged) for name in "abc"}


def test_a_bundle_is_widened_by_restarts_alone() -> None:
    seen = rotating(trusting(OLD, issuer=OLD), trusting(OLD, NEW, issuer=OLD))
    assert [type(step) for step in steps(seen, target(revision="r2"))] == [Restart] * 3


def test_leafs_from_a_ca_that_all_trust_are_put_into_use_without_a_restart() -> None:
    seen = rotating(trusting(OLD, NEW, issuer=OLD), trusting(OLD, NEW, issuer=NEW))
    assert steps(seen, target(certificates="c2")) == [SwitchCertificates(("a", "b", "c"))]


def test_leafs_from_a_ca_that_nobody_trusts_are_refused() -> None:
    seen = rotating(trusting(OLD, issuer=OLD), trusting(OLD, issuer=NEW))
    assert refused(seen, target(certificates="c2")) == named(Reason.LEAF_NOT_TRUSTED, "a")


def test_leafs_wait_for_the_restarts_that_widen_the_bundles() -> None:
    seen = rotating(trusting(OLD, issuer=OLD), trusting(OLD, NEW, issuer=NEW))
    due = steps(seen, target(revision="r2", certificates="c2"))
    assert [type(step) for step in due] == [Restart] * 3, "the leaf certificates come when all have loaded the new CA"


def test_one_member_that_has_not_loaded_the_new_ca_holds_all_leafs() -> None:
    seen = rotating(trusting(OLD, NEW, issuer=OLD), trusting(OLD, NEW, issuer=NEW))
    seen["c"] = serving(
        "c",
        running_revision="r0",
        loaded_trust=trusting(OLD, issuer=OLD),
        staged_trust=trusting(OLD, NEW, issuer=NEW),
    )
    assert steps(seen, target(certificates="c2"))[0] == Restart("c", False)


def test_a_bundle_is_not_narrowed_while_a_member_uses_a_leaf_from_the_ca_that_goes() -> None:
    seen = rotating(trusting(OLD, NEW, issuer=OLD), trusting(NEW, issuer=OLD))
    assert refused(seen, target(revision="r2")) == named(Reason.BUNDLE_TOO_NARROW, "a")


def test_a_bundle_is_narrowed_once_all_leafs_are_from_the_new_ca() -> None:
    seen = rotating(trusting(OLD, NEW, issuer=NEW), trusting(NEW, issuer=NEW))
    assert [type(step) for step in steps(seen, target(revision="r2"))] == [Restart] * 3


def test_a_ca_of_clients_is_not_left_and_forgotten_in_one_run() -> None:
    # a second step of a rotation that failed, taken for done by the third; or the state of an earlier time
    seen = rotating(trusting(OLD, NEW, issuer=OLD), trusting(NEW, issuer=NEW))
    wanted = target(revision="r2", certificates="c2")
    assert refused(seen, wanted) == named(Reason.CLIENT_CA_DROPPED, "a")
    taken_back = rotating(trusting(OLD, NEW, issuer=NEW), trusting(OLD, NEW, issuer=OLD))
    assert steps(taken_back, target(certificates="c2")) == [SwitchCertificates(("a", "b", "c"))]


def test_members_may_leave_a_ca_and_forget_it_in_one_run() -> None:
    def trust(peers: set[str], issuer: str) -> Trust:
        return Trust(frozenset({OLD}), frozenset(peers), OLD, issuer)

    due = steps(rotating(trust({OLD, NEW}, OLD), trust({NEW}, NEW)), target(revision="r2", certificates="c2"))
    assert due == [SwitchCertificates(("a", "b", "c"))], (
        "the restarts are planned once the leaf certificates are in use"
    )


def test_a_ca_that_was_renewed_with_its_key_rolls_like_any_setting() -> None:
    seen = rotating(trusting(OLD, issuer=OLD), trusting(OLD, issuer=OLD))
    due = steps(seen, target(revision="r2", certificates="c2"))
    assert [type(step) for step in due] == [SwitchCertificates, Restart, Restart, Restart]


# members


def entry(name: str, /, **changes: Any) -> ListedMember:
    return replace(listed(name), **changes)


def members_of(seen: Mapping[str, HostFacts | Problem], *entries: ListedMember) -> Seen:
    """Return the hosts as members of a cluster with these entries."""
    return {
        name: replace(host, members=entries) if isinstance(host, HostFacts) and host.healthy else host
        for name, host in seen.items()
    }


AT_OLD_ADDRESS = entry("c", peer_urls=("https://192.0.2.9:2380",))


def test_a_host_that_kept_its_data_at_a_new_address_is_told_to_the_cluster() -> None:
    seen = members_of({**ALL_SERVE, "c": stopped("c")}, listed("a"), listed("b"), AT_OLD_ADDRESS)
    assert steps(seen, target())[0] == UpdatePeerUrl("c", member_id("c"))


def test_no_member_is_listed_at_an_address_that_it_does_not_get() -> None:
    text = render.environment_text(render.environment(target().members["c"].member))
    seen = members_of({**ALL_SERVE, "c": serving("c", active_environment=text)}, *map(listed, "abc"))
    wanted = target()
    moved = replace(wanted.members["c"], member=replace(wanted.members["c"].member, peer_port=9100))
    with_moved = replace(wanted, members={**wanted.members, "c": moved})
    assert refused(seen, with_moved) == named(Reason.PEER_URL_NOT_SERVED, "c")
    staged = replace(moved, revision="r2")
    assert steps(seen, replace(wanted, members={**wanted.members, "c": staged}))[0] == Restart(
        "c", False, member_id("c")
    )


def test_an_empty_host_at_a_new_address_takes_the_place_of_a_dead_one() -> None:
    seen = members_of({**ALL_SERVE, "c": empty()}, listed("a"), listed("b"), AT_OLD_ADDRESS)
    assert steps(seen, target()) == [RemoveMember(member_id("c"), "c", None)]


def test_an_empty_host_at_a_new_address_does_not_take_the_place_of_a_live_one() -> None:
    seen = members_of({**ALL_SERVE, "c": empty()}, listed("a"), listed("b"), AT_OLD_ADDRESS)
    assert refused(seen, target(), frozenset({member_id("c")})) == named(Reason.OLD_MEMBER_RUNNING, "c")


def wiped(replaces: str | None, names: str = "abc", lost: str = "c") -> tuple[Seen, Target]:
    wanted = target(names)
    targets = {
        name: replace(each, replaces=replaces if name in lost else None) for name, each in wanted.members.items()
    }
    seen: Seen = {name: empty() if name in lost else serving(name, names=names) for name in names}
    return seen, replace(wanted, members=targets)


def test_a_wiped_disk_is_filled_again_once_the_old_member_is_named() -> None:
    assert steps(*wiped(member_id("c")))[0] == RemoveMember(member_id("c"), "c", None)


@pytest.mark.parametrize("replaces", [None, "beef"])
def test_a_wiped_disk_is_refused_while_the_old_member_is_not_named(replaces: str | None) -> None:
    assert refused(*wiped(replaces)) == named(Reason.DATA_MISSING, "c")


def test_a_confirmation_is_void_after_its_use() -> None:
    seen, wanted = wiped(member_id("c"))
    again = members_of(seen, listed("a"), listed("b"), entry("c", member_id="c0ffee"))
    assert refused(again, wanted) == named(Reason.DATA_MISSING, "c")


def test_several_members_are_not_replaced_at_once() -> None:
    wanted = target("abcde")
    targets = {
        name: replace(each, replaces=member_id(name) if name in "de" else None) for name, each in wanted.members.items()
    }
    seen: Seen = {name: empty() if name in "de" else serving(name, names="abcde") for name in "abcde"}
    assert refused(seen, replace(wanted, members=targets)) == named(Reason.DATA_MISSING_ON_SEVERAL, "de")


def test_a_member_that_was_removed_behind_our_back_joins_anew() -> None:
    gone = stopped("c", wal=WalIdentity("dead", status("c").cluster_id))
    seen = members_of({**ALL_SERVE, "c": gone}, listed("a"), listed("b"))
    assert steps(seen, target()) == [AddLearner("c"), StartJoin("c"), Promote("c", "")]


def test_a_learner_that_lost_its_data_is_dropped() -> None:
    seen = members_of({**ALL_SERVE, "c": empty()}, listed("a"), listed("b"), entry("c", is_learner=True))
    assert steps(seen, target())[0] == RemoveMember(member_id("c"), "c", None)


def test_a_join_that_was_begun_goes_on() -> None:
    waiting = entry("c", name="", is_learner=True)
    seen = members_of({**ALL_SERVE, "c": empty()}, listed("a"), listed("b"), waiting)
    assert steps(seen, target()) == [StartJoin("c")]


def test_a_learner_that_runs_is_promoted() -> None:
    learner = silent("c", bootstrapped=None)
    seen = members_of({**ALL_SERVE, "c": learner}, listed("a"), listed("b"), entry("c", is_learner=True))
    assert steps(seen, target())[0] == Promote("c", member_id("c"))


def test_what_a_removed_member_left_is_set_aside() -> None:
    seen = members_of({**ALL_SERVE, "c": stopped("c")}, listed("a"), listed("b"))
    assert steps(seen, target("ab", leaving={"c": member("c")})) == [Retire("c")]


def test_a_swap_adds_before_it_removes() -> None:
    wanted = target("abd", leaving={"c": member("c")}, known=frozenset("abc"))
    due = steps({**ALL_SERVE, "d": empty()}, wanted)
    assert due[:3] == [AddLearner("d"), StartJoin("d"), Promote("d", "")]
    assert due[3:] in ([], [RemoveMember(member_id("c"), "c", "c")])


def test_a_swap_of_a_dead_member_removes_before_it_adds() -> None:
    wanted = target("abd", leaving={"c": member("c")}, known=frozenset("abc"))
    due = steps({**ALL_SERVE, "c": down("c"), "d": empty()}, wanted)
    assert due[0] == RemoveMember(member_id("c"), "c", None)


def test_the_leader_is_removed_last() -> None:
    seen: Seen = {name: serving(name, names="abcde") for name in "abcde"}
    leaving = {name: member(name) for name in "ab"}
    due = steps(seen, target("cde", leaving=leaving, known=frozenset("abcde")))
    assert due == [RemoveMember(member_id("b"), "b", "b", False), RemoveMember(member_id("a"), "a", "a", True)]


def test_a_removal_that_would_leave_no_quorum_is_refused() -> None:
    seen = {**ALL_SERVE, "b": silent("b")}
    wanted = target("ab", leaving={"c": member("c")}, known=frozenset("abc"))
    assert refused(seen, wanted) == named(Reason.NO_QUORUM_TO_REMOVE, "c")


@pytest.mark.parametrize("name", "abc")
def test_any_node_can_leave(name: str) -> None:
    rest = "abc".replace(name, "")
    due = steps(ALL_SERVE, target(rest, leaving={name: member(name)}, known=frozenset("abc")))
    assert due == [RemoveMember(member_id(name), name, name, name == "a")]


def test_a_second_member_joins_a_single_one() -> None:
    seen: Seen = {"a": serving("a", names="a"), "b": empty()}
    assert steps(seen, target("ab"))[0] == AddLearner("b")


def test_no_member_is_added_to_three_of_which_one_is_down() -> None:
    seen = {**ALL_SERVE, "c": down("c"), "d": empty()}
    assert refused(seen, target("abcd")) == named(Reason.NO_QUORUM_TO_ADD, "d")


def test_a_member_is_added_to_five_of_which_one_is_down() -> None:
    seen: Seen = {name: serving(name, names="abcde") for name in "abcd"}
    assert steps({**seen, "e": down("e"), "f": empty()}, target("abcdef"))[0] == AddLearner("f")


# alarms


def with_alarm(kind: str, of: str = "c", names: str = "abc") -> Seen:
    return {name: serving(name, names=names, alarms=((member_id(of), kind),)) for name in names}


def test_a_full_disk_does_not_stop_the_roll_that_raises_the_quota() -> None:
    assert [type(step) for step in steps(with_alarm("NOSPACE"), target(revision="r2"))] == [Restart] * 3


def test_a_full_disk_stops_joins() -> None:
    seen = {**with_alarm("NOSPACE"), "d": empty()}
    assert refused(seen, target("abcd")) == named(Reason.ALARM_PREVENTS_ADD, ["cluster"])


def test_a_corrupt_member_stops_everything_but_its_own_removal() -> None:
    assert refused(with_alarm("CORRUPT"), target(revision="r2")) == named(Reason.DATA_CORRUPT, "c")
    due = steps(with_alarm("CORRUPT"), target("ab", leaving={"c": member("c")}, known=frozenset("abc")))
    assert due[0] == RemoveMember(member_id("c"), "c", "c", False)


# settings


def test_a_stopped_member_starts_before_anything_restarts() -> None:
    due = steps({**ALL_SERVE, "c": stopped("c")}, target(revision="r2"))
    assert due[0] == StartExisting(("c",))


def given_up(name: str) -> tuple[Seen, Target]:
    """Return a cluster of three in which `name` has a new, empty host, and what is wanted with the old id named."""
    old = {each: serving(each) for each in "abc"}
    target = at("3.6.16")
    moved = replace(target.members[name].member, address="192.0.2.99")
    wanted = TargetMember(moved, "r2", "c1", replaces=member_id(name))
    seen: Seen = {**old, name: HostFacts(machine="x86_64")}
    return seen, replace(target, members={**target.members, name: wanted})


def test_a_healthy_member_that_is_given_up_leaves_after_the_new_one_votes() -> None:
    seen, wanted = given_up("b")
    taken = steps(seen, wanted, frozenset({member_id("b")}))
    kinds = [type(step) for step in taken if not isinstance(step, Restart)]
    assert kinds == [AddLearner, StartJoin, Promote, RemoveMember]
    assert taken[3] == RemoveMember(member_id("b"), "b", None)


def test_a_healthy_member_whose_id_is_not_named_stays_and_the_id_is_told() -> None:
    seen, wanted = given_up("b")
    unnamed = replace(wanted.members["b"], replaces=None)
    wanted = replace(wanted, members={**wanted.members, "b": unnamed})
    assert refused(seen, wanted, frozenset({member_id("b")})) == named(Reason.OLD_MEMBER_RUNNING, "b")


def test_alarms_are_disarmed_once_all_are_of_removed_members() -> None:
    gone, here = ("77", "CORRUPT"), (member_id("a"), "NOSPACE")
    alarmed: Seen = {name: run_by("3.6.16", name, alarms=(gone,)) for name in "abc"}
    assert steps(alarmed, at("3.6.16"))[0] == DisarmAlarms((gone,))
    both: Seen = {name: run_by("3.6.16", name, alarms=(gone, here)) for name in "abc"}
    assert not any(isinstance(step, DisarmAlarms) for step in steps(both, at("3.6.16")))
