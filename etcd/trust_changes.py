"""Whether the settings' change of CAs and certificate names can part members or clients of a cluster that exists."""

from collections.abc import Mapping
from typing import Any

from etcd import rotation
from etcd.changes import parse_environment
from etcd.errors import Problem
from etcd.observation import HostFacts

_ALLOWED_NAME = "peer-cert-allowed-cn"


def problems(before: Mapping[str, Any], after: Mapping[str, Any], facts: Mapping[str, HostFacts]) -> list[Problem]:
    """Return what is wrong; `before` and `after` are Preflight's inputs of the last time and of now."""
    running = {name: seen for name, seen in facts.items() if seen.is_running and seen.loaded_trust}
    found = rotation.problems(
        before.get("authorities", {}),
        after["authorities"],
        shared=(_shared(before), _shared(after)),
        issuing=_issuing(running),
    )
    name = after.get("certificates", {}).get("peer_common_name", "")
    if name:
        environments = {
            node: (seen.loaded_trust, parse_environment(seen.active_environment))
            for node, seen in running.items()
            if seen.loaded_trust
        }
        found += rotation.name_problems(name, _allowed(after), environments)
    return found


def _allowed(inputs: Mapping[str, Any]) -> str | None:
    """Return the common name that members demand of peers; they do where they share the clients' CA."""
    names = {each["options"].get(_ALLOWED_NAME) for each in inputs.get("members", {}).values() if "options" in each}
    return next((str(name) for name in sorted(filter(None, names))), None)


def _shared(inputs: Mapping[str, Any]) -> bool:
    # States of former versions tell by the name that members demand alone.
    certificates = inputs.get("certificates", {})
    return bool(certificates["shared"]) if "shared" in certificates else _allowed(inputs) is not None


def _issuing(running: Mapping[str, HostFacts]) -> dict[str, str]:
    """Return the id of the CA that issued what the members use, by purpose, where they all use the same one."""
    trusts = [seen.loaded_trust for seen in running.values() if seen.loaded_trust]
    ids = {"client": {trust.server_issuer for trust in trusts}, "peer": {trust.peer_issuer for trust in trusts}}
    return {
        purpose: found
        for purpose, (found, *more) in ((purpose, [*each]) for purpose, each in ids.items() if each)
        if found and not more and not found.startswith("unknown:")
    }
