"""What must be true of a host before anything is changed on it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.preflight import ownership, prerequisites, unit_files
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering.config_diff import changes
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh import agent
from etcd_cluster.ssh.session import as_text


@dataclass(frozen=True)
class Expectation:
    """What all hosts are held against.

    `owner` is the cluster's id in this stack, None while the stack is new. `checksums` are by architecture, empty
    where there is none. `clock_seconds` is how far a clock may be off. `stack` is this stack's full name, empty
    where it does not count.
    """

    owner: str | None
    checksums: Mapping[str, str]
    source: str
    clock_seconds: int
    stack: str = ""


def stale_agent_problem() -> Problem | None:
    """Return the problem with `SSH_AUTH_SOCK`, if it names no live agent."""
    path = agent.stale()
    if path is None:
        return None
    return Problem(
        Reason.AGENT_UNREACHABLE,
        "SSH_AUTH_SOCK",
        f"it names {path}, where no SSH agent answers; every remote command would fail on it",
        "Run `unset SSH_AUTH_SOCK`, or start the agent again",
    )


def host_problems(member: Member, host: HostFacts, architecture: str | None, expected: Expectation) -> list[Problem]:
    """Return all that is wrong with one host that answered; of one that is another's, nothing else is said."""
    if foreign := ownership.stamp(member, host, expected.owner, expected.stack):
        return [Problem(reason, member.name, what, action) for reason, what, action in foreign]
    return [
        Problem(reason, member.name, what, action)
        for reason, what, action in (
            *_tools(host, expected),
            *_architecture(member, host, architecture, expected),
            *ownership.things(member, host),
            *prerequisites.of_directories(member, host),
            *prerequisites.of_address(member, host),
            *_clock(host, expected),
        )
    ] + ([] if _runs_as_wanted(member, host) else unit_files.problems(member, host))


def host_warnings(member: Member, host: HostFacts) -> list[Problem]:
    """Return what would be refused before a start of the member, while it runs as it should and nothing starts it."""
    if not _runs_as_wanted(member, host):
        return []
    found = unit_files.problems(member, host)
    return [replace(each, what=f"{each.what}; its next start is refused") for each in found]


Finding = tuple[Reason, str, str]


def _runs_as_wanted(member: Member, host: HostFacts) -> bool:
    return host.stamp is not None and host.is_running and not host.is_switched and not changes(member, host)


def _tools(host: HostFacts, expected: Expectation) -> list[Finding]:
    findings: list[Finding] = []
    if host.missing_tools:
        findings.append((Reason.TOOL_MISSING, f"it has no {as_text(host.missing_tools)}", "Install what is missing"))
    if expected.source == "download" and host.fetch_tool is None:
        findings.append(
            (
                Reason.DOWNLOADER_MISSING,
                "it has neither curl nor wget to download etcd with",
                "Install one, or set `binaries.source` to push",
            )
        )
    return findings


def _architecture(member: Member, host: HostFacts, architecture: str | None, expected: Expectation) -> list[Finding]:
    if host.architecture is None:
        return [
            (
                Reason.ARCHITECTURE_UNSUPPORTED,
                f"its architecture is {host.machine}; this program installs amd64 and arm64",
                "Use another host",
            )
        ]
    if architecture and architecture != host.architecture:
        return [
            (
                Reason.ARCHITECTURE_MISMATCH,
                f"its architecture is {host.architecture}, but `nodes.{member.name}.architecture` says {architecture}",
                "Correct the setting, or leave it out",
            )
        ]
    if not expected.checksums.get(host.architecture):
        return [
            (
                Reason.CHECKSUM_MISSING,
                f"there is no pinned SHA-256 of etcd {member.version} for {host.architecture}",
                f"Add `binaries.checksums.{member.version}.{host.architecture}`",
            )
        ]
    return []


def _clock(host: HostFacts, expected: Expectation) -> list[Finding]:
    if abs(host.clock_offset) <= expected.clock_seconds:
        return []
    direction = "ahead of" if host.clock_offset > 0 else "behind"
    return [
        (
            Reason.CLOCK_SKEW,
            f"its clock is {abs(host.clock_offset):.0f} s {direction} this machine's; certificates would not be valid",
            "Set both clocks by NTP",
        )
    ]
