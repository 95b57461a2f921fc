"""Whether the settings' change of CAs and certificate names can part members or clients of a cluster that exists."""

from collections.abc import Mapping
from typing import Any

from etcd_cluster.certificates import former_addresses, rotation
from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering.config_diff import parse_environment
from etcd_cluster.ssh.session import as_text

_ALLOWED_NAME = "peer-cert-allowed-cn"


def problems(before: Mapping[str, Any], after: Mapping[str, Any], facts: Mapping[str, HostFacts]) -> list[Problem]:
    """Return what is wrong; `before` and `after` are Preflight's inputs of the last time and of now."""
    running = {name: host for name, host in facts.items() if host.is_running and host.loaded_trust}
    found = rotation.problems(
        before.get("authorities", {}),
        after["authorities"],
        shared=(_shared(before), _shared(after)),
        issuing=_issuing(running),
    )
    name = after.get("certificates", {}).get("peer_common_name", "")
    if name:
        environments = {
            node: (host.loaded_trust, parse_environment(host.active_environment))
            for node, host in running.items()
            if host.loaded_trust
        }
        found += rotation.name_problems(name, _allowed(after), environments)
    return found or _unfinished(before.get("authorities", {}), after["authorities"], running)


def _unfinished(before: Mapping[str, Any], after: Mapping[str, Any], running: Mapping[str, HostFacts]) -> list[Problem]:
    """Return where another CA is to issue for clients before all members trust it, as they do once an `up` ended well.

    A run that failed has published no bundle either, so clients would meet a CA that they do not know.
    """
    issuing = _issuing(running).get("client")
    if "client" not in before or not issuing:
        return []
    known, wanted = (rotation.understood(each)["client"] for each in (before, after))
    if wanted["issuer"] == known["issuer"]:
        return []
    trusts = {f"CA {issuing}" if name == known["issuer"] else name for name in known["trusts"]}
    behind = [
        name
        for name, host in sorted(running.items())
        if host.loaded_trust and len(host.loaded_trust.client_bundle) < len(trusts)
    ]
    if not behind:
        return []
    return [
        Problem(
            Reason.CA_ROTATION_UNFINISHED,
            "ca.client",
            f"{wanted['issuer']} is to issue, but the last `up` did not come to its end: {as_text(behind)} "
            f"{'does' if len(behind) == 1 else 'do'} not trust it yet, and clients could not know it",
            f"Let {known['issuer']} issue and run `pulumi up` until it ends well; then go on",
        )
    ]


def lost_names(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what to say of names that certificates no longer carry; both are Preflight's inputs."""
    old, new = (each.get("certificates", {}).get("extra_names", {}) for each in (before, after))
    gone: dict[str, list[str]] = {}
    for node in sorted(old.keys() & new.keys()):
        member = after["members"][node]
        carried = {*new[node], node, member["address"], *former_addresses.of(member)}
        for name in set(old[node]) - carried:
            gone.setdefault(name, []).append(node)
    return [
        f"`extra_names`: the certificates of {as_text(nodes)} no longer carry {name}. From this run on, clients that "
        "use it refuse the member, and members refuse one that connects from it; keep it beside the new one until "
        "nobody needs it"
        for name, nodes in sorted(gone.items())
    ]


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
    trusts = [host.loaded_trust for host in running.values() if host.loaded_trust]
    ids = {"client": {trust.server_issuer for trust in trusts}, "peer": {trust.peer_issuer for trust in trusts}}
    return {
        purpose: found
        for purpose, (found, *more) in ((purpose, [*each]) for purpose, each in ids.items() if each)
        if found and not more and not found.startswith("unknown:")
    }
