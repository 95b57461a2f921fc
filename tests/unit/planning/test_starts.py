"""No member is started where other unit files on its host would make it another: one test a rule."""

from dataclasses import replace
from typing import Any

from etcd_cluster import planning
from etcd_cluster.observation.drop_ins import DropIn
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason
from tests.unit.samples import empty, named, refused, serving, stopped, target

LEFTOVER = (DropIn("/etc/systemd/system/etcd.service.d/10-old.conf", "[Service]\nEnvironment=ETCD_CONFIG_FILE=/x\n"),)


def test_no_member_is_restarted_where_a_drop_in_would_change_it() -> None:
    """Also where nothing of its own settings changed, as when a CA is rotated."""
    hosts = {name: serving(name) for name in "abc"}
    seen = {**hosts, "c": replace(hosts["c"], drop_ins=LEFTOVER)}
    assert refused(seen, target(revision="r2")) == named(Reason.UNIT_DROP_IN, "c")


def test_a_drop_in_is_no_hindrance_where_its_member_is_not_started() -> None:
    hosts = {**{name: serving(name) for name in "ab"}, "c": stopped("c")}
    plan = planning.plan({**hosts, "a": replace(hosts["a"], drop_ins=LEFTOVER)}, target())
    assert plan.steps == (planning.StartExisting(("c",)),)


def test_no_stopped_member_and_no_new_cluster_is_started_where_a_drop_in_would_change_it() -> None:
    for make in (stopped, empty_of):
        seen = {**{name: make(name) for name in "ab"}, "c": make("c", drop_ins=LEFTOVER)}
        assert refused(seen) == named(Reason.UNIT_DROP_IN, "c")


def empty_of(_name: str, **changes: Any) -> HostFacts:
    return empty(**changes)
