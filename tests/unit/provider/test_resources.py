"""What each resource type makes of its inputs, its state and what it sees on the hosts."""

import asyncio
import datetime
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncssh
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from etcd_cluster.convergence import loop
from etcd_cluster.convergence.loop import Outcome
from etcd_cluster.convergence.unobserved_members import Answers
from etcd_cluster.errors import ClusterError, Problem, Unreachable, WrongHostKey
from etcd_cluster.observation.facts import HostFacts, Stamp
from etcd_cluster.observation.query import Query
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.specs.paths import Layout
from etcd_cluster.ssh import agent
from etcd_cluster.ssh.dial import Way
from etcd_cluster.ssh.session import Result
from provider.resource import Context
from provider.resources import preflight as preflight_module
from provider.resources.archive import Archive
from provider.resources.host import Host
from provider.resources.preflight import Preflight
from provider.resources.rollout import Rollout
from provider.resources.service import Service
from provider.values import UNKNOWN, has_unknown
from tests.unit import samples as core_samples
from tests.unit.provider.provider_calls import Engine
from tests.unit.samples import because
from tests.unit.sent_scripts import sent

MEMBER = Member(
    "a", "192.0.2.1", 2379, 2380, "3.6.16", "etcd", "etcd", 900, {}, Layout("/bin", "/opt", "/etc/etcd", "/data", None)
)
CONNECTION: dict[str, Any] = {
    "host": "192.0.2.1",
    "port": 22,
    "user": "root",
    "host_key": None,
    "connect_seconds": 5,
}
PREFLIGHT_URN = "urn:pulumi:dev::project::etcd:index:Cluster$etcd:index:Preflight::etcd-preflight"
BARE = HostFacts(machine="x86_64", fetch_tool="curl")


@dataclass
class Hosts(Context):
    """A context whose hosts are what the test says; `runs` are the values of the scripts' variables, and inputs."""

    seen: dict[str, HostFacts | ClusterError] = field(default_factory=dict)
    printed: str = ""
    runs: list[tuple[tuple[str, ...], bytes]] = field(default_factory=list)
    looks: int = 0
    ways: dict[tuple[str, str], Way] = field(default_factory=dict)

    async def session(self, node: str, connection: Mapping[str, Any]) -> Any:
        """Return a session that notes what it runs."""
        seen = self.seen.get(node)
        if isinstance(seen, ClusterError):
            raise seen

        async def run(script: str, *arguments: str, stdin: bytes = b"", **_: Any) -> Result:
            self.runs.append((arguments or tuple(sent(script).variables.values()), stdin))
            return Result(0, self.printed, "")

        async def reach(host: str, _port: int, _seconds: float) -> Way:
            return self.ways.get((node, host), Way.OPEN)

        return SimpleNamespace(run=run, reach=reach, host_key=f"ssh-ed25519 key-of-{node}", node=node)

    async def look(self, node: str, connection: Mapping[str, Any], member: Member, seconds: int) -> HostFacts:
        """Return what the test says is on the host."""
        self.looks += 1
        seen = self.seen[node]
        if isinstance(seen, ClusterError):
            raise seen
        return seen

    @property
    def told(self) -> list[str]:
        """The messages to the user."""
        return [message for _, message in self.engine.told]  # type: ignore[attr-defined]


@pytest.fixture
def hosts() -> Hosts:
    made = Hosts(Engine())  # type: ignore[arg-type]
    made.run.checked[PREFLIGHT_URN] = {}
    made.run.checked["urn:pulumi:dev::project::etcd:index:Service::any"] = {"member": UNKNOWN}
    return made


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def unreachable(node: str) -> Unreachable:
    return Unreachable(Problem(Reason.HOST_UNREACHABLE, node, "cannot connect to it", "Check the host"))


# Host


HOST: dict[str, Any] = {
    "connection": CONNECTION,
    "address": "192.0.2.1",
    "member": MEMBER.inputs(),
    "owner": "owner",
    "stack": "org/project/dev",
    "purge_data": False,
    "abandon_unreachable": False,
    "seconds": 60,
}
CLAIMED = {**HOST, "architecture": "amd64", "host_id": "0123456789abcdef", "damage": 2}


def test_a_new_host_gets_a_stamp_of_its_own(hosts: Hosts) -> None:
    hosts.printed = "aarch64\n"
    first, outputs = asyncio.run(Host(hosts).create("urn", HOST))
    second, _ = asyncio.run(Host(hosts).create("urn", HOST))
    assert first != second
    assert Stamp.parse(hosts.runs[0][1].decode()) == Stamp("owner", first, "a", "org/project/dev")
    assert (outputs["architecture"], outputs["host_id"], outputs["damage"]) == ("arm64", first, 0)


def test_an_update_renews_the_stamp_it_has(hosts: Hosts) -> None:
    hosts.printed = "x86_64\n"
    outputs = asyncio.run(Host(hosts).update("urn", CLAIMED, HOST))
    assert Stamp.parse(hosts.runs[0][1].decode()).host == CLAIMED["host_id"]
    assert outputs == CLAIMED


@pytest.mark.parametrize("setting", ["abandon_unreachable", "purge_data"])
def test_what_only_a_removal_reads_can_change_while_the_host_is_gone(hosts: Hosts, setting: str) -> None:
    hosts.seen = {"a": unreachable("a")}
    wanted = {**HOST, setting: True}
    assert asyncio.run(Host(hosts).update("urn", CLAIMED, wanted)) == {**CLAIMED, setting: True}
    with pytest.raises(Unreachable):
        asyncio.run(Host(hosts).update("urn", CLAIMED, {**wanted, "stack": "org/project/other"}))


def test_a_host_at_another_address_is_another_host(hosts: Hosts) -> None:
    assert "address" in Host.replace_on
    assert asyncio.run(Host(hosts).diff(CLAIMED, {**HOST, "address": "192.0.2.2"})) == ["address"]
    assert asyncio.run(Host(hosts).diff(CLAIMED, HOST)) == [], "outputs alone are no difference"


def test_damaged_binaries_raise_the_count(hosts: Hosts) -> None:
    hosts.seen = {"a": replace(BARE, binaries_whole=False)}
    assert asyncio.run(Host(hosts).read("urn", CLAIMED)) == {**CLAIMED, "damage": 3}


@pytest.mark.parametrize("seen", [BARE, unreachable("a")])
def test_whole_binaries_or_no_answer_leave_the_count(hosts: Hosts, seen: HostFacts | ClusterError) -> None:
    hosts.seen = {"a": seen}
    assert asyncio.run(Host(hosts).read("urn", CLAIMED)) == CLAIMED


def test_a_preview_of_a_new_host_leaves_open_what_the_host_decides(hosts: Hosts) -> None:
    planned = Host(hosts).planned({}, HOST)
    assert (planned["architecture"], planned["host_id"]) == (UNKNOWN, UNKNOWN)
    assert Host(hosts).planned(CLAIMED, HOST) == CLAIMED


@pytest.mark.parametrize(("purge", "word"), [(False, "no"), (True, "yes")])
def test_a_removal_names_its_stamp_and_purges_only_when_told(hosts: Hosts, purge: bool, word: str) -> None:
    hosts.seen = {"a": BARE}
    asyncio.run(Host(hosts).delete("urn", {**CLAIMED, "purge_data": purge}))
    assert hosts.runs[0][0] == ("/etc/etcd", "/opt", "/bin", "/data", "", CLAIMED["host_id"], word)


def another_machine(node: str) -> WrongHostKey:
    return WrongHostKey(
        Problem(
            Reason.HOST_KEY_MISMATCH, node, "it shows another host key than the one that is pinned", "Compare the key"
        )
    )


def hangs(node: str) -> ClusterError:
    return ClusterError.of(
        Reason.COMMAND_TIMED_OUT, node, "a command on the host did not finish within 60 s", "Look at its load"
    )


GONE = pytest.mark.parametrize("gone", [unreachable("a"), another_machine("a"), hangs("a")])


@GONE
def test_a_host_that_is_gone_at_scale_in_is_a_warning(hosts: Hosts, gone: ClusterError) -> None:
    hosts.seen = {"a": gone}
    asyncio.run(Host(hosts).delete("urn", CLAIMED))
    assert re.match("a cannot be (reached|cleared), so all of this stays on it", hosts.told[0])


def test_a_host_that_is_gone_stops_a_destroy(hosts: Hosts) -> None:
    hosts.seen, hosts.destroying = {"a": unreachable("a")}, True
    with pytest.raises(ClusterError, check=because(Reason.HOST_NOT_CLEARED, "a")):
        asyncio.run(Host(hosts).delete("urn", CLAIMED))


@GONE
def test_a_host_that_is_gone_may_be_abandoned(hosts: Hosts, gone: ClusterError) -> None:
    hosts.seen, hosts.destroying = {"a": gone}, True
    asyncio.run(Host(hosts).delete("urn", {**CLAIMED, "abandon_unreachable": True}))
    assert len(hosts.told) == 1


# Archive


def pushed(path: Path, **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(b"archive").hexdigest()
    inputs = {"connection": CONNECTION, "node": "a", "digest": digest, "source": str(path), "target": "/opt/x.tar.gz"}
    return {**inputs, "damage": 0, "seconds": 600, **changes}


def test_an_archive_is_sent_on_standard_input(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"archive")
    asyncio.run(Archive(hosts).create("urn", pushed(tmp_path / "x")))
    assert hosts.runs == [(("/opt/x.tar.gz",), b"archive")]


def test_an_archive_with_another_sum_is_not_sent(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"another")
    with pytest.raises(ClusterError, match=r"a: .*has SHA-256 .* is pinned"):
        asyncio.run(Archive(hosts).create("urn", pushed(tmp_path / "x")))
    assert hosts.runs == []


def test_an_archive_that_is_missing_is_named(hosts: Hosts, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"a: cannot read .*/x: No such file or directory"):
        asyncio.run(Archive(hosts).create("urn", pushed(tmp_path / "x")))


@pytest.mark.parametrize(
    ("changes", "times"), [({}, 0), ({"seconds": 1}, 0), ({"damage": 1}, 1), ({"target": "/y"}, 1)]
)
def test_an_archive_is_sent_again_only_for_a_reason(
    hosts: Hosts, tmp_path: Path, changes: dict[str, Any], times: int
) -> None:
    (tmp_path / "x").write_bytes(b"archive")
    state = pushed(tmp_path / "x")
    asyncio.run(Archive(hosts).update("urn", state, pushed(tmp_path / "x", **changes)))
    assert len(hosts.runs) == times


# Service


def leaf(begins: datetime.datetime) -> str:
    """Return a certificate that is valid from a moment on."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


START = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
SERVICE: dict[str, Any] = {
    "connection": CONNECTION,
    "member": MEMBER.inputs(),
    "client_ca": "client CA\n",
    "peer_ca": "peer CA\n",
    "leafs": {"server": leaf(START), "peer": leaf(START + datetime.timedelta(seconds=7))},
    "keys": {"server": "server key\n", "peer": "peer key\n"},
    "seconds": 60,
}


def test_a_service_stages_its_revision_and_its_leafs(hosts: Hosts) -> None:
    identity, outputs = asyncio.run(Service(hosts).create("urn", SERVICE))
    assert identity == "a"
    assert [run[0] for run in hosts.runs] == [
        ("/etc/etcd/revisions", outputs["revision"], "etcd"),
        ("/etc/etcd/certificates", outputs["certificates"], "etcd"),
    ]
    assert b"server key\n" in hosts.runs[1][1] and b"server key\n" not in hosts.runs[0][1]
    assert outputs["valid_from"] == "2030-01-01T00:00:07+00:00", (
        "all leaf certificates are valid from the last one's start"
    )


def test_a_preview_of_a_service_names_what_will_be_staged(hosts: Hosts) -> None:
    _, outputs = asyncio.run(Service(hosts).create("urn", SERVICE))
    assert Service(hosts).planned({}, SERVICE) == outputs
    issued = Service(hosts).planned({}, {**SERVICE, "leafs": {"server": UNKNOWN}})
    assert [issued[key] for key in ("revision", "certificates", "valid_from")] == [
        outputs["revision"],
        UNKNOWN,
        UNKNOWN,
    ]
    trusting = Service(hosts).planned({}, {**SERVICE, "client_ca": UNKNOWN})
    assert (trusting["revision"], trusting["certificates"]) == (UNKNOWN, outputs["certificates"])
    for key in ("member", "keys"):
        assert has_unknown(Service(hosts).planned({}, {**SERVICE, key: UNKNOWN}))


def test_a_service_that_is_staged_has_no_difference(hosts: Hosts) -> None:
    _, outputs = asyncio.run(Service(hosts).create("urn", SERVICE))
    assert asyncio.run(Service(hosts).diff(outputs, SERVICE)) == []


def test_a_program_that_renders_other_files_stages_again(hosts: Hosts) -> None:
    _, outputs = asyncio.run(Service(hosts).create("urn", SERVICE))
    assert asyncio.run(Service(hosts).diff({**outputs, "revision": "of an older program"}, SERVICE)) == ["revision"]


def test_the_keys_of_a_service_are_secrets_in_the_state() -> None:
    assert {"keys", "connection"} <= Service.secrets


def test_a_refresh_reports_what_is_no_longer_staged(hosts: Hosts) -> None:
    _, outputs = asyncio.run(Service(hosts).create("urn", SERVICE))
    hosts.seen = {"a": replace(BARE, staged=(outputs["certificates"],))}
    state = asyncio.run(Service(hosts).read("urn", outputs))
    assert (state["revision"], state["certificates"]) == ("", outputs["certificates"])
    assert asyncio.run(Service(hosts).diff(state, SERVICE)) == ["revision"]


def test_a_refresh_without_an_answer_keeps_what_was_known(hosts: Hosts) -> None:
    _, outputs = asyncio.run(Service(hosts).create("urn", SERVICE))
    hosts.seen = {"a": unreachable("a")}
    assert asyncio.run(Service(hosts).read("urn", outputs)) == outputs


# Rollout


ROLLOUT: dict[str, Any] = {
    "connections": {"a": CONNECTION},
    "members": {"a": {**MEMBER.inputs(), "revision": "r1", "certificates": "c1"}},
    "host_ids": {"a": "h1"},
    "valid_from": "2030-01-01T00:00:00+00:00",
    "deadlines": {
        "command": 60,
        "bootstrap": 180,
        "member_start": 120,
        "catch_up": 600,
        "clock_wait": 60,
        "shutdown": 90,
    },
    "replaces": {},
    "restored_cluster_id": None,
    "snapshots": {"before_upgrade": True, "dir": "/var/backups/etcd", "keep": 3, "reserve_megabytes": 64},
    "token": None,
    "abandon_unreachable": False,
}
RUNNING = {"a": {"revision": "r1", "certificates": "c1"}}
ROLLED = {**ROLLOUT, "cluster_id": "beef", "member_ids": {"a": "1"}, "steps": 3, "running": RUNNING}


@pytest.fixture
def converged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let every convergence take two steps, and note its target."""
    targets: list[Any] = []

    async def converge(_run: Any, target: Any, _valid_from: Any) -> Outcome:
        targets.append(target)
        return Outcome("beef", {"a": "dc50b8daae93b3e0"}, 2)

    monkeypatch.setattr(loop, "converge", converge)
    return targets


def test_a_birth_is_told_in_the_outputs(hosts: Hosts, converged: list[Any]) -> None:
    identity, outputs = asyncio.run(Rollout(hosts).create("urn", ROLLOUT))
    assert identity == "beef" and converged[0].cluster_id is None
    assert outputs == {
        **ROLLOUT,
        "cluster_id": "beef",
        "member_ids": {"a": "dc50b8daae93b3e0"},
        "steps": 2,
        "running": RUNNING,
    }


def test_an_update_remembers_the_cluster_and_counts_on(hosts: Hosts, converged: list[Any]) -> None:
    outputs = asyncio.run(Rollout(hosts).update("urn", ROLLED, ROLLOUT))
    assert converged[0].cluster_id == "beef" and outputs["steps"] == 5


def test_a_restored_cluster_is_the_one_that_counts(hosts: Hosts, converged: list[Any]) -> None:
    asyncio.run(Rollout(hosts).update("urn", ROLLED, {**ROLLOUT, "restored_cluster_id": "cafe"}))
    assert converged[0].cluster_id == "cafe"


def test_hosts_are_abandoned_without_asking_them(hosts: Hosts, converged: list[Any]) -> None:
    abandoning = {**ROLLOUT, "abandon_unreachable": True}
    outputs = asyncio.run(Rollout(hosts).update("urn", ROLLED, abandoning))
    assert converged == [] and outputs == {**ROLLED, "abandon_unreachable": True}
    asyncio.run(Rollout(hosts).update("urn", {**ROLLED, "running": {}}, abandoning))
    assert len(converged) == 1


def test_a_member_that_uses_something_else_is_a_difference(hosts: Hosts) -> None:
    assert asyncio.run(Rollout(hosts).diff(ROLLED, ROLLOUT)) == []
    running = {"a": {"revision": "r0", "certificates": "c1"}}
    assert asyncio.run(Rollout(hosts).diff({**ROLLED, "running": running}, ROLLOUT)) == ["running"]


def test_the_first_moment_of_the_certificates_alone_is_no_difference(hosts: Hosts) -> None:
    assert asyncio.run(Rollout(hosts).diff(ROLLED, {**ROLLOUT, "valid_from": "2031-01-01T00:00:00+00:00"})) == []


def test_trial_starts_are_made_as_the_inputs_say_and_are_no_difference(hosts: Hosts, converged: list[Any]) -> None:
    assert asyncio.run(Rollout(hosts).diff(ROLLED, {**ROLLOUT, "trial_seconds": 30})) == []
    for seconds in (0.0, 30.0):
        asyncio.run(Rollout(hosts).update("urn", ROLLED, {**ROLLOUT, "trial_seconds": seconds}))
    asyncio.run(Rollout(hosts).update("urn", ROLLED, ROLLOUT))
    assert [target.trial_start for target in converged] == [False, True, False]


def test_directories_that_are_taken_back_are_left_in_the_same_run(hosts: Hosts) -> None:
    def host(layout: Layout) -> dict[str, Any]:
        return {"member": replace(MEMBER, layout=layout).inputs()}

    urn = "urn:pulumi:dev::project::etcd:index:Host::a"
    hosts.run.checked[urn] = host(MEMBER.layout)
    assert asyncio.run(Rollout(hosts).diff(ROLLED, ROLLOUT)) == [], "nothing was read, as with `--refresh=false`"
    hosts.run.read[urn] = host(MEMBER.layout)
    assert asyncio.run(Rollout(hosts).diff(ROLLED, ROLLOUT)) == []
    hosts.run.read[urn] = host(replace(MEMBER.layout, config_dir="/srv/new"))
    assert asyncio.run(Rollout(hosts).diff(ROLLED, ROLLOUT)) == ["running"]
    hosts.run.checked[urn] = {"member": UNKNOWN}
    assert asyncio.run(Rollout(hosts).diff(ROLLED, ROLLOUT)) == []


def test_a_refresh_sees_what_each_member_uses(hosts: Hosts) -> None:
    unit = {"MainPID": "42", "ActiveState": "active"}
    hosts.seen = {"a": replace(BARE, unit=unit, running_revision="r0", active_certificates="c1")}
    state = asyncio.run(Rollout(hosts).read("urn", ROLLED))
    assert state["running"] == {"a": {"revision": "r0", "certificates": "c1"}}


RUNS = {"unit": {"MainPID": "42", "ActiveState": "active"}, "running_revision": "r1", "active_certificates": "c1"}


@pytest.mark.parametrize(
    ("odd", "acts"),
    [
        ({}, False),
        ({"active_revision": "r1", "served_revision": "r1"}, False),
        ({"uninstalled": ("etcd.service",)}, True),
        ({"active_revision": "r2"}, True),
        ({"served_revision": "r0"}, True),
        ({"has_former": True}, True),
        ({"status": replace(core_samples.status("a"), cluster_id="beef")}, False),
        ({"status": replace(core_samples.status("a"), cluster_id="another")}, True),
    ],
)
def test_a_refresh_sees_what_an_interrupted_restart_left(hosts: Hosts, odd: dict[str, Any], acts: bool) -> None:
    hosts.seen = {"a": replace(BARE, **RUNS, **odd)}
    state = asyncio.run(Rollout(hosts).read("urn", ROLLED))
    assert asyncio.run(Rollout(hosts).diff(state, ROLLOUT)) == (["running"] if acts else [])


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("abandoned", [False, True])
def test_a_member_that_cannot_be_stopped_holds_up_a_destroy_unless_it_is_given_up(
    hosts: Hosts, abandoned: bool, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: Hosts, node: str, *_: Any) -> Any:
        async def run(script: str, *_: str, **__: Any) -> Result:
            if sent(script).name == "stop" or (at_once and script == "true"):
                raise hangs(node)
            return Result(0, "granted", "")

        return SimpleNamespace(run=run)

    monkeypatch.setattr(Hosts, "session", fail)
    destroy = Rollout(hosts).delete("urn", {**ROLLED, "abandon_unreachable": abandoned})
    if abandoned:
        asyncio.run(destroy)
        assert ["did not finish within 60 s" in told for told in hosts.told] == ([] if at_once else [True])
    else:
        with pytest.raises(ClusterError) as failure:
            asyncio.run(destroy)
        assert (Reason.COMMAND_TIMED_OUT, "a") in failure.value.identity


def test_a_refresh_sees_a_member_that_does_not_run(hosts: Hosts) -> None:
    hosts.seen = {"a": replace(BARE, active_certificates="c1")}
    state = asyncio.run(Rollout(hosts).read("urn", ROLLED))
    assert asyncio.run(Rollout(hosts).diff(state, ROLLOUT)) == ["running"]


def test_a_refresh_without_an_answer_keeps_what_the_member_used(hosts: Hosts) -> None:
    hosts.seen = {"a": unreachable("a")}
    assert asyncio.run(Rollout(hosts).read("urn", ROLLED)) == ROLLED


def test_a_preview_leaves_the_steps_open(hosts: Hosts) -> None:
    planned = Rollout(hosts).planned({}, ROLLOUT)
    assert {key for key, value in planned.items() if has_unknown(value)} == {
        "cluster_id",
        "member_ids",
        "steps",
        "running",
    }
    kept = Rollout(hosts).planned(ROLLED, ROLLOUT)
    assert (kept["cluster_id"], kept["steps"]) == ("beef", UNKNOWN)


@GONE
def test_a_destroy_with_a_host_down_stops_nothing(hosts: Hosts, gone: ClusterError) -> None:
    hosts.seen = {"a": gone}
    with pytest.raises(ClusterError, match="destroy: nothing was stopped"):
        asyncio.run(Rollout(hosts).delete("urn", ROLLED))
    assert hosts.destroying, "Host removes with the same strictness"


# Preflight


PREFLIGHT: dict[str, Any] = {
    "connections": {"a": CONNECTION},
    "members": {"a": MEMBER.inputs()},
    "replaces": {},
    "restored_cluster_id": None,
    "authorities": {
        purpose: {"issuer": "generation 1", "trusts": ["generation 1"], "texts": []} for purpose in ("client", "peer")
    },
    "architectures": {"a": None},
    "checksums": {"amd64": "a" * 64, "arm64": ""},
    "source": "download",
    "stack": "org/project/dev",
    "command_seconds": 60,
    "clock_seconds": 60,
    "hosts": "ssh",
}


def check(hosts: Hosts, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    inputs, failures = asyncio.run(Preflight(hosts).check("urn", dict(old), dict(new)))
    return inputs, [failure.reason for failure in failures]


def test_a_check_gives_the_cluster_an_owner_and_keeps_it(hosts: Hosts) -> None:
    hosts.seen = {"a": BARE}
    first, failures = check(hosts, {}, PREFLIGHT)
    assert failures == [] and len(first["owner"]) == 16
    assert check(hosts, first, PREFLIGHT) == (first, [])
    assert check(hosts, {}, PREFLIGHT)[0]["owner"] != first["owner"]


def test_a_key_that_was_trusted_at_first_use_is_kept(hosts: Hosts) -> None:
    hosts.seen = {"a": BARE}
    old = {"owner": "o", "connections": {"a": {**CONNECTION, "host_key": "ssh-ed25519 first"}}}
    assert check(hosts, {}, PREFLIGHT)[0]["connections"]["a"]["host_key"] == "ssh-ed25519 key-of-a"
    assert check(hosts, old, PREFLIGHT)[0]["connections"]["a"]["host_key"] == "ssh-ed25519 first"


@pytest.mark.parametrize("change", [{"host": "192.0.2.9"}, {"port": 2222}])
def test_a_key_is_not_kept_for_another_host(hosts: Hosts, change: dict[str, Any]) -> None:
    hosts.seen = {"a": BARE}
    old = {"owner": "o", "connections": {"a": {**CONNECTION, "host_key": "ssh-ed25519 first"}}}
    inputs, _ = check(hosts, old, {**PREFLIGHT, "connections": {"a": {**CONNECTION, **change}}})
    assert inputs["connections"]["a"]["host_key"] == "ssh-ed25519 key-of-a"


def test_a_pinned_key_wins_over_a_kept_one(hosts: Hosts) -> None:
    hosts.seen = {"a": BARE}
    old = {"owner": "o", "connections": {"a": {**CONNECTION, "host_key": "ssh-ed25519 first"}}}
    pinned = {**PREFLIGHT, "connections": {"a": {**CONNECTION, "host_key": "ssh-ed25519 pinned"}}}
    assert check(hosts, old, pinned)[0]["connections"]["a"]["host_key"] == "ssh-ed25519 pinned"


def test_with_an_unknown_address_a_preview_touches_no_host(hosts: Hosts) -> None:
    inputs, failures = check(hosts, {}, {**PREFLIGHT, "connections": {"a": {**CONNECTION, "host": UNKNOWN}}})
    assert failures == [] and inputs["owner"] and hosts.looks == 0


def test_instances_are_not_left_for_other_hosts(hosts: Hosts) -> None:
    hosts.seen = {"a": BARE}
    old, _ = check(hosts, {}, {**PREFLIGHT, "hosts": "ec2"})
    looks = hosts.looks
    _, [failure] = check(hosts, old, PREFLIGHT)
    assert failure.startswith("hosts: it was ec2 and cannot become ssh") and hosts.looks == looks
    earlier = {key: value for key, value in old.items() if key != "hosts"}
    assert check(hosts, earlier, {**PREFLIGHT, "hosts": "ec2"})[1] == []
    assert "hosts" not in asyncio.run(Preflight(hosts).diff(earlier, old))


def test_every_problem_of_every_host_is_a_failure_of_its_own(hosts: Hosts) -> None:
    other = replace(MEMBER, name="b", address="192.0.2.2")
    hosts.seen = {"a": replace(BARE, missing_tools=("tar",)), "b": unreachable("b")}
    both = {
        **PREFLIGHT,
        "connections": {"a": CONNECTION, "b": {**CONNECTION, "host": "192.0.2.2"}},
        "members": {"a": MEMBER.inputs(), "b": other.inputs()},
    }
    assert check(hosts, {}, both)[1] == [
        "a: it has no tar. Install what is missing.",
        "b: cannot connect to it. Check the host.",
    ]


STALE_ONES = {"running_revision": "r0", "active_environment": 'ETCD_NAME="another"\n'}


def three(hosts: Hosts, monkeypatch: pytest.MonkeyPatch, *looks: dict[str, HostFacts | ClusterError]) -> list[str]:
    """Check the settings of three members; each look shows the next of `looks`, the last one again and again."""
    told = list(looks)
    connections = {name: {**CONNECTION, "host": f"192.0.2.{number}"} for number, name in enumerate("abc", 1)}
    members = {name: core_samples.member(name).inputs() for name in "abc"}
    inputs = {**PREFLIGHT, "connections": connections, "members": members, "architectures": dict.fromkeys("abc")}
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        hosts.seen = told.pop(0)

    async def nobody(*_: Any) -> Answers:
        return Answers()

    monkeypatch.setattr(preflight_module.asyncio, "sleep", pause)
    monkeypatch.setattr(preflight_module, "ask_unobserved_members", nobody)
    hosts.seen = told.pop(0)
    _, failures = check(hosts, {"owner": "owner", "members": members, "connections": connections}, inputs)
    return [*(f"waited {seconds:.0f} s" for seconds in pauses), *failures]


def test_a_refusal_that_rests_on_a_silent_member_is_looked_at_twice(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {name: core_samples.serving(name, fetch_tool="curl", **STALE_ONES) for name in "abc"}
    silent = {**old, "c": core_samples.silent("c", fetch_tool="curl")}
    gone: dict[str, HostFacts | ClusterError] = {**old, "c": unreachable("c")}
    assert three(hosts, monkeypatch, silent, old) == ["waited 5 s"]
    waited, refused = three(hosts, monkeypatch, silent, silent)
    assert waited == "waited 5 s" and refused.startswith("c: it does not serve, so no other member may restart")
    (refused,) = three(hosts, monkeypatch, gone)
    assert refused.startswith("c: cannot connect to it")


def test_an_etcdctl_that_this_run_installs_again_refuses_nothing(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"fetch_tool": "curl", "query": Query.CANNOT_ASK, "query_words": "exec format error", **STALE_ONES}
    broken = {name: core_samples.silent(name, **old) for name in "abc"}
    waited, *refused = three(hosts, monkeypatch, broken, broken)
    assert waited == "waited 5 s" and "a: etcd runs on it, but etcdctl cannot ask it (exec format error)" in refused[0]
    damaged = {name: replace(seen, binaries_whole=False) for name, seen in broken.items()}
    assert three(hosts, monkeypatch, damaged) == []


def test_a_node_is_known_once_its_member_was_born(hosts: Hosts) -> None:
    hosts.seen = {"a": BARE}
    first, _ = check(hosts, {}, PREFLIGHT)
    assert first["born"] == []
    hosts.seen = {
        "a": replace(
            BARE, stamp=Stamp(first["owner"], "h", "a", "org/project/dev"), bootstrapped="cluster=1\nmember=2\n"
        )
    }
    second, _ = check(hosts, first, PREFLIGHT)
    assert second["born"] == ["a"] and asyncio.run(Preflight(hosts).diff(first, second)) == []
    listed = core_samples.serving("a", stamp=None)
    names = sorted(
        preflight_module._born({"a": listed, "b": replace(BARE, attempt="cluster=x=1,y=2", bootstrapped="c")})
    )
    assert names == ["a", "b", "c", "x", "y"], "also who is listed, or was there at the birth"
    left = {**second, "born": ["a", "one that left"]}
    assert check(hosts, left, PREFLIGHT)[0]["born"] == ["a"], "it would come back as a new one"
    without = {key: value for key, value in first.items() if key != "born"}
    assert check(hosts, without, PREFLIGHT)[0]["born"] == ["a"], "a former program took all nodes for members"


def test_an_unreachable_host_refuses_a_birth(hosts: Hosts) -> None:
    hosts.seen = {"a": unreachable("a")}
    assert check(hosts, {}, PREFLIGHT)[1] == ["a: cannot connect to it. Check the host."]


def test_a_host_whose_key_changed_is_a_failure(hosts: Hosts) -> None:
    hosts.seen = {"a": ClusterError(Problem(Reason.HOST_KEY_MISMATCH, "a", "shows another host key", "Compare it"))}
    assert check(hosts, {}, PREFLIGHT)[1] == ["a: shows another host key. Compare it."]


@pytest.mark.parametrize(("place", "is_said"), [(0, False), (7, True)])
def test_a_chosen_key_that_an_agent_offers_late_is_told(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, place: int, is_said: bool
) -> None:
    keys = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(8)]
    chosen = keys[place].export_public_key().decode()

    async def held() -> list[bytes]:
        return [key.public_data for key in keys]

    monkeypatch.setattr(agent, "held", held)
    hosts.seen = {"a": core_samples.empty(fetch_tool="curl")}
    connections = {"a": {**PREFLIGHT["connections"]["a"], "agent_key": chosen}}
    check(hosts, {}, {**PREFLIGHT, "connections": connections})
    assert sum("ssh.agent_key: it is number 8" in line for line in hosts.told) == int(is_said)


def test_a_stale_agent_is_a_failure_before_any_host_is_asked(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    assert check(hosts, {}, PREFLIGHT)[1][0].startswith("SSH_AUTH_SOCK: it names")
    assert hosts.looks == 0


TWO: dict[str, Any] = {
    **PREFLIGHT,
    "connections": {"a": CONNECTION, "b": {**CONNECTION, "host": "192.0.2.2"}},
    "members": {"a": MEMBER.inputs(), "b": replace(MEMBER, name="b", address="192.0.2.2").inputs()},
    "architectures": {"a": None, "b": None},
}


def test_hosts_that_do_not_reach_each_other_are_refused_before_the_first_start(hosts: Hosts) -> None:
    hosts.seen = {"a": BARE, "b": BARE}
    assert check(hosts, {}, TWO)[1] == []
    hosts.ways = {("a", "192.0.2.2"): Way.SILENT}
    (failure,) = check(hosts, {}, TWO)[1]
    assert failure.startswith("a: it cannot reach 192.0.2.2:2380, where b is to serve its peers: no answer within 5 s.")


def test_hosts_that_do_not_reach_a_new_one_are_warned_of_where_a_cluster_runs(hosts: Hosts) -> None:
    hosts.seen = {
        "a": replace(BARE, stamp=Stamp("o", "h", "a", "org/project/dev"), bootstrapped="cluster=c"),
        "b": BARE,
    }
    hosts.ways = {("a", "192.0.2.2"): Way.SILENT}
    check(hosts, {"owner": "o"}, TWO)
    assert any("reach 192.0.2.2:2380, where b is to serve its peers" in line for line in hosts.told)


def test_each_way_that_is_closed_is_warned_of_though_one_host_is_at_its_start(hosts: Hosts) -> None:
    third = replace(MEMBER, name="c", address="192.0.2.3").inputs()
    three: dict[str, Any] = {
        **TWO,
        "connections": {**TWO["connections"], "c": {**CONNECTION, "host": "192.0.2.3"}},
        "members": {**TWO["members"], "c": third},
        "architectures": dict.fromkeys("abc"),
    }
    hosts.seen = {"a": replace(BARE, stamp=Stamp("o", "h", "a", "org/project/dev"), bootstrapped="cluster=c")}
    hosts.seen |= dict.fromkeys("bc", BARE)
    hosts.ways = {("a", "192.0.2.2"): Way.SILENT, ("a", "192.0.2.3"): Way.SILENT}
    check(hosts, {"owner": "o"}, three)
    said = [line for line in hosts.told if "is to serve its peers" in line]
    assert [re.findall("where (.) is", line) for line in said] == [["b"], ["c"]]


def test_a_stamp_of_this_cluster_is_known_only_with_its_state(hosts: Hosts) -> None:
    hosts.seen = {"a": replace(BARE, stamp=Stamp("o", "h", "a", "org/project/dev"))}
    assert check(hosts, {"owner": "o"}, PREFLIGHT)[1] == []
    assert "it serves node a of a stack of this very name" in check(hosts, {}, PREFLIGHT)[1][0]


def test_a_failed_check_keeps_the_owner(hosts: Hosts) -> None:
    hosts.seen = {"a": replace(BARE, missing_tools=("tar",))}
    assert check(hosts, {"owner": "o"}, PREFLIGHT)[0]["owner"] == "o"


def test_the_look_of_create_refuses_as_well(hosts: Hosts) -> None:
    hosts.seen = {"a": replace(BARE, missing_tools=("tar",))}
    with pytest.raises(ClusterError, check=because(Reason.TOOL_MISSING, "a")):
        asyncio.run(Preflight(hosts).create("urn", {**PREFLIGHT, "owner": "o"}))


def test_create_gives_the_owner_as_its_id(hosts: Hosts) -> None:
    hosts.seen = {"a": BARE}
    inputs = {**PREFLIGHT, "owner": "o", "cluster_id": ""}
    identity, outputs = asyncio.run(Preflight(hosts).create("urn", inputs))
    assert identity == "o" and outputs["connections"]["a"]["host_key"] == "ssh-ed25519 key-of-a"
