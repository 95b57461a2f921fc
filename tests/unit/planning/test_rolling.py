"""What a roll looks at before each restart: one peer URL at a time, a quota that the database fits in."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import Restart, Step, Target, TargetMember, UpdatePeerUrl, plan
from etcd_cluster.planning.rules import quota
from etcd_cluster.reasons import Reason
from tests.unit.samples import listed, member, member_id, named, refused, serving, status, stopped, target

MEGABYTE = 1024**2


def steps(seen: Mapping[str, HostFacts], wanted: Target) -> list[Step]:
    """Return the steps that are due."""
    return list(plan(seen, wanted).steps)


def on_port(port: int, names: str = "abc", revision: str = "r2") -> Target:
    """Return a wanted cluster whose members have another peer port, on a revision of its own."""
    return Target({name: TargetMember(member(name, peer_port=port), revision, "c1") for name in names})


ALL_SERVE = {name: serving(name) for name in "abc"}


def test_each_peer_url_changes_together_with_the_restart_of_its_member() -> None:
    due = steps(ALL_SERVE, on_port(9100))
    assert due == [
        Restart("b", False, member_id("b")),
        Restart("c", False, member_id("c")),
        Restart("a", True, member_id("a")),
    ]
    assert str(due[0]) == "restart b at its new peer URL"
    moved = replace(listed("b"), peer_urls=("https://192.0.2.2:9100",))
    entries = (listed("a"), moved, listed("c"))
    after = {name: serving(name, members=entries, running_revision="r2" if name == "b" else "r1") for name in "abc"}
    assert steps(after, on_port(9100)) == due[1:]
    interrupted = {name: replace(seen, running_revision="r1", active_revision="r1") for name, seen in after.items()}
    assert steps(interrupted, on_port(9100))[0] == Restart("b", False), "the list has its new URL already"


def test_a_member_that_was_put_back_is_listed_where_it_runs() -> None:
    moved = replace(listed("b"), peer_urls=("https://192.0.2.2:9100",))
    seen = {name: serving(name, members=(listed("a"), moved, listed("c"))) for name in "abc"}
    assert steps(seen, target()) == [UpdatePeerUrl("b", member_id("b"))]


def test_a_member_that_does_not_run_is_listed_anew_before_it_starts() -> None:
    seen = {"a": serving("a"), "b": serving("b"), "c": stopped("c")}
    assert steps(seen, on_port(9100))[0] == UpdatePeerUrl("c", member_id("c"))


def test_a_single_member_hands_over_to_nobody() -> None:
    (due,) = steps({"a": serving("a", names="a")}, target("a", revision="r2"))
    assert str(due) == "restart a"


# quota


def with_quota(quota_bytes: int, revision: str = "r2") -> Target:
    """Return a wanted cluster with a quota, on a revision of its own."""
    options = {**member().options, quota.OPTION: str(quota_bytes)}
    return Target({name: TargetMember(member(name, options=options), revision, "c1") for name in "abc"})


def sized(megabytes: int, environment: str = "", alarms: tuple[tuple[str, str], ...] = ()) -> dict[str, HostFacts]:
    """Return a cluster whose members' databases have a size."""
    return {
        name: serving(
            name,
            status=replace(status(name), db_size=megabytes * MEGABYTE),
            active_environment=environment,
            alarms=alarms,
        )
        for name in "abc"
    }


@pytest.mark.parametrize(
    ("megabytes", "is_refused"), [(90, True), (100, True), (109, True), (120, False), (0, False), (-1, False)]
)
def test_a_quota_below_the_database_is_refused_before_any_restart(megabytes: int, is_refused: bool) -> None:
    wanted = with_quota(megabytes * MEGABYTE)
    if not is_refused:
        assert [type(step) for step in steps(sized(100), wanted)] == [Restart] * 3
        return
    assert refused(sized(100), wanted) == named(Reason.QUOTA_TOO_SMALL, "abc")


def test_a_quota_that_stays_is_no_reason_to_refuse_another_change() -> None:
    same = f'ETCD_QUOTA_BACKEND_BYTES="{100 * MEGABYTE}"\n'
    assert len(steps(sized(99, same), with_quota(100 * MEGABYTE))) == 3


def test_a_roll_that_raised_an_alarm_does_not_go_on() -> None:
    full = ((member_id("b"), "NOSPACE"),)
    small = f'ETCD_QUOTA_BACKEND_BYTES="{100 * MEGABYTE}"\n'
    seen = {
        **sized(50, "", full),
        "b": replace(sized(100, small, full)["b"], running_revision="r2", active_revision="r2"),
    }
    only_that_it_does_not_fit = named(Reason.QUOTA_TOO_SMALL, "b")
    assert refused(seen, with_quota(100 * MEGABYTE)) == only_that_it_does_not_fit


def test_a_full_database_may_restart_with_a_larger_quota_and_with_the_same() -> None:
    full = ((member_id("b"), "NOSPACE"),)
    same = f'ETCD_QUOTA_BACKEND_BYTES="{100 * MEGABYTE}"\n'
    seen = sized(100, same, full)
    assert len(steps(seen, with_quota(200 * MEGABYTE))) == 3
    assert len(steps(seen, with_quota(100 * MEGABYTE))) == 3, "another setting may be what makes room"
