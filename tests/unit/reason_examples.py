"""How each reason comes about: an example of each, which the product's own code makes."""

# ruff: noqa: E501 - an example is a row of its table

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from etcd_cluster import health, lease, planning
from etcd_cluster.certificates import rotation
from etcd_cluster.certificates.pem import Trust
from etcd_cluster.convergence import loop
from etcd_cluster.convergence.repeats import Repeats
from etcd_cluster.ec2 import layout, placement, refusals, replacement
from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.execution import Deadlines, Operations, execute, proof, rollback
from etcd_cluster.lease import Lease, now
from etcd_cluster.observation.directories import Access, Closed, DataDirectory
from etcd_cluster.observation.drop_ins import DropIn
from etcd_cluster.observation.facts import HostFacts, Stamp
from etcd_cluster.observation.query import Query
from etcd_cluster.observation.wal import WalIdentity
from etcd_cluster.planning import Attempt, CheckV2Store, Observed, Restart, Target, TargetMember, TrialStart
from etcd_cluster.preflight import host_checks, peer_ports, trust_changes
from etcd_cluster.preflight.host_checks import Expectation
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering import revision as render
from etcd_cluster.settings import Authority, load
from etcd_cluster.specs.address import Address
from etcd_cluster.ssh import agent, commands, login
from etcd_cluster.ssh.dial import Way
from etcd_cluster.ssh.session import Result, Session
from provider.resources import rollout
from provider.resources.archive import Archive
from provider.resources.first_login import _Wait
from provider.resources.host import Host
from provider.server import Servicer
from tests.unit.samples import (
    CLUSTER,
    attempt,
    down,
    empty,
    listed,
    member,
    member_id,
    serving,
    silent,
    status,
    stopped,
    target,
)

ALL_SERVE: Mapping[str, Any] = {name: serving(name) for name in "abc"}
DEADLINES = Deadlines(60, 180, 120, 600, 90, 60)
ADDRESS = Address("192.0.2.1", 22, "admin", None, None, False, None, True, 10)
NEW, OLD = "new-ca", "old-ca"
OTHERS = Stamp("other", "h", "x", "org/project/prod")
Example = Callable[[], Any]
EXAMPLES: dict[Reason, Example] = {}


def problems_of(example: Example) -> list[Problem]:
    """Return the problems that an example returns or raises."""
    try:
        found = example()
        if asyncio.iscoroutine(found):
            found = asyncio.run(found)
    except ClusterError as error:
        return list(error.problems)
    return [found] if isinstance(found, Problem) else list(found.problems if isinstance(found, ClusterError) else found)


def example(*reasons: Reason) -> Callable[[Example], Example]:
    """Say that a function is the example of a reason."""

    def keep(function: Example) -> Example:
        EXAMPLES.update(dict.fromkeys(reasons, function))
        return function

    return keep


# the settings

EXAMPLES |= {
    Reason.SETTING_UNKNOWN: lambda: load({"nodes": {"a": {"address": "192.0.2.1"}}, "versoin": "3.6.14"}),
    Reason.SETTING_MISSING: lambda: load({}),
    Reason.SETTING_INVALID: lambda: load({"nodes": {"a": {"address": "192.0.2.1"}}, "client_port": "many"}),
}


# the way to a host


class Remote:
    """An SSH connection on which each command ends so, or never."""

    def __init__(self, status: int | None, words: str = "") -> None:
        self.status, self.words = status, words

    async def run(self, command: str, **_: Any) -> Any:
        if self.status is None:
            await asyncio.Event().wait()
        marker = base64.b64decode(command.split("echo ")[1].split("|")[0]).decode().split("begin-")[1][:16]
        output = f"begin-{marker}\n".encode()
        return SimpleNamespace(exit_status=self.status, stdout=output, stderr=output + self.words.encode())


def on_host(remote: Remote, seconds: Any) -> Awaitable[object]:
    return Session("a", ADDRESS, remote).run("true", seconds=seconds)  # type: ignore[arg-type]


EXAMPLES |= {
    Reason.HOST_UNREACHABLE: lambda: login._refused("a", "192.0.2.1:22", "connection refused"),
    Reason.HOST_KEY_MISMATCH: lambda: login._changed_key("a", "192.0.2.1:22"),
    Reason.LOGIN_REFUSED: lambda: agent.refusal("a", "admin@192.0.2.1:22", [], None),
    Reason.LOGIN_TIMED_OUT: lambda: login._late("a", ADDRESS, SimpleNamespace(was_greeted=True)),  # type: ignore[arg-type]
    Reason.ROOT_REFUSED: lambda: commands.refusal("a", "admin", "192.0.2.1", "sudo: a password is required", sudo=True),
    Reason.COMMAND_FAILED: lambda: on_host(Remote(1, "mv: cannot move: No space left on device"), 60),
    Reason.COMMAND_TIMED_OUT: lambda: on_host(Remote(None), 0.1),
}


@example(Reason.AGENT_UNREACHABLE)
def _agent() -> Problem | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSH_AUTH_SOCK", "/nowhere/agent")
        return host_checks.stale_agent_problem()


# what a host is


def on(seen: HostFacts, architecture: str | None = None, owner: str | None = None, **expected: Any) -> list[Problem]:
    """Return what is said about the host of member `a`."""
    held = {"checksums": {"amd64": "a" * 64}, "source": "download", "clock_seconds": 60, **expected}
    return host_checks.host_problems(member(), seen, architecture, Expectation(owner, **held))


def way(end: Way) -> Awaitable[object]:
    async def reach(*_: Any) -> Way:
        return end

    session = SimpleNamespace(reach=reach)
    closed = SimpleNamespace(reach=lambda *_: asyncio.sleep(0, Way.OPEN))
    return peer_ports.problems(
        {"a": session, "b": closed}, {name: member(name) for name in "ab"}, dict.fromkeys("ab", empty())
    )


UNIT = "/lib/systemd/system/etcd.service"
DROP_IN = DropIn("/etc/systemd/system/etcd.service.d/old.conf", "[Service]\nEnvironment=ETCD_CONFIG_FILE=/x\n")
ROOTS = Access("root", "root", "755")
DATA = "/var/lib/etcd"
EXAMPLES |= {
    Reason.STACK_IDENTITY_UNKNOWN: lambda: on(empty(stamp=OTHERS), owner="owner", stack=OTHERS.stack),
    Reason.HOST_OF_ANOTHER_STACK: lambda: on(empty(stamp=OTHERS), owner="owner", stack="org/project/dev"),
    Reason.NODE_RENAMED: lambda: on(empty(stamp=replace(OTHERS, cluster="owner", node="b")), owner="owner"),
    Reason.STATE_COPIED: lambda: on(empty(stamp=replace(OTHERS, cluster="owner", node="a")), owner="owner", stack="org/project/copy"),
    Reason.FOREIGN_UNIT_RUNNING: lambda: on(empty(unit={"FragmentPath": UNIT, "MainPID": "42"})),
    Reason.FOREIGN_UNIT: lambda: on(empty(unit={"FragmentPath": UNIT, "MainPID": "0"})),
    Reason.FOREIGN_LINK: lambda: on(empty(foreign_links=("/usr/local/bin/etcd",))),
    Reason.PORT_IN_USE: lambda: on(empty(listening=((2379, "nginx (pid 7)"),))),
    Reason.TOOL_MISSING: lambda: on(empty(missing_tools=("tar", "gzip"))),
    Reason.DOWNLOADER_MISSING: lambda: on(empty(fetch_tool=None)),
    Reason.ARCHITECTURE_UNSUPPORTED: lambda: on(empty(machine="riscv64")),
    Reason.ARCHITECTURE_MISMATCH: lambda: on(empty(), architecture="arm64"),
    Reason.CHECKSUM_MISSING: lambda: on(empty(), checksums={}),
    Reason.CLOCK_SKEW: lambda: on(empty(clock_offset=90.0)),
    Reason.DIRECTORY_INVALID: lambda: on(empty(data_dir=DataDirectory(DATA, DATA, None, "", ()))),
    Reason.DIRECTORY_NOT_OWNED: lambda: on(empty(data_dir=DataDirectory(DATA, DATA, ROOTS, "member", ("root",)))),
    Reason.DIRECTORY_INACCESSIBLE: lambda: on(empty(closed=(Closed("/var", Access("root", "root", "700"), "/var/lib"),))),
    Reason.ADDRESS_NOT_LOCAL: lambda: on(empty(addresses=("10.0.0.7",))),
    Reason.UNIT_MASKED: lambda: on(stopped("a", fetch_tool="curl", unit={"LoadState": "masked"}), owner="owner"),
    Reason.UNIT_OVERRIDDEN: lambda: on(stopped("a", fetch_tool="curl", unit={"FragmentPath": "/etc/systemd/system.control/etcd.service"}), owner="owner"),
    Reason.UNIT_DROP_IN: lambda: on(empty(drop_ins=(DROP_IN,))),
    Reason.ADDRESS_UNRESOLVABLE: lambda: way(Way.UNKNOWN_NAME),
    Reason.PEER_PORT_UNREACHABLE: lambda: way(Way.SILENT),
}  # fmt: skip


# planning


def planned(seen: Mapping[str, Any], wanted: Target | None = None, alive: str = "") -> object:
    """Return the warnings of a plan, or raise its refusal; `alive` are names of members that answer elsewhere."""
    return planning.plan(seen, wanted or target(), frozenset(map(member_id, alive))).warnings


def wanting(name: str, wanted: Target | None = None, **changes: Any) -> Target:
    """Return a target with one member changed."""
    base = wanted or target()
    return replace(base, members={**base.members, name: replace(base.members[name], **changes)})


def listing(names: str, *entries: Any) -> Observed:
    """Return hosts whose members serve and list these."""
    return {name: serving(name, members=entries) for name in names}


def at(version: str, names: str = "abc", **changes: Any) -> Target:
    return Target({name: TargetMember(member(name, version=version), "r2", "c1") for name in names}, **changes)


def run_by(version: str, names: str = "abc", **changes: Any) -> Observed:
    return {name: serving(name, status=replace(status(name), version=version), **changes) for name in names}


def alarmed(kind: str, version: str = "3.6.16") -> Observed:
    return run_by(version, alarms=((member_id("c"), kind),))


def trusting(loaded: Trust, staged: Trust) -> Observed:
    return {name: serving(name, loaded_trust=loaded, staged_trust=staged) for name in "abc"}


def trust(*authorities: str, issuer: str) -> Trust:
    return Trust(frozenset(authorities), frozenset(authorities), issuer, issuer)


def own(name: str) -> HostFacts:
    """Return a host whose member serves in a bootstrap that is not recorded."""
    begun = Attempt.parse(attempt())
    ids = {each: begun.member_ids[each] for each in "abc"}
    answer = replace(status(name), member_id=ids[name], cluster_id=begun.cluster_id, leader_id=ids["a"])
    entries = tuple(replace(listed(each), member_id=ids[each]) for each in "abc")
    return serving(
        name, bootstrapped=None, wal=WalIdentity(ids[name], begun.cluster_id), status=answer, members=entries
    )


OLD_URL = replace(listed("c"), peer_urls=("https://192.0.2.9:2380",))
WAITING = replace(listed("c"), name="", is_learner=True)
LEAVES = target("ab", leaving={"c": member("c")}, known=frozenset("abc"))
OUTSIDE = "etcd (pid 7)"
FOREIGN = WalIdentity("1", "beef")
SHADOWED: dict[str, Any] = {
    "query": Query.CANNOT_ASK,
    "query_words": "exec format error",
    "running_revision": "r0",
    "served_revision": "r0",
}
STARTED: dict[str, Any] = {"unit": {"MainPID": "42", "ActiveState": "active"}}
TEXT = render.environment_text(render.environment(member("c")))
MEGABYTE = 1024 * 1024
EXAMPLES |= {
    Reason.FOREIGN_DATA: lambda: planned({**ALL_SERVE, "c": stopped("c", wal=FOREIGN, bootstrapped=None)}),
    Reason.FOREIGN_HOST: lambda: planned({**listing("ab", *map(listed, "ab")), "c": stopped("c", stamp=OTHERS)}, LEAVES),
    Reason.UNKNOWN_DATA: lambda: planned({"a": empty(attempt=attempt()), "b": empty(attempt=attempt()), "c": empty(has_wal=True)}),
    Reason.WAL_MISSING: lambda: planned({name: empty(leftover=True) for name in "abc"}),
    Reason.DATA_MISSING: lambda: planned({**ALL_SERVE, "c": empty()}),
    Reason.DATA_MISSING_WITHOUT_QUORUM: lambda: planned({"a": stopped("a"), "b": empty(), "c": empty()}),
    Reason.DATA_MISSING_ON_SEVERAL: lambda: planned({**{name: serving(name, names="abcde") for name in "abc"}, "d": empty(), "e": empty()}, wanting("d", wanting("e", target("abcde"), replaces=member_id("e")), replaces=member_id("d"))),
    Reason.DATA_OF_ANOTHER_MEMBER: lambda: planned({**ALL_SERVE, "c": stopped("c", wal=WalIdentity("77", CLUSTER))}),
    Reason.DATA_OF_SILENT_MEMBER: lambda: planned({**{name: serving(name, names="abcde") for name in "acde"}, "b": down("b"), "f": stopped("b")}, target("abcdef")),
    Reason.DATA_OF_RUNNING_MEMBER: lambda: planned({**listing("ab", listed("a"), listed("b"), OLD_URL), "c": stopped("c")}, alive="c"),
    Reason.DATA_DUPLICATED: lambda: planned({"a": stopped("a"), "b": stopped("b"), "c": stopped("c", wal=stopped("a").wal)}),
    Reason.DATA_IN_USE: lambda: planned({name: stopped(name, data_holder=OUTSIDE) for name in "abc"}),
    Reason.DATA_CORRUPT: lambda: planned(alarmed("CORRUPT")),
    Reason.OLD_MEMBER_RUNNING: lambda: planned({**listing("ab", listed("a"), listed("b"), OLD_URL), "c": empty()}, alive="c"),
    Reason.ADDRESS_OF_ANOTHER_HOST: lambda: planned({**listing("ab", listed("a"), listed("b"), replace(listed("c"), client_urls=("https://192.0.2.3:2379",))), "c": empty()}, wanting("c", replaces=member_id("c")), alive="c"),
    Reason.BOOTSTRAP_FOREIGN_DATA: lambda: planned({name: stopped(name, bootstrapped=None, wal=WalIdentity(name, "beef")) for name in "abc"}),
    Reason.BOOTSTRAP_NEEDS_ALL_HOSTS: lambda: planned({"a": own("a"), "b": own("b"), "c": down("c")}),
    Reason.QUERY_FAILED: lambda: planned({name: silent(name, **SHADOWED) for name in "abc"}),
    Reason.MEMBER_SILENT: lambda: planned({name: silent(name, **STARTED, query=Query.SILENT) for name in "abc"}),
    Reason.MEMBER_ERROR: lambda: planned({name: silent(name, **STARTED, query=Query.ERROR, query_words="it has no leader") for name in "abc"}),
    Reason.MEMBER_LIST_MISSING: lambda: planned({name: serving(name, members=()) for name in "abc"}),
    Reason.REVISION_UNPROVEN: lambda: planned({"a": serving("a"), "b": silent("b", query=Query.CANNOT_ASK, served_revision="r0"), "c": down("c")}),
    Reason.SUCCESSOR_SILENT: lambda: planned({**listing("ab", listed("a"), listed("b"), OLD_URL, replace(listed("c"), member_id="c0ffee")), "c": down("c")}, alive="c"),
    Reason.NO_QUORUM_TO_ADD: lambda: planned({**ALL_SERVE, "c": down("c"), "d": empty()}, target("abcd")),
    Reason.NO_QUORUM_TO_REMOVE: lambda: planned({**ALL_SERVE, "b": silent("b")}, LEAVES),
    Reason.NO_QUORUM_TO_RESTART: lambda: planned({**ALL_SERVE, "c": silent("c", running_revision="r2")}, target(revision="r2")),
    Reason.HOST_DOWN_DURING_CHANGE: lambda: planned({**ALL_SERVE, "c": down("c")}, target(revision="r2")),
    Reason.ALARM_PREVENTS_ADD: lambda: planned({**alarmed("NOSPACE"), "d": empty()}, target("abcd")),
    Reason.ALARM_PREVENTS_VERSION: lambda: planned(alarmed("NOSPACE", "3.6.14"), at("3.6.16")),
    Reason.QUOTA_TOO_SMALL: lambda: planned({name: serving(name, status=replace(status(name), db_size=100 * MEGABYTE)) for name in "abc"}, Target({name: TargetMember(member(name, options={"quota-backend-bytes": str(90 * MEGABYTE)}), "r2", "c1") for name in "abc"})),
    Reason.PEER_URL_NOT_SERVED: lambda: planned({**ALL_SERVE, "c": serving("c", active_environment=TEXT)}, wanting("c", member=member("c", peer_port=9100))),
    Reason.LEAF_NOT_TRUSTED: lambda: planned(trusting(trust(OLD, issuer=OLD), trust(OLD, issuer=NEW)), target(certificates="c2")),
    Reason.CLIENT_CA_DROPPED: lambda: planned(trusting(trust(OLD, NEW, issuer=OLD), trust(NEW, issuer=NEW)), target(revision="r2", certificates="c2")),
    Reason.BUNDLE_TOO_NARROW: lambda: planned(trusting(trust(OLD, NEW, issuer=OLD), trust(NEW, issuer=OLD)), target(revision="r2")),
    Reason.VERSION_SKIPS_MINOR: lambda: planned(run_by("3.5.33"), at("3.7.3")),
    Reason.VERSION_BASE_TOO_OLD: lambda: planned(run_by("3.5.31"), at("3.6.16")),
    Reason.VERSION_BELOW_CLUSTER: lambda: planned({**run_by("3.7.3", "ab", members=(listed("a"), listed("b"), WAITING)), "c": empty()}, at("3.6.16", known=frozenset("abc"))),
    Reason.VERSION_CHANGES_WITH_MEMBERS: lambda: planned({**run_by("3.6.14"), "d": empty()}, at("3.6.16", "abcd", known=frozenset("abc"))),
    Reason.CLUSTER_RESUMED: lambda: planned({name: stopped(name, bootstrapped=None, attempt=None) for name in "abc"}),
}  # fmt: skip


# certificate authorities


def described(generation: int, *trusted: int) -> dict[str, dict[str, Any]]:
    return {"client": rotation.described(Authority(generation=generation, trust_generations=trusted))}


EXAMPLES |= {
    Reason.CA_NOT_YET_TRUSTED: lambda: rotation.problems(described(1), described(2)),
    Reason.CA_STILL_IN_USE: lambda: rotation.problems(described(1, 1, 2), described(2)),
    Reason.COMMON_NAME_CHANGED: lambda: rotation.name_problems("new", None, {"a": (trust(OLD, issuer=OLD), {"ETCD_PEER_CERT_ALLOWED_CN": "etcd"})}),
    Reason.CA_ROTATION_UNFINISHED: lambda: trust_changes.problems({"authorities": described(1, 1, 2)}, {"authorities": described(2, 1, 2)}, {"a": serving("a", loaded_trust=trust(OLD, issuer=OLD))}),
}  # fmt: skip


# a run


async def quiet(*_: Any) -> None:
    """Nobody listens."""


def ops(sessions: Mapping[str, Any] | None = None, **facts: HostFacts) -> Operations:
    return Operations(sessions or {}, target(), Lease("run-1", now()), DEADLINES, None, quiet, None, facts)


def converging() -> loop.RolloutContext:
    return loop.RolloutContext(None, {}, DEADLINES, None, quiet, quiet, asyncio.Event())  # type: ignore[arg-type]


async def _steps(limit: int, *, cancelled: bool = False) -> None:
    async def look(*_: Any) -> loop.Observation:
        return loop.Observation({name: serving(name, running_revision="r0") for name in "abc"})

    run = converging()
    if cancelled:
        run.cancelled.set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_MOST_STEPS", limit)
        patch.setattr(loop, "observe_all", look)
        await loop._steps(run, ops(), None)


@example(Reason.ANSWERS_UNSTEADY)
async def _unsteady() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.confirmation, "SETTLE_SECONDS", 0)
        confirmations = loop._Confirmations(converging(), Target({}))
        for number in range(10):
            await confirmations.is_new(number, "")


@example(Reason.STEP_WITHOUT_EFFECT)
def _repeated() -> None:
    repeats, step = Repeats(), Restart("b", False)
    repeats.taken(step, ALL_SERVE)
    while repeats.needs_look(step, ALL_SERVE):
        pass


class Lost:
    """A context of a plugin whose host does not answer, or has a member that serves."""

    destroying = True

    def forget_looks(self) -> None:
        """Nothing was seen."""

    async def look(self, *_: Any) -> HostFacts:
        return serving("a", stamp=Stamp("owner", "h", "a", "stack"))


def host_state() -> dict[str, Any]:
    return {"connection": {}, "seconds": 60, "host_id": "h", "abandon_unreachable": False, "member": member().inputs()}


EXAMPLES |= {
    Reason.CANCELLED: lambda: _steps(300, cancelled=True),
    Reason.TOO_MANY_STEPS: lambda: _steps(0),
    Reason.LEASE_HELD: lambda: lease._taken({"a": ["held", "run-0123", "40"]}),
    Reason.LEASE_LOST: lambda: lease._blocked({"a": "gone", "b": "gone", "c": "granted"}, 3),
    Reason.LEASE_WITHOUT_MAJORITY: lambda: lease._blocked({"a": "granted", "b": "unreachable", "c": "unreachable"}, 3),
    Reason.PARTIAL_RUN: lambda: rollout._UNCHECKED,
    Reason.MEMBER_SERVING: lambda: Host(Lost())._refuse_voter(host_state(), member()),  # type: ignore[arg-type]
    Reason.HOST_NOT_CLEARED: lambda: Host(Lost())._left_behind("urn", host_state(), member(), ClusterError(down("a"))),  # type: ignore[arg-type]
}


# work on a host


class Command:
    """A session whose commands end so."""

    def __init__(self, status: int, stdout: str = "", stderr: str = "") -> None:
        self.result = Result(status, stdout, stderr)

    async def run(self, *_: Any, **__: Any) -> Result:
        return self.result


async def _started() -> Problem | None:
    return await ops({"a": Command(3, "bind: address already in use")}).await_one("a", "0", 30)


async def _proven() -> None:
    async def wrong(*_: Any) -> str:
        return "its process runs without the staged settings"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "_started_wrong", wrong)
        await proof.prove(ops(), ["a"], Attempt.parse(attempt()))


async def _sick() -> None:
    async def ask(*_: Any) -> list[health.MemberHealth]:
        return [health.MemberHealth("a", "", "https://192.0.2.1:2379", healthy=False, error="connection refused")]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health, "_ask", ask)
        await health.wait({}, {}, 0)


EXAMPLES |= {
    Reason.START_FAILED: _started,
    Reason.TRIAL_START_FAILED: lambda: execute(ops({"a": Command(0, "not-ready\nbind: no such address\n")}, a=serving("a")), TrialStart(("a",))),
    Reason.NOT_SERVING: _sick,
    Reason.BOOTSTRAP_UNPROVEN: _proven,
    Reason.V2_DATA_LEFT: lambda: execute(ops({"a": Command(1, "detected custom v2store content")}, a=serving("a")), CheckV2Store(("a",))),
    Reason.ALARM_AFTER_RESTART: lambda: rollback._disarm(ops(), "a"),
    Reason.STEP_FAILED: lambda: rollback._unlisted("a", rollback.Former("r0", "3.6.16", "", "", member_id="a1", peer_urls=["https://192.0.2.9:2380"])),
    Reason.ARCHIVE_UNUSABLE: lambda: Archive(Lost())._send({"source": "/nowhere/etcd.tar.gz", "node": "a"}),  # type: ignore[arg-type]
    Reason.REQUEST_UNSUPPORTED: lambda: Servicer(Lost(), {})._resource("urn:pulumi:dev::project::etcd:index:Other::x"),  # type: ignore[arg-type]
}  # fmt: skip


# EC2


async def _not_ready() -> ClusterError:
    wait = _Wait(None, "urn", "etcd-1", 600)  # type: ignore[arg-type]
    return wait._unfinished(SimpleNamespace(stage="init", words="getting there"))  # type: ignore[arg-type]


EXAMPLES |= {
    Reason.INSTANCE_REPLACEMENT_UNSAFE: lambda: replacement.changed(
        {"a": [1, 1], "b": [1, 1]}, {"a": [1, 2], "b": [1, 2]}
    ),
    Reason.INSTANCE_LAYOUT_FIXED: lambda: layout.other_vpc("10.0.0.0/16", "10.1.0.0/16"),
    Reason.INSTANCE_PLACE_MISSING: lambda: placement.assign(["a"], [], {}, {}),
    Reason.INSTANCE_REFUSED: lambda: refusals.advice("a", "eu-central-1", "InsufficientInstanceCapacity: no", []),
    Reason.INSTANCE_NOT_READY: _not_ready,
}
