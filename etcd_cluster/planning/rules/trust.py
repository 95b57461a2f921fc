"""Which certificates may be used while: nobody may meet one that its loaded CA bundle does not verify.

A member reads its leaf certificates at each new connection, but its CA bundles only at its start (etcd,
transport/listener.go).
So a bundle is widened by a roll of restarts first, leaf certificates change then, and a bundle is narrowed last.
"""

from collections.abc import Iterable, Mapping

from etcd_cluster.certificates.rotation import PHASES
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.target import refuse
from etcd_cluster.reasons import Reason


def unverified(facts: Mapping[str, HostFacts], names: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return the staged leaf certificates that a running member does not verify: node, purpose and that member."""
    found = []
    for name in names:
        staged = facts[name].staged_trust
        if staged is None:
            continue
        for other, host in sorted(facts.items()):
            loaded = host.loaded_trust
            if not host.is_running or loaded is None:
                continue
            if staged.peer_issuer and staged.peer_issuer not in loaded.peer_bundle:
                found.append((name, "peer", other))
            if staged.server_issuer and staged.server_issuer not in loaded.client_bundle:
                found.append((name, "server", other))
    return found


def must_widen_first(cluster: ClusterState, names: Iterable[str]) -> bool:
    """Return whether restarts must come before these leaf certificates; refuses those that none would make known."""
    pending = unverified(cluster.facts, names)
    for name, purpose, other in pending:
        staged, leaf = cluster.facts[other].staged_trust, cluster.facts[name].staged_trust
        if staged is None or leaf is None:
            raise refuse(
                Reason.LEAF_NOT_TRUSTED,
                name,
                f"its new {purpose} certificate is from a CA that {other} does not trust",
                PHASES,
            )
        issuer = leaf.peer_issuer if purpose == "peer" else leaf.server_issuer
        if issuer not in (staged.peer_bundle if purpose == "peer" else staged.client_bundle):
            raise refuse(
                Reason.LEAF_NOT_TRUSTED,
                name,
                f"its new {purpose} certificate is from a CA that {other} does not trust",
                PHASES,
            )
    return bool(pending)


def refuse_lost_clients(cluster: ClusterState, names: Iterable[str]) -> None:
    """Refuse to leave a CA of clients and its trust in one run: they hold certificates of the CA that issued until now.

    Among members one roll may do both.
    """
    used = {
        host.loaded_trust.server_issuer: name
        for name, host in sorted(cluster.facts.items())
        if host.is_running and host.loaded_trust and host.loaded_trust.server_issuer in host.loaded_trust.client_bundle
    }
    for name in names:
        staged = cluster.facts[name].staged_trust
        for issuer, other in used.items():
            if staged and issuer not in staged.client_bundle:
                raise refuse(
                    Reason.CLIENT_CA_DROPPED,
                    name,
                    f"it is to trust no longer the CA that issued the certificates in use ({other}'s is one), so every "
                    "client that holds such a certificate would be refused",
                    PHASES,
                )


def refuse_narrow(cluster: ClusterState, names: Iterable[str]) -> None:
    """Refuse bundles that do not verify the leaf certificates that the members use."""
    for name in names:
        staged = cluster.facts[name].staged_trust
        if staged is None:
            continue
        for other, host in sorted(cluster.facts.items()):
            used = host.loaded_trust
            if not host.is_running or used is None:
                continue
            for purpose, issuer, bundle in (
                ("peer", used.peer_issuer, staged.peer_bundle),
                ("server", used.server_issuer, staged.client_bundle),
            ):
                if issuer and issuer not in bundle:
                    raise refuse(
                        Reason.BUNDLE_TOO_NARROW,
                        name,
                        f"its new bundle does not verify the {purpose} certificate that {other} uses",
                        PHASES,
                    )
