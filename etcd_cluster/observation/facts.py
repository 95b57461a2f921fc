"""What is on a host, read in one batch and parsed into plain values."""

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from etcd_cluster import scripts
from etcd_cluster.certificates import pem
from etcd_cluster.certificates.pem import Trust
from etcd_cluster.observation import directories, keyvalue, query
from etcd_cluster.observation import wal as wal_file
from etcd_cluster.observation.directories import Closed, DataDirectory
from etcd_cluster.observation.drop_ins import DropIn
from etcd_cluster.observation.query import Call, Query
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Session

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Stamp:
    """The owner stamp of a host: whose cluster it serves, as which node, and the host resource that took it."""

    cluster: str
    host: str
    node: str
    stack: str

    def text(self) -> str:
        """Return the stamp as it is written on the host."""
        return f"cluster={self.cluster}\nhost={self.host}\nnode={self.node}\nstack={self.stack}\n"

    @classmethod
    def parse(cls, text: str) -> "Stamp":
        """Read a stamp; what is missing in it is empty."""
        told = keyvalue.values(text)
        return cls(*(told.get(name, "") for name in ("cluster", "host", "node", "stack")))


@dataclass(frozen=True)
class MemberStatus:
    """What the running member says of itself and of the cluster; ids in hexadecimal."""

    member_id: str
    cluster_id: str
    version: str
    leader_id: str
    is_learner: bool
    raft_term: int
    raft_index: int
    raft_applied_index: int
    db_size: int
    errors: tuple[str, ...] = ()
    storage_version: str = ""
    downgrade_target: str = ""


@dataclass(frozen=True)
class ListedMember:
    """One entry of etcd's member list; `name` is empty until the member has started."""

    member_id: str
    name: str
    peer_urls: tuple[str, ...]
    is_learner: bool
    client_urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where and how a member is set up now, which is not where it is wanted while a change of that is under way.

    `endpoint` is the client URL to ask on the host, empty where no process runs; `etcdctl` is the path of the binary
    beside the one that runs, `bundle` that of the CA certificates which verify the member's own.
    """

    config_dir: str
    bin_dir: str
    install_dir: str
    etcdctl: str
    endpoint: str = ""
    bundle: str = ""


@dataclass(frozen=True)
class HostFacts:
    """All that one look at a host tells; the fields are None or empty where there is nothing."""

    machine: str = ""
    clock_offset: float = 0.0
    missing_tools: tuple[str, ...] = ()
    fetch_tool: str | None = None
    stamp: Stamp | None = None
    attempt: str | None = None
    bootstrapped: str | None = None
    leftover: bool = False
    wal: wal_file.WalIdentity | None = None
    has_wal: bool = False
    foreign_links: tuple[str, ...] = ()
    active_revision: str = ""
    active_certificates: str = ""
    running_revision: str | None = None
    executable: str = ""
    unit: Mapping[str, str] = field(default_factory=dict)
    listening: tuple[tuple[int, str], ...] = ()
    binaries_whole: bool = True
    staged: tuple[str, ...] = ()
    status: MemberStatus | None = None
    members: tuple[ListedMember, ...] = ()
    healthy: bool = False
    alarms: tuple[tuple[str, str], ...] = ()
    uninstalled: tuple[str, ...] = ()
    active_data: str = ""
    active_wal: str = ""
    active_version: str = ""
    served_revision: str = ""
    served_data: str = ""
    served_wal: str = ""
    served_version: str = ""
    served_config: str = ""
    served_bin: str = ""
    is_moving: bool = False
    active_environment: str = ""
    active_unit: str = ""
    loaded_trust: Trust | None = None
    staged_trust: Trust | None = None
    drop_ins: tuple[DropIn, ...] = ()
    data_dir: DataDirectory | None = None
    wal_dir: DataDirectory | None = None
    closed: tuple[Closed, ...] = ()
    addresses: tuple[str, ...] = ()
    has_former: bool = False
    data_holder: str = ""
    query: Query = Query.NOT_ASKED
    query_words: str = ""
    place: Place | None = None

    @property
    def serves(self) -> bool:
        """Whether the member gave a linearizable answer and told its status."""
        return self.healthy and self.status is not None

    @property
    def architecture(self) -> str | None:
        """etcd's name of the machine's architecture, None for one that etcd has no release of."""
        return ARCHITECTURES.get(self.machine)

    @property
    def is_running(self) -> bool:
        """Whether the unit has a main process."""
        return self.unit.get("MainPID", "0") != "0"

    @property
    def is_active(self) -> bool:
        """Whether etcd has told systemd that it serves."""
        return self.unit.get("ActiveState") == "active"

    @property
    def is_switched(self) -> bool:
        """Whether the member would start with another revision than it runs: a switch that was then taken back."""
        return bool(self.active_revision) and self.active_revision != self.running_revision

    @property
    def is_unproven(self) -> bool:
        """Whether the revision that runs is not known to have served, while a former one is."""
        return self.served_revision not in ("", self.running_revision)


async def observe(
    session: Session, member: Member, depth: str, seconds: int, staged: tuple[str, str] = ("", "")
) -> HostFacts:
    """Look at one host once; `depth` is `facts`, `member` or `deep`, as `observe.sh` has them.

    `staged` names the revision and the certificate set whose trust is to be read too.
    """
    layout = member.layout
    before = time.time()
    result = await session.run(
        scripts.script(
            "observe",
            config=layout.config_dir,
            data=layout.data_dir,
            wal=layout.wal,
            install=layout.install_dir,
            bin=layout.bin_dir,
            client_port=member.client_port,
            ports=" ".join(str(port) for port in (member.peer_port, *member.further_ports)),
            version=member.version,
            depth=depth,
            staged_revision=staged[0],
            staged_certificates=staged[1],
        ),
        seconds=seconds,
    )
    return parse(result.stdout, before, time.time())


def parse(output: str, before: float, after: float) -> HostFacts:
    """Parse what `observe.sh` printed; `before` and `after` are this machine's clock around the look."""
    values: dict[str, list[str]] = {}
    for line in output.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            values.setdefault(key, []).append(value)

    def one(key: str) -> str:
        return values.get(key, [""])[-1]

    def text(key: str) -> str | None:
        return _decoded(one(key)).decode(errors="replace") if key in values else None

    try:
        host_clock = float(one("time"))
    except ValueError:
        host_clock = before
    stamp = text("owner")
    status, health = parse_status(_json(one("status"))), _json(one("health"))
    call = Call(int(one("status_exit")), text("status_error") or "") if one("status_exit").isdecimal() else None
    asked, asked_words = query.outcome(
        call, status is not None, status is None or status.leader_id != "0", _healthy(health), _said(health)
    )
    head = _decoded(one("wal"))
    return HostFacts(
        machine=one("machine"),
        clock_offset=_offset(host_clock, before, after),
        missing_tools=tuple(one("missing").split()),
        fetch_tool=one("fetch") or None,
        stamp=Stamp.parse(stamp) if stamp is not None else None,
        attempt=text("attempt"),
        bootstrapped=text("born"),
        leftover=one("leftover") == "yes",
        wal=wal_file.parse(head) if head else None,
        has_wal="wal" in values,
        foreign_links=tuple(values.get("foreign", [])),
        active_revision=one("revision"),
        active_certificates=one("certificates"),
        running_revision=one("running") if "running" in values else None,
        executable=one("executable"),
        unit={key.removeprefix("unit."): value[-1] for key, value in values.items() if key.startswith("unit.")},
        listening=tuple(_listener(line) for line in values.get("listening", []) if line[:1].isdecimal()),
        binaries_whole=one("binaries") != "damaged",
        staged=tuple(values.get("staged", [])),
        status=status,
        members=parse_members(_json(one("members"))),
        healthy=_healthy(health),
        query=asked,
        query_words=asked_words,
        place=_place(one),
        alarms=_all_alarms(parse_alarms(_json(one("alarms"))), status),
        uninstalled=tuple(values.get("uninstalled", [])),
        active_data=one("active_data"),
        active_wal=one("active_wal"),
        served_revision=one("served"),
        served_data=one("served_data"),
        served_wal=one("served_wal"),
        served_version=(text("served_version") or "").strip(),
        served_config=one("served_config") or (one("config") if one("served") else ""),
        served_bin=_bin_dir(text("served_unit") or ""),
        is_moving=one("moving") == "yes",
        active_environment=text("active_environment") or "",
        active_unit=text("active_unit") or "",
        active_version=(text("active_version") or "").strip(),
        loaded_trust=_trust(text, "loaded"),
        staged_trust=_trust(text, "staged"),
        data_dir=directories.data_directory(values, "data_dir"),
        wal_dir=directories.data_directory(values, "wal_dir"),
        closed=tuple(directories.closed(line) for line in values.get("closed", [])),
        addresses=tuple(values.get("address", [])),
        has_former=one("former") == "yes",
        data_holder=one("holder"),
        drop_ins=tuple(_drop_in(line) for line in values.get("drop_in", [])),
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def _offset(host: float, before: float, after: float) -> float:
    """Return by how many seconds a host's clock is ahead; what the look itself may have cost counts as nothing."""
    if before <= host <= after:
        return 0.0
    return host - after if host > after else host - before


def _drop_in(line: str) -> DropIn:
    text, _, path = line.partition(" ")
    return DropIn(path, _decoded(text).decode(errors="replace"))


def _listener(line: str) -> tuple[int, str]:
    port, pid, *name = line.split(" ", 2)
    return int(port), f"{' '.join(name) or 'a process'} (pid {pid})"


def _json(encoded: str) -> Any:
    try:
        return json.loads(_decoded(encoded) or "null")
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None


def hexadecimal(number: int) -> str:
    """Return an id as etcd's commands take it; in JSON they are decimal uint64."""
    return f"{number:x}"


def parse_status(answer: Any) -> MemberStatus | None:
    """Read the first entry of `etcdctl endpoint status -w json`, None where it has no answer."""
    if not isinstance(answer, list) or not answer:
        return None
    status = answer[0]["Status"]
    header = status["header"]
    return MemberStatus(
        member_id=hexadecimal(header["member_id"]),
        cluster_id=hexadecimal(header["cluster_id"]),
        version=status.get("version", ""),
        leader_id=hexadecimal(status.get("leader", 0)),
        is_learner=bool(status.get("isLearner", False)),
        raft_term=int(status.get("raftTerm", 0)),
        raft_index=int(status.get("raftIndex", 0)),
        raft_applied_index=int(status.get("raftAppliedIndex", 0)),
        db_size=int(status.get("dbSize", 0)),
        errors=tuple(status.get("errors") or ()),
        storage_version=status.get("storageVersion", ""),
        downgrade_target=(status.get("downgradeInfo") or {}).get("targetVersion", ""),
    )


def parse_members(answer: Any) -> tuple[ListedMember, ...]:
    """Read `etcdctl member list -w json`; empty where it has no answer."""
    if not isinstance(answer, dict):
        return ()
    return tuple(
        ListedMember(
            member_id=hexadecimal(member["ID"]),
            name=member.get("name", ""),
            peer_urls=tuple(member.get("peerURLs") or ()),
            is_learner=bool(member.get("isLearner", False)),
            client_urls=tuple(member.get("clientURLs") or ()),
        )
        for member in answer.get("members", [])
    )


def parse_answering(answer: Any) -> frozenset[str]:
    """Return the endpoints of `etcdctl endpoint health -w json` whose linearizable read went through.

    etcdctl reports an alarm, of whichever member, only after it has.
    """
    if not isinstance(answer, list):
        return frozenset()
    return frozenset(
        entry.get("endpoint", "")
        for entry in answer
        if entry.get("health") or "Active Alarm" in str(entry.get("error"))
    )


def _healthy(answer: Any) -> bool:
    return bool(answer) and len(parse_answering(answer)) == len(answer)


_ALARMS = {1: "NOSPACE", 2: "CORRUPT"}


def parse_alarms(answer: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(answer, dict):
        return ()
    return tuple(
        (hexadecimal(alarm.get("memberID", 0)), _ALARMS.get(alarm.get("alarm"), "UNKNOWN"))
        for alarm in answer.get("alarms") or ()
    )


_STATUS_ALARM = re.compile(r"memberID:(\d+)\s+alarm:(\w+)")


def _all_alarms(listed: tuple[tuple[str, str], ...], status: MemberStatus | None) -> tuple[tuple[str, str], ...]:
    """Return the alarms of the list and those of a status: the list may have come to nothing, which is no answer.

    A status has each alarm as protobuf writes it, `memberID:10276657743932975437 alarm:NOSPACE` (etcdserver/api/v3rpc/
    maintenance.go, Status).
    """
    found = (_STATUS_ALARM.search(error) for error in (status.errors if status else ()))
    told = ((hexadecimal(int(match[1])), match[2]) for match in found if match)
    return tuple(dict.fromkeys((*listed, *told)))


def _said(answer: Any) -> str:
    """Return the error that `endpoint health` told, empty where it told none."""
    return str(answer[0].get("error", "")) if isinstance(answer, list) and answer else ""


def _place(one: Callable[[str], str]) -> Place | None:
    if not one("config"):
        return None
    return Place(one("config"), one("bin"), one("install"), one("etcdctl"), one("endpoint"), one("bundle"))


def _bin_dir(unit: str) -> str:
    starts = (line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart="))
    return next((start.removesuffix("/etcd") for start in starts), "")


def _trust(text: Callable[[str], str | None], word: str) -> Trust | None:
    client, peer = text(f"{word}_client_bundle"), text(f"{word}_peer_bundle")
    if client is None or peer is None:
        return None
    return pem.trust(client, peer, text(f"{word}_server") or "", text(f"{word}_peer") or "")
