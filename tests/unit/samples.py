"""What the core tests share: members, targets and what a look at a host may show."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.observation.facts import HostFacts, ListedMember, MemberStatus, Stamp
from etcd_cluster.observation.wal import WalIdentity
from etcd_cluster.planning import Attempt, Observed, Refusal, Target, TargetMember, bootstrap_marker, plan
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.specs.paths import Layout

CLUSTER = "dc50b8daae93b3e0"
LAYOUT = Layout("/usr/local/bin", "/opt/etcd", "/etc/etcd", "/var/lib/etcd", None)
# The head of a WAL that etcd 3.6.16 wrote, and the ids that its etcdctl printed for it
WAL_HEAD = base64.b64decode(
    "BAAAAAAAAIQIBBAAAAAAAB8AAAAAAACBCAEQ6snS/AkaFQjIpaDc14KgvGYQ4OfO9KqbrqjcAQAOAAAAAAAAgggFEM6ysqMFGgQIABAAAABtAAAAAAAA"
    "gwgCEOSt7OcKGmMIARABGAEiWwgAEAAYyKWg3NeCoLxmIkt7ImlkIjo3MzgzNzkyNDE4ODI5MTEyMDA4LCJwZWVyVVJMcyI6WyJodHRwOi8vMTI3LjAu"
    "MC4xOjQyMzgwIl0sIm5hbWUiOiJ3In0AAAAQAAAAAAAAAAgDEPuTmJsBGgYIARAAGAEYAAAAAAAAAAgDEODgzN4LGg4IAhDIpaDc14KgvGYYARAAAAAA"
    "AAAACAIQvvqnugcaBggAEAIYAkkAAAAAAACHCAIQ+fGBtw0aPwgAEAIYAyI3ogYKCIH6scnSwKjkEqpRJwjIpaDc14KgvGYSGwoBdxIWaHR0cDovLzEy"
    "Ny4wLjAuMTo0MjM3OQAAAAAAAAAYAAAAAAAAAAgDENfwm4UPGg4IAhDIpaDc14KgvGYYAykAAAAAAACHCAIQmeHS1g4aHwgAEAIYBCIXogYKCIL6scnS"
    "wKjkEqJRBwoFMy42LjAAAAAAAAAAGAAAAAAAAAAIAxCa/pnGChoOCAIQyKWg3NeCoLxmGAQhAAAAAAAAhwgCEJGUlb4FGhcIABACGAU="
)
WAL_IDENTITY = WalIdentity("667880157b8812c8", CLUSTER)


def member(name: str = "a", **changes: Any) -> Member:
    """Return the member `a` at 192.0.2.1, `b` at 192.0.2.2 and so on, with changes."""
    plain = Member(
        name=name,
        address=f"192.0.2.{ord(name[-1]) - 96}",
        client_port=2379,
        peer_port=2380,
        version="3.6.16",
        user="etcd",
        group="etcd",
        service_start=900,
        options={"heartbeat-interval": "250", "election-timeout": "2000"},
        layout=LAYOUT,
    )
    return replace(plain, **changes)


def target(names: Iterable[str] = "abc", revision: str = "r1", certificates: str = "c1", **changes: Any) -> Target:
    """Return a wanted cluster of members on one revision."""
    members = {name: TargetMember(member(name), revision, certificates) for name in names}
    return Target(members, **changes)


def attempt(names: Iterable[str] = "abc", token: str = "t1") -> str:
    """Return a bootstrap of these members as a host has it."""
    return Attempt(token, target(names).initial_cluster).text()


def down(name: str) -> Problem:
    """Return what an unreachable host looks like."""
    return Problem(Reason.HOST_UNREACHABLE, name, "cannot connect to it", "Check the host")


Identity = frozenset[tuple[Reason, str]]


def named(reason: Reason, nodes: Iterable[str]) -> Identity:
    """Return what makes an error of one problem for each of these nodes or settings."""
    return frozenset((reason, node) for node in nodes)


def refused(
    seen: Observed,
    wanted: Target | None = None,
    alive: frozenset[str] = frozenset(),
    unclear: Mapping[str, str] | None = None,
) -> Identity:
    """Return for which reasons and nodes a plan is refused, nothing where it is not."""
    try:
        plan(seen, wanted or target(), alive, unclear=unclear)
    except Refusal as refusal:
        return refusal.identity
    return frozenset()


@dataclass(frozen=True)
class Because:
    """A check for `pytest.raises`, whose failure shows what was wanted."""

    wanted: Identity

    def __call__(self, error: ClusterError) -> bool:
        """Return whether an error has these problems and no others."""
        return error.identity == self.wanted


def because(reason: Reason, *nodes: str) -> Because:
    """Return a check for `pytest.raises`: the error has this reason, for these nodes or settings and no others."""
    return Because(named(reason, nodes))


def empty(**changes: Any) -> HostFacts:
    """Return a host on which nothing was ever done."""
    return replace(HostFacts(machine="x86_64", fetch_tool="curl"), **changes)


def member_id(name: str) -> str:
    """Return the id of a member, hexadecimal."""
    return f"{0xA000000000000000 + ord(name):x}"


def stopped(name: str, **changes: Any) -> HostFacts:
    """Return a host with a born member that does not run."""
    facts = HostFacts(
        machine="x86_64",
        stamp=Stamp("owner", f"host-{name}", name, "org/project/dev"),
        attempt=attempt(),
        bootstrapped=bootstrap_marker(CLUSTER, member_id(name)),
        leftover=True,
        wal=WalIdentity(member_id(name), CLUSTER),
        has_wal=True,
        active_revision="r1",
        active_certificates="c1",
        unit={"MainPID": "0", "ActiveState": "inactive"},
    )
    return replace(facts, **changes)


def silent(name: str, **changes: Any) -> HostFacts:
    """Return a host whose member runs, but gives no linearizable answer."""
    revision = changes.get("running_revision", "r1")
    unit = {"MainPID": "42", "ActiveState": "activating"}
    return stopped(name, **{"unit": unit, "running_revision": revision, "active_revision": revision, **changes})


def serving(name: str, leader: str = "a", names: Iterable[str] = "abc", **changes: Any) -> HostFacts:
    """Return a host whose member serves, in a cluster of `names` that `leader` leads."""
    answers = {
        "unit": {"MainPID": "42", "ActiveState": "active"},
        "status": status(name, leader),
        "members": tuple(listed(each) for each in names),
        "healthy": True,
    }
    return silent(name, **{**answers, **changes})


def status(name: str, leader: str = "a") -> MemberStatus:
    """Return what a member says of itself."""
    return MemberStatus(member_id(name), CLUSTER, "3.6.16", member_id(leader), False, 2, 100, 100, 20480, ())


def listed(name: str) -> ListedMember:
    """Return a member's entry in the member list."""
    return ListedMember(member_id(name), name, (member(name).peer_url,), False)


def printed(lines: Mapping[str, object]) -> str:
    """Return facts as observe.sh prints them; bytes and JSON values go in base64."""
    return "".join(f"{key}={_encoded(value)}\n" for key, value in lines.items())


def _encoded(value: object) -> str:
    if isinstance(value, str):
        return value
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(content).decode()
