"""What a look at a host tells, from the lines that observe.sh prints."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_cluster.observation import facts as observation
from etcd_cluster.observation.facts import HostFacts, ListedMember, MemberStatus, Stamp
from tests.unit.samples import CLUSTER, WAL_HEAD, WAL_IDENTITY, printed

# Answers of etcdctl 3.6.16
STATUS: list[dict[str, Any]] = [
    {
        "Endpoint": "https://127.0.0.1:2379",
        "Status": {
            "header": {
                "cluster_id": 15875391935852295136,
                "member_id": 7383792418829112008,
                "revision": 1,
                "raft_term": 2,
            },
            "version": "3.6.16",
            "dbSize": 20480,
            "leader": 7383792418829112008,
            "raftIndex": 4,
            "raftTerm": 2,
            "raftAppliedIndex": 3,
            "dbSizeInUse": 16384,
            "storageVersion": "3.6.0",
            "dbSizeQuota": 2147483648,
            "downgradeInfo": {},
        },
    }
]
MEMBERS: dict[str, Any] = {
    "header": {"cluster_id": 15875391935852295136, "member_id": 7383792418829112008, "raft_term": 2},
    "members": [
        {
            "ID": 7383792418829112008,
            "name": "a",
            "peerURLs": ["https://192.0.2.1:2380"],
            "clientURLs": ["https://192.0.2.1:2379"],
        },
        {"ID": 9007199254740993, "peerURLs": ["https://192.0.2.2:2380"], "isLearner": True},
    ],
}
HEALTHY = [{"endpoint": "https://127.0.0.1:2379", "health": True, "took": "5.527469ms"}]
SICK = [{"endpoint": "https://127.0.0.1:2379", "health": False, "took": "2s", "error": "context deadline exceeded"}]
BARE = {
    "missing": "",
    "fetch": "curl",
    "machine": "x86_64",
    "time": "1000.5",
    "revision": "",
    "certificates": "",
    "unit.MainPID": "0",
    "unit.NRestarts": "0",
    "unit.LoadState": "not-found",
    "unit.ActiveState": "inactive",
    "unit.SubState": "dead",
    "unit.FragmentPath": "",
    "unit.UnitFileState": "",
}
RUNNING = {
    **BARE,
    "owner": b"cluster=c1\nhost=h1\nnode=a\nstack=org/project/dev\n",
    "attempt": b"attempt=t1\ncluster=a=https://192.0.2.1:2380\n",
    "born": f"cluster={CLUSTER}\nmember=667880157b8812c8\n".encode(),
    "data": "etcd",
    "leftover": "yes",
    "wal": WAL_HEAD,
    "revision": "r1",
    "certificates": "c1",
    "unit.MainPID": "42",
    "unit.ActiveState": "active",
    "running": "r0",
    "executable": "/opt/etcd/v3.6.16/etcd",
    "binaries": "whole",
    "staged": "r1",
    "status": STATUS,
    "members": MEMBERS,
    "health": HEALTHY,
}


def seen(before: float = 1000.0, after: float = 1001.0, **lines: Any) -> HostFacts:
    return observation.parse(printed(lines), before, after)


def test_a_host_with_nothing_on_it_shows_nothing() -> None:
    facts = seen(**BARE)
    assert facts == HostFacts(machine="x86_64", fetch_tool="curl", unit=facts.unit)
    assert not facts.is_running and not facts.is_active


def test_a_running_member_is_read_whole() -> None:
    facts = seen(**RUNNING)
    assert facts.stamp == Stamp("c1", "h1", "a", "org/project/dev")
    assert facts.attempt == "attempt=t1\ncluster=a=https://192.0.2.1:2380\n"
    assert facts.bootstrapped is not None and CLUSTER in facts.bootstrapped
    assert (facts.wal, facts.has_wal, facts.leftover) == (WAL_IDENTITY, True, True)
    assert (facts.active_revision, facts.running_revision, facts.active_certificates) == ("r1", "r0", "c1")
    assert facts.is_running and facts.is_active and facts.healthy and facts.binaries_whole
    assert facts.staged == ("r1",)


def test_ids_beyond_the_precision_of_a_double_are_exact() -> None:
    facts = seen(**RUNNING)
    assert facts.status == MemberStatus(
        "667880157b8812c8", CLUSTER, "3.6.16", "667880157b8812c8", False, 2, 4, 3, 20480, storage_version="3.6.0"
    )
    assert facts.members == (
        ListedMember("667880157b8812c8", "a", ("https://192.0.2.1:2380",), False, ("https://192.0.2.1:2379",)),
        ListedMember("20000000000001", "", ("https://192.0.2.2:2380",), True),
    )


def test_a_member_without_a_leader_names_none() -> None:
    status = {key: value for key, value in STATUS[0]["Status"].items() if key != "leader"}
    answer = observation.parse_status([{"Status": {**status, "errors": ["etcdserver: no leader"]}}])
    assert answer is not None and answer.leader_id == "0" and answer.errors == ("etcdserver: no leader",)


def test_an_alarm_is_known_where_the_list_of_alarms_came_to_nothing() -> None:
    errors = ["etcdserver: no leader", "memberID:7383792418829112008 alarm:NOSPACE ", "memberID:16  alarm:CORRUPT"]
    status = [{**STATUS[0], "Status": {**STATUS[0]["Status"], "errors": errors}}]
    health = [{"endpoint": "https://127.0.0.1:2379", "health": False, "error": "Active Alarm(s): NOSPACE CORRUPT "}]
    told = (("667880157b8812c8", "NOSPACE"), ("10", "CORRUPT"))
    facts = seen(**{**RUNNING, "status": status, "health": health})
    assert facts.serves and facts.alarms == told
    listed = {"alarms": [{"memberID": 0x667880157B8812C8, "alarm": 1}]}
    assert seen(**{**RUNNING, "status": status, "health": health, "alarms": listed}).alarms == told


@pytest.mark.parametrize("answer", [None, [], "null", {}, 7])
def test_no_answer_is_no_status(answer: Any) -> None:
    assert observation.parse_status(answer) is None


@pytest.mark.parametrize("health", [SICK, [], None, {"health": True}, [*HEALTHY, *SICK]])
def test_a_member_is_healthy_only_with_a_good_answer(health: Any) -> None:
    assert not seen(**{**RUNNING, "health": health}).healthy


@pytest.mark.parametrize("broken", ["!!!", "bm90IGpzb24=", ""])
@pytest.mark.parametrize("key", ["status", "members", "health"])
def test_a_cut_answer_counts_as_none(key: str, broken: str) -> None:
    facts = seen(**{**RUNNING, key: broken})
    assert {"status": facts.status is None, "members": facts.members == (), "health": not facts.healthy}[key]


def test_an_empty_wal_file_is_a_wal_of_nobody() -> None:
    facts = seen(**{**RUNNING, "wal": ""})
    assert facts.has_wal and facts.wal is None, "a host with a WAL file is never empty"


def test_a_process_that_holds_a_port_is_named() -> None:
    output = printed(BARE) + "listening=2379 812 my server\nlistening=2380 0 \n"
    assert observation.parse(output, 1000, 1001).listening == (
        (2379, "my server (pid 812)"),
        (2380, "a process (pid 0)"),
    )


def test_links_of_others_and_missing_tools_are_listed() -> None:
    facts = seen(**{**BARE, "missing": " tar flock"})
    assert facts.missing_tools == ("tar", "flock")
    output = printed(BARE) + "foreign=/usr/local/bin/etcd\nforeign=/usr/local/bin/etcdctl\n"
    assert observation.parse(output, 1000, 1001).foreign_links == ("/usr/local/bin/etcd", "/usr/local/bin/etcdctl")


def test_a_systemd_that_does_not_run_is_missing_too() -> None:
    output = printed(BARE) + "missing= flock systemd\n"
    assert observation.parse(output, 1000, 1001).missing_tools == ("flock", "systemd")


@pytest.mark.parametrize(
    ("clock", "offset"), [("1000.5", 0), ("1000", 0), ("1001", 0), ("1061.25", 60.25), ("940", -60)]
)
def test_a_clock_is_off_by_what_the_look_itself_cannot_explain(clock: str, offset: float) -> None:
    assert seen(**{**BARE, "time": clock}).clock_offset == offset


def test_damaged_binaries_show() -> None:
    assert not seen(**{**BARE, "binaries": "damaged"}).binaries_whole


@pytest.mark.parametrize(("machine", "architecture"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("riscv64", None)])
def test_a_machine_has_etcds_name_of_its_architecture(machine: str, architecture: str | None) -> None:
    assert HostFacts(machine=machine).architecture == architecture


@settings(max_examples=60, deadline=None)
@given(st.text())
def test_lines_of_others_are_passed_over(noise: str) -> None:
    stray = "".join(f"note {line}\n" for line in noise.splitlines())
    assert observation.parse(stray + printed(RUNNING), 1000, 1001) == seen(**RUNNING)


def test_a_stamp_reads_back_what_it_wrote() -> None:
    stamp = Stamp("c1", "h1", "a", "org/project/dev=1")
    assert Stamp.parse(stamp.text()) == stamp


def test_a_stamp_that_is_no_stamp_belongs_to_nobody() -> None:
    assert Stamp.parse("whatever\n") == Stamp("", "", "", "")
