"""Whose things are on a host. What is said never costs somebody else's member or data."""

from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason
from etcd_cluster.settings.options.values import URL_LISTENERS
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import as_text

Finding = tuple[Reason, str, str]


def stamp(member: Member, host: HostFacts, owner: str | None, stack: str) -> list[Finding]:
    """Return whose member the host carries, if it is not this one; `owner` is the id of this stack's cluster."""
    found = host.stamp
    if found is None:
        return []
    runs = "runs" if host.is_running else "does not run now"
    if found.cluster != owner and found.stack == stack:
        return [
            (
                Reason.STACK_IDENTITY_UNKNOWN,
                (
                    f"it serves node {found.node} of a stack of this very name, {found.stack}, whose identity is not "
                    f"in the state; etcd {runs} there"
                ),
                (
                    "If `cluster_name` or the project was changed, set it back: a cluster keeps it. If the state was "
                    "lost or comes from another place, see docs/state.md. Remove nothing on the host before that is "
                    "clear"
                ),
            )
        ]
    if found.cluster != owner:
        return [
            (
                Reason.HOST_OF_ANOTHER_STACK,
                (
                    f"it serves node {found.node} of another stack of this program, "
                    f"{found.stack or 'without a name'}; etcd "
                    f"{runs} there"
                ),
                (
                    "Use another host, or run `pulumi destroy` on that stack first. Remove nothing on the host by "
                    "hand: it would take that stack's member down"
                ),
            )
        ]
    if found.node != member.name:
        return [
            (
                Reason.NODE_RENAMED,
                f"its host is node {found.node} of this cluster already; a member cannot be renamed",
                f"Call the node {found.node} again, or give it another host",
            )
        ]
    if stack and found.stack != stack:
        # A copy of a state has the owner's id too, and two stacks that change one cluster undo each other's work.
        return [
            (
                Reason.STATE_COPIED,
                f"stack {found.stack} manages it, and this stack ({stack}) has a copy of its state",
                (
                    "Work with that stack; if it was renamed to this one or moved to another backend, confirm that on "
                    f"each host with `sed -i 's|^stack=.*|stack={stack}|' {member.layout.config_dir}/owner`"
                ),
            )
        ]
    return []


def things(member: Member, host: HostFacts) -> list[Finding]:
    """Return what others run or have installed where this program would."""
    fragment = host.unit.get("FragmentPath") if host.stamp is None else None
    if fragment and host.is_running:
        return [
            (
                Reason.FOREIGN_UNIT_RUNNING,
                (
                    f"it has an etcd.service that this program did not install ({fragment}), and it runs, perhaps for "
                    "somebody who needs it"
                ),
                (
                    "Use another host. To take a cluster that was made otherwise over, take a snapshot of it and "
                    "stop all of its members, which is an outage; docs/restore.md says how its data goes into a new "
                    "cluster"
                ),
            )
        ]
    findings = [
        (
            Reason.PORT_IN_USE,
            f"port {port} is taken by {process}",
            f"Stop that process, or choose another {_setting(member, port)}",
        )
        for port, process in host.listening
    ]
    if fragment:
        findings.append(
            (
                Reason.FOREIGN_UNIT,
                f"it has an etcd.service that this program did not install ({fragment}), which does not run",
                (
                    "If no cluster needs this member any more, remove the unit and run `systemctl daemon-reload`; "
                    "its data stays where it is. Otherwise use another host"
                ),
            )
        )
    if host.foreign_links:
        exist, them = ("exists and is", "it") if len(host.foreign_links) == 1 else ("exist and are", "them")
        findings.append(
            (
                Reason.FOREIGN_LINK,
                f"{as_text(host.foreign_links)} {exist} not this program's",
                f"Remove {them}, or choose another `paths.bin_dir`",
            )
        )
    return findings


def _setting(member: Member, port: int) -> str:
    """Return which setting puts the member on a port."""
    if port in member.further_ports:
        return "port in " + " or ".join(f"`etcd.{option}`" for option in sorted(URL_LISTENERS & member.options.keys()))
    return "`peer_port`" if port == member.peer_port else "`client_port`"
