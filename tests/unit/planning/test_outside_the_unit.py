"""Members that run outside the unit, and leaving ones that somebody put out of service."""

import subprocess
from pathlib import Path

import pytest

from etcd_cluster.observation.drop_ins import DropIn
from etcd_cluster.observation.facts import HostFacts, parse
from etcd_cluster.planning import RemoveMember, StartExisting, plan
from etcd_cluster.reasons import Reason
from tests.unit.host_namespace import Namespace
from tests.unit.samples import empty, member, member_id, named, refused, serving, stopped, target
from tests.unit.sent_scripts import observe

HOLDS_LOCK = """
import fcntl, sys
database = open(sys.argv[1])
fcntl.flock(database, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
BY_HAND = "etcd (pid 7)"


def test_a_look_finds_the_process_that_uses_the_data_of_a_stopped_member(host: Namespace, tmp_path: Path) -> None:
    database = tmp_path / "data" / "member" / "snap" / "db"
    database.parent.mkdir(parents=True)
    database.touch()

    def look() -> HostFacts:
        looked = host.out(observe(tmp_path / "etc", tmp_path / "data", depth="member"))
        return parse(looked, 0, 0)

    host.answer("0")
    command = ["python3", "-c", HOLDS_LOCK, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout and other.stdout.readline()
        held = look().data_holder
        host.answer(str(other.pid))
        assert look().data_holder == "", "the unit's own process"
        other.stdin.close()
    host.answer("0")
    assert (held, look().data_holder) == (f"python3 (pid {other.pid})", "")


def test_no_member_is_started_on_data_that_another_process_uses() -> None:
    outside = {name: stopped(name, data_holder=BY_HAND, active_revision="r0") for name in "abc"}
    in_use = named(Reason.DATA_IN_USE, "abc")
    assert refused(outside) == in_use
    assert refused(outside, target(), frozenset(member_id(name) for name in "abc")) == in_use
    one = named(Reason.DATA_IN_USE, "b")
    assert refused({**outside, "a": serving("a"), "c": serving("c")}) == one
    assert refused({**dict.fromkeys("ac", empty()), "b": stopped("b", data_holder=BY_HAND, bootstrapped=None)}) == one


def test_a_member_that_runs_outside_the_unit_and_answers_is_named() -> None:
    seen = {"a": serving("a"), "b": serving("b"), "c": stopped("c", data_holder=BY_HAND)}
    found = plan(seen, target(), frozenset({member_id("c")}))
    assert found.steps == () and (Reason.DATA_IN_USE, "c") in {each.identity for each in found.warnings}


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": {"MainPID": "0", "LoadState": "masked"}},
        {"drop_ins": (DropIn("/etc/systemd/system/etcd.service.d/a.conf", "[Service]\nEnvironmentFile=/etc/x\n"),)},
    ],
)
def test_a_leaving_member_that_was_put_out_of_service_is_not_started(changes: dict[str, object]) -> None:
    seen = {name: stopped(name) for name in "ab"}
    wanted = target("ab", leaving={"c": member("c")}, known=frozenset("abc"))
    assert plan({**seen, "c": stopped("c")}, wanted).steps == (StartExisting(("a", "b", "c")),)
    assert plan({**seen, "c": stopped("c", **changes)}, wanted).steps == (StartExisting(("a", "b")),)


def test_a_leaving_member_whose_log_cannot_be_read_is_removed_before_it_is_stopped() -> None:
    seen = {"a": serving("a"), "b": serving("b"), "c": serving("c", wal=None)}
    first = plan(seen, target("ab", leaving={"c": member("c")}, known=frozenset("abc"))).steps[0]
    assert isinstance(first, RemoveMember) and first.member_id == member_id("c")
