"""Which certificates may be used while: nobody may meet one that its loaded CA bundle does not verify.

A member reads its leafs at each new connection, but its CA bundles only at its start (etcd, transport/listener.go).
So a bundle is widened by a roll of restarts first, leafs change then, and a bundle is narrowed last.
"""

from collections.abc import Iterable

from etcd.planning.situation import Situation
from etcd.planning.target import refuse

_PHASES = (
    "Rotate in three steps, each with an `up` of its own: trust the new CA too, issue from it, stop trusting the old "
    "one (docs/certificates.md)"
)


def refuse_unverified(now: Situation, names: Iterable[str]) -> None:
    """Refuse leafs that some running member's loaded bundle does not verify."""
    for name in names:
        staged = now.facts[name].staged_trust
        if staged is None:
            continue
        for other, seen in sorted(now.facts.items()):
            loaded = seen.loaded_trust
            if not seen.is_running or loaded is None:
                continue
            for purpose, issuer, bundle in (
                ("peer", staged.peer_issuer, loaded.peer_bundle),
                ("server", staged.server_issuer, loaded.client_bundle),
            ):
                if issuer and issuer not in bundle:
                    raise refuse(
                        name, f"its new {purpose} certificate is from a CA that {other} does not trust yet", _PHASES
                    )


def refuse_narrow(now: Situation, names: Iterable[str]) -> None:
    """Refuse bundles that do not verify the leafs that the members use."""
    for name in names:
        staged = now.facts[name].staged_trust
        if staged is None:
            continue
        for other, seen in sorted(now.facts.items()):
            used = seen.loaded_trust
            if not seen.is_running or used is None:
                continue
            for purpose, issuer, bundle in (
                ("peer", used.peer_issuer, staged.peer_bundle),
                ("server", used.server_issuer, staged.client_bundle),
            ):
                if issuer and issuer not in bundle:
                    raise refuse(
                        name, f"its new bundle does not verify the {purpose} certificate that {other} uses", _PHASES
                    )
