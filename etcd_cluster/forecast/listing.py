"""The steps of a run before it is started: what will be staged is taken for staged, what is made only then is said."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from etcd_cluster import planning
from etcd_cluster.certificates import pem
from etcd_cluster.certificates.pem import Trust
from etcd_cluster.convergence.unobserved_members import Answers
from etcd_cluster.forecast.forecast import Forecast, forecast
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import Observed, Restart, Target
from etcd_cluster.rendering.config_diff import changes

# Stands for what gets its name only when it is made.
NEW = "made in this run"
_SAFE_VOTERS = 3


@dataclass(frozen=True)
class Staging:
    """What a member will be staged with, as far as it is known before; None is what is made only in the run.

    `leaves` are the leaf certificates by purpose (`server`, `peer`), the CAs and they PEM texts.
    """

    client_ca: str | None
    peer_ca: str | None
    leaves: Mapping[str, str] | None


@dataclass(frozen=True)
class Listing:
    """What a run will do: the text of its steps, empty where there are none, and what else the user must know."""

    text: str
    warnings: tuple[str, ...] = ()


def listing(
    observed: Observed,
    target: Target,
    answers: Answers,
    stagings: Mapping[str, Staging],
    *,
    is_first: bool,
) -> Listing:
    """Return the steps of a run; raises `Refusal` where not even the first can be taken.

    In `target`, `NEW` stands for the revisions and certificate sets that are not known yet. `is_first` tells that the
    stack has no members yet: then the CA of new certificates may be new to members that run already.
    """
    expected = {
        name: replace(host, staged_trust=_staged_trust(stagings.get(name), host, is_first))
        if isinstance(host, HostFacts) and name in target.members
        else host
        for name, host in planning.without_foreign_hosts(observed, target).items()
    }
    foreseen = forecast(expected, target, answers.answering, answers.unclear)
    if not foreseen.steps:
        return Listing("")
    lines = ["Steps that are due:", *_made(target, stagings)]
    lines += [
        f"  {number}. {step}{_why(step, target, expected, stagings)}" for number, step in enumerate(foreseen.steps, 1)
    ]
    lines += _ends(foreseen)
    restarts = any(isinstance(step, Restart) for step in foreseen.steps)
    voters = len(target.members)
    warnings = (
        (f"With {voters} member(s), each restart is a brief outage",) if restarts and voters < _SAFE_VOTERS else ()
    )
    return Listing("\n".join(lines), warnings)


def _made(target: Target, stagings: Mapping[str, Staging]) -> list[str]:
    """Return what is made before the first step, as a line."""
    made = [
        what
        for what, is_made in (
            ("a CA is made", any(None in (each.client_ca, each.peer_ca) for each in stagings.values())),
            ("certificates are issued", any(wanted.certificates == NEW for wanted in target.members.values())),
        )
        if is_made
    ]
    return [f"  {' and '.join(made)} in this run; then:"] if made else []


def _ends(foreseen: Forecast) -> list[str]:
    return [f"  Then it stops: {problem}" for problem in foreseen.ends.problems] if foreseen.ends else []


def _why(step: object, target: Target, expected: Observed, stagings: Mapping[str, Staging]) -> str:
    if not isinstance(step, Restart):
        return ""
    host = expected.get(step.name)
    if not isinstance(host, HostFacts):
        return ""
    reasons = changes(target.members[step.name].member, host)
    staging, loaded = stagings.get(step.name), host.loaded_trust
    if staging and loaded:
        for purpose, trusted, ca in (
            ("client", loaded.client_bundle, staging.client_ca),
            ("peer", loaded.peer_bundle, staging.peer_ca),
        ):
            if ca is None or pem.trust(ca, "", "", "").client_bundle != trusted:
                reasons.append(f"the CAs that are trusted for {purpose}s")
    return f" ({'; '.join(reasons)})" if reasons else ""


def _staged_trust(staging: Staging | None, host: HostFacts, is_first: bool) -> Trust | None:
    """Return whom a member will trust, and who has issued its certificates.

    In a stack that has members, certificates are issued only by a CA that the last run made them trust
    (`certificates.rotation`), so what runs verifies new ones.
    """
    loaded = host.loaded_trust
    if staging is None or loaded is None:
        return None
    leaves = staging.leaves or {}
    known = pem.trust(staging.client_ca or "", staging.peer_ca or "", leaves.get("server", ""), leaves.get("peer", ""))
    client = known.client_bundle if staging.client_ca is not None else loaded.client_bundle | {NEW}
    peer = known.peer_bundle if staging.peer_ca is not None else loaded.peer_bundle | {NEW}
    if staging.leaves is None:
        server_issuer = NEW if is_first and NEW in client else ""
        peer_issuer = NEW if is_first and NEW in peer else ""
    else:
        server_issuer = known.server_issuer if staging.client_ca is not None else loaded.server_issuer
        peer_issuer = known.peer_issuer if staging.peer_ca is not None else loaded.peer_issuer
    return Trust(client, peer, server_issuer, peer_issuer)
