"""What the settings say of an authority: who issues, who is trusted, and which change of that is safe for clients."""

from collections.abc import Mapping
from typing import Any

from etcd import pem
from etcd.errors import Problem
from etcd.settings import Authority

PHASES = (
    "Rotate in three steps, each with an `up` of its own: trust the new CA too, issue from it, stop trusting the old "
    "one (docs/certificates.md)"
)


def described(authority: Authority | None) -> dict[str, Any]:
    """Return who issues and who is trusted, by name; a brought CA is named by its public key.

    `texts` are the certificates that the settings hold, as PEM: what a stack whose state was lost can show.
    """
    given = authority or Authority()
    trusted = {f"generation {number}" for number in given.trust_generations}
    issuer = next(iter(_brought(given.certificate)), "") if given.certificate else f"generation {given.generation}"
    texts = [text for text in (given.certificate, given.trust_certificates) if text]
    return {
        "issuer": issuer,
        "trusts": sorted({issuer, *trusted, *_brought(given.trust_certificates or "")}),
        "texts": texts,
    }


def _brought(text: str) -> set[str]:
    return {f"CA {identity}" for identity in pem.identities(text)}


def problems(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a change of authorities; both map `client` and `peer` to what `described` returns.

    A client that trusts what the last `up` published must never meet a certificate from an unpublished CA.
    """
    found = []
    for purpose, new in after.items():
        old = before.get(purpose)
        if old is None:
            continue
        if new["issuer"] not in old["trusts"]:
            found.append(
                Problem(f"ca.{purpose}", f"{new['issuer']} is to issue, but was not trusted by the last `up`", PHASES)
            )
        elif old["issuer"] not in new["trusts"]:
            found.append(
                Problem(
                    f"ca.{purpose}", f"{old['issuer']} is no longer trusted, but certificates of it are in use", PHASES
                )
            )
    return found


def next_step(authorities: Mapping[str, Any]) -> list[str]:
    """Return what comes next in a rotation that is under way, a line each."""
    lines = []
    for purpose, each in authorities.items():
        others = [name for name in each["trusts"] if name != each["issuer"]]
        if others:
            lines.append(
                f"ca.{purpose}: {', '.join(others)} is trusted beside {each['issuer']}, which issues. Once all clients "
                "trust the published bundle, let the new CA issue; once it does, stop trusting the old one"
            )
    return lines
