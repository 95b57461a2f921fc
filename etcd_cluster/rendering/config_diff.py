"""Which settings of a member differ from what its host has active, in words."""

import re

from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.rendering import revision
from etcd_cluster.specs.member import Member

_LINE = re.compile(r'^([A-Z0-9_]+)="(.*)"$')
_UNSET = re.compile(r"^UnsetEnvironment=.*\n", re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)")


def parse_environment(text: str) -> dict[str, str]:
    """Read an environment file as `rendering.revision` writes it."""
    matches = (_LINE.match(line) for line in text.splitlines())
    return {match[1]: _ESCAPED.sub(r"\1", match[2]) for match in matches if match}


def changes(member: Member, host: HostFacts) -> list[str]:
    """Return each setting whose change takes a restart, as `heartbeat-interval 250 → 300`.

    The CA bundles are not compared: Preflight does not know the new ones yet.
    """
    if not host.active_environment:
        return []
    before, after = parse_environment(host.active_environment), revision.environment(member)
    before.pop(revision.REVISION_VARIABLE, None)
    found = [
        f"{_option(name)} {before.get(name, '(unset)')} → {after.get(name, '(unset)')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    version = host.status.version if host.status else host.active_version
    if version and version != member.version:
        found.insert(0, f"version {version} → {member.version}")
    if _unit_differs(host.active_unit, revision.unit(member), same_options=before.keys() == after.keys()):
        found.append("the systemd unit")
    return found


def _unit_differs(before: str, after: str, *, same_options: bool) -> bool:
    """Return whether units differ in more than what follows from the options that are set."""
    if not before or before == after:
        return False
    return same_options or _UNSET.sub("", before) != _UNSET.sub("", after) or not _UNSET.search(before)


def former_urls(member: Member, host: HostFacts) -> tuple[str, ...]:
    """Return the client URLs that a host's active revision advertises, if they are not those that are wanted."""
    told = parse_environment(host.active_environment).get(revision.option_variable("advertise-client-urls"), "")
    urls = tuple(filter(None, told.split(",")))
    return urls if urls != (member.client_url,) else ()


def former_peer_urls(host: HostFacts) -> tuple[str, ...]:
    """Return the peer URLs that a host's active revision advertises, empty where it has none."""
    name = revision.option_variable("initial-advertise-peer-urls")
    return tuple(filter(None, parse_environment(host.active_environment).get(name, "").split(",")))


def _option(variable: str) -> str:
    return variable.removeprefix("ETCD_").lower().replace("_", "-")
