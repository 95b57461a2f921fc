"""A bootstrap that fails or is interrupted goes on; it is recorded only once every member has proven what it is."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from etcd_cluster.errors import ClusterError
from etcd_cluster.execution import Deadlines, Operations, bootstrap, execute, operations
from etcd_cluster.execution.proof import identity_problem, process_problem
from etcd_cluster.lease import Lease, now
from etcd_cluster.observation.facts import HostFacts, ListedMember, MemberStatus
from etcd_cluster.observation.wal import WalIdentity
from etcd_cluster.planning import Attempt, StartNew, Target, plan
from etcd_cluster.planning import ids as identity
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering import revision
from etcd_cluster.ssh.session import Result
from tests.unit.samples import (
    WAL_IDENTITY,
    attempt,
    down,
    empty,
    listed,
    member,
    named,
    refused,
    serving,
    silent,
    stopped,
    target,
)
from tests.unit.sent_scripts import sent

DEADLINES = Deadlines(1, 180, 120, 600, 90, 60)
T1 = Attempt.parse(attempt())
STEP = StartNew(("a", "b", "c"), "t1")


def own(name: str, **changes: Any) -> HostFacts:
    """Return a host that holds the data of its member of the attempt, which is not recorded."""
    return stopped(name, bootstrapped=None, wal=WalIdentity(T1.member_ids[name], T1.cluster_id), **changes)


def answering(name: str, **changes: Any) -> HostFacts:
    """Return a host whose member of the attempt serves, though nothing is recorded."""
    status = MemberStatus(T1.member_ids[name], T1.cluster_id, "3.6.16", T1.member_ids["a"], False, 2, 100, 100, 20480)
    wal = WalIdentity(T1.member_ids[name], T1.cluster_id)
    members = tuple(entry(each, ("https://x",) if each != "c" else ()) for each in "abc")
    return serving(name, **{"bootstrapped": None, "wal": wal, "status": status, "members": members, **changes})


def entry(name: str, client_urls: tuple[str, ...] = ()) -> ListedMember:
    """Return the line of the member list for a member of the attempt; one that never ran has no client URL."""
    return ListedMember(T1.member_ids[name], name, (member(name).peer_url,), False, client_urls)


# which bootstrap goes on, and how


def test_the_ids_are_those_that_etcd_computes() -> None:
    """The WAL of the samples was written by etcd 3.6.16, as a cluster of one with etcd's default token."""
    id_ = identity.member_id(["http://127.0.0.1:42380"], "etcd-cluster")
    assert (id_, identity.cluster_id([id_])) == (WAL_IDENTITY.member_id, WAL_IDENTITY.cluster_id)


def test_a_member_that_was_never_started_joins_the_quorum_that_the_others_formed() -> None:
    observed = {"a": answering("a"), "b": answering("b"), "c": empty(attempt=attempt())}
    assert plan(observed, target()).steps == (STEP,)
    remembered = target(cluster_id=T1.cluster_id)
    assert plan(observed, remembered).steps == (STEP,), "also where a state remembers the id already"


def test_a_member_that_served_before_and_lost_its_disk_is_no_new_one() -> None:
    members = tuple(entry(each, ("https://x",)) for each in "abc")
    observed = {name: answering(name, members=members) for name in "ab"} | {"c": empty(attempt=attempt())}
    assert refused(observed) == named(Reason.DATA_MISSING, "c")


def test_a_bootstrap_is_not_recorded_without_a_host_that_does_not_answer() -> None:
    observed = {"a": answering("a"), "b": answering("b"), "c": down("c")}
    assert refused(observed) == named(Reason.BOOTSTRAP_NEEDS_ALL_HOSTS, "c")


def test_what_one_member_made_of_its_own_does_not_hold_the_bootstrap_up() -> None:
    observed = {"a": own("a"), "b": own("b"), "c": stopped("c", bootstrapped=None, wal=WalIdentity("1", "beef"))}
    assert plan(observed, target()).steps == (STEP,)


def test_the_data_of_a_whole_other_cluster_is_not_set_aside() -> None:
    observed = {name: stopped(name, bootstrapped=None, wal=WalIdentity(f"{ord(name)}", "beef")) for name in "abc"}
    assert refused(observed) == named(Reason.BOOTSTRAP_FOREIGN_DATA, "abc")


# carrying it out


class Host:
    """A host of a bootstrap: what its member ends with or answers, and what was done there."""

    def __init__(self, name: str, **trouble: str) -> None:
        self.name = name
        self.trouble = trouble
        self.done: list[str] = []

    async def run(self, script: str, *arguments: str, check: bool = True, **_: Any) -> Result:
        """Do what the script does, as far as it matters here."""
        call = sent(script)
        name = call.name or arguments[-1]
        assert call.is_guarded == (name in ("activate", "announce", "record_bootstrap", "halt", "start", "relocate"))
        self.done.append(f"announce {call.variables['own']}" if name == "announce" else name)
        if name == "start" and "start" in self.trouble:
            raise ClusterError.of(Reason.START_FAILED, self.name, self.trouble["start"], "Check the host")
        if name == "wait" and "ends" in self.trouble:
            return Result(3, self.trouble["ends"], "")
        if name == "process":
            variables = revision.environment(member(self.name)) | {"MEMBER_REVISION": "r1"}
            lines = [f"{key}={value}" for key, value in variables.items()]
            return Result(0, "\n".join(lines + self.trouble.get("process", "").splitlines()), "")
        if name == "health":
            healthy = "client" not in self.trouble
            return Result(
                0 if healthy else 1, json.dumps([{"endpoint": "x", "health": healthy}]), self.trouble.get("client", "")
            )
        if name == "status":
            ids = T1.member_ids[self.name], self.trouble.get("cluster", T1.cluster_id)
            header = {"member_id": int(ids[0], 16), "cluster_id": int(ids[1], 16)}
            return Result(0, json.dumps([{"Status": {"header": header}}]), "")
        if name == "list":
            members = [
                {"ID": int(id_, 16), "name": each, "peerURLs": [member(each).peer_url]}
                for each, id_ in T1.member_ids.items()
            ]
            return Result(0, json.dumps({"members": members}), "")
        return Result(0, "", "")


def take(hosts: Mapping[str, Host], facts: Mapping[str, HostFacts], monkeypatch: pytest.MonkeyPatch) -> str:
    """Go on with the attempt t1 of revision r1; return what was said when it failed, else nothing."""

    async def say(_: str) -> None:
        """Nobody listens."""

    async def look(session: Host, *_: Any) -> HostFacts:
        wal = WalIdentity(T1.member_ids[session.name], session.trouble.get("cluster", T1.cluster_id))
        return stopped(session.name, bootstrapped=None, wal=wal)

    async def run() -> None:
        work = Operations(hosts, target(), Lease("run-1", now()), DEADLINES, None, say, None, facts)  # type: ignore[arg-type]
        await execute(work, STEP)

    monkeypatch.setattr(bootstrap, "observe", look)
    monkeypatch.setattr(operations, "_MOMENT_SECONDS", 0.1)
    try:
        asyncio.run(run())
    except ClusterError as error:
        return str(error)
    return ""


NEW = {name: empty(attempt=attempt()) for name in "abc"}


def fresh(**trouble: Host) -> dict[str, Host]:
    return {name: Host(name) for name in "abc"} | trouble


def test_a_bootstrap_is_recorded_once_all_are_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = fresh()
    assert take(hosts, NEW, monkeypatch) == ""
    for host in hosts.values():
        assert host.done[:4] == ["announce keep", "activate", "start", "wait"]
        assert host.done[-1] == "record_bootstrap" and "halt" not in host.done


def test_all_that_end_at_their_start_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = fresh(**{name: Host(name, ends=f"no such file on {name}") for name in "abc"})
    said = take(hosts, NEW, monkeypatch)
    assert all(f"{name}: etcd ended at its start" in said and f"no such file on {name}" in said for name in "abc")
    assert all(host.done[-1] == "halt" for host in hosts.values())


def test_a_start_that_fails_on_one_host_stops_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = fresh(c=Host("c", start="systemctl is broken"))
    assert "c: systemctl is broken" in take(hosts, NEW, monkeypatch)
    assert all("halt" in host.done and "record_bootstrap" not in host.done for host in hosts.values())


def test_a_process_of_a_former_try_is_stopped_and_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {name: silent(name, bootstrapped=None, running_revision="r0", wal=own(name).wal) for name in "abc"}
    hosts = fresh()
    assert take(hosts, facts, monkeypatch) == ""
    for host in hosts.values():
        assert host.done[:4] == ["announce keep", "halt", "activate", "start"]


def test_members_that_serve_already_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"a": answering("a"), "b": answering("b", running_revision="r0"), "c": empty(attempt=attempt())}
    hosts = fresh()
    assert take(hosts, facts, monkeypatch) == ""
    for name in "ab":
        assert not {"start", "halt", "activate"} & set(hosts[name].done) and hosts[name].done[-1] == "record_bootstrap"
    hosts = fresh(c=Host("c", ends="no such file"))
    assert "c: etcd ended at its start" in take(hosts, facts, monkeypatch)
    assert [name for name in "abc" if "halt" in hosts[name].done] == ["c"]


def test_a_member_with_settings_of_others_is_named_and_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "ETCD_CONFIG_FILE=/etc/old.yaml\ndrop-in=/etc/systemd/system/etcd.service.d/10-old.conf"
    hosts = fresh(a=Host("a", process=told, cluster="beef"))
    said = take(hosts, NEW, monkeypatch)
    assert "a: its process was started with ETCD_CONFIG_FILE, which this program does not set" in said
    assert "(see /etc/systemd/system/etcd.service.d/10-old.conf)" in said and "b:" not in said
    assert not [host for host in hosts.values() if "record_bootstrap" in host.done]
    assert hosts["a"].done[-2:] == ["halt", "announce aside"], "what it made is no data of this cluster"
    assert hosts["b"].done[-1] == "halt"


def test_a_member_that_refuses_our_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = fresh(b=Host("b", client='{"level":"warn","msg":"retrying","error":"tls: bad certificate"}'))
    said = take(hosts, NEW, monkeypatch)
    assert "b: it gives our client, with its certificate, no linearizable answer" in said
    assert "tls: bad certificate" in said and '{"level"' not in said
    assert not [host for host in hosts.values() if "record_bootstrap" in host.done]


def test_other_data_is_set_aside_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"a": own("a"), "b": own("b"), "c": stopped("c", bootstrapped=None, wal=WalIdentity("1", "beef"))}
    hosts = fresh()
    assert take(hosts, facts, monkeypatch) == ""
    assert hosts["c"].done[0] == "announce aside" and hosts["a"].done[0] == "announce keep"


# what a process and a member tell

WANTED = {"ETCD_NAME": "a", "ETCD_CLIENT_CERT_AUTH": "true"}


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("ETCD_NAME=a\nETCD_CLIENT_CERT_AUTH=true\nMEMBER_REVISION=r1\nETCD_INITIAL_CLUSTER=x\n", ""),
        ("ETCD_NAME=a\nETCD_CLIENT_CERT_AUTH=true\nMEMBER_REVISION=r0\n", "its process runs revision r0"),
        ("ETCD_NAME=a\nETCD_CLIENT_CERT_AUTH=false\nMEMBER_REVISION=r1\n", "another ETCD_CLIENT_CERT_AUTH than"),
        ("ETCD_NAME=a\nMEMBER_REVISION=r1\n", "another ETCD_CLIENT_CERT_AUTH than"),
        ("drop-in=/x/a.conf\ndrop-in=/x/b.conf\n", "without the staged settings (see /x/a.conf and /x/b.conf)"),
        ("ETCD_NAME=a\nETCD_CLIENT_CERT_AUTH=true\nMEMBER_REVISION=r1\nETCD_CONFIG_FILE=/x\n", "ETCD_CONFIG_FILE"),
    ],
)
def test_a_process_runs_what_is_staged_and_nothing_else(printed: str, said: str) -> None:
    problem = process_problem(printed, WANTED, "r1")
    assert said in problem and bool(problem) == bool(said)


def test_a_member_that_serves_already_may_run_a_former_revision() -> None:
    assert process_problem("ETCD_NAME=b\nMEMBER_REVISION=r0\n", WANTED, "") == ""
    assert "ETCD_CONFIG_FILE" in process_problem("ETCD_CONFIG_FILE=/x\n", WANTED, "")


def test_a_member_tells_the_ids_of_the_bootstrap() -> None:
    status = answering("a").status
    assert status
    members = [entry(each) for each in "abc"]
    url = member("a").peer_url
    assert identity_problem("a", T1, status, members, url) == ""
    assert "of cluster beef" in identity_problem(
        "a", T1, MemberStatus("1", "beef", "", "", False, 1, 1, 1, 1), members, url
    )
    assert "it is member" in identity_problem("b", T1, status, members, url)
    assert "it lists the members" in identity_problem("a", T1, status, members[:1], url)
    assert "it is listed with the peer URL" in identity_problem("a", T1, status, members, "https://else")


def test_only_the_wanted_members_have_an_attempt() -> None:
    wanted: Target = target("ab")
    observed = {"a": answering("a"), "b": answering("b"), "c": empty(attempt=attempt())}
    assert not any(isinstance(step, StartNew) for step in plan(observed, wanted).steps), "it goes on as it serves"
    assert listed("a").client_urls == ()
