"""What the settings say of an authority: who issues, who is trusted, and which change of that is safe for clients."""

from collections.abc import Mapping, Sequence
from typing import Any

from etcd_cluster.certificates import pem
from etcd_cluster.certificates.pem import Trust
from etcd_cluster.errors import Problem
from etcd_cluster.reasons import Reason
from etcd_cluster.settings import Authority, Certificates
from etcd_cluster.ssh.session import as_text

PHASES = (
    "Rotate in three steps, each with an `up` of its own: trust the new CA too, issue from it, stop trusting the old "
    "one (docs/certificates.md)"
)
_SHARE = (
    "Let the members trust the CA that they use among themselves until they have changed over: in the same edit, set "
    "ca.client.trust_certificates_file to a copy of current/peer-ca.pem of a host; remove it with the next one "
    "(docs/own-ca.md)"
)
_SEPARATE = (
    "Give peers a CA of your own in two steps, each with an `up` of its own: first add its certificate to "
    "ca.client.trust_certificates; then set ca.shared to false, and ca.peer to that CA (docs/own-ca.md)"
)
_ALLOWED_NAME = "ETCD_PEER_CERT_ALLOWED_CN"


def described(authority: Authority | None) -> dict[str, Any]:
    """Return who issues and who is trusted, by name; a provided CA is named by its id, see `etcd.pem.Trust`.

    `texts` are the certificates that the settings hold, as PEM: what a stack whose state was lost can show.
    """
    given = authority or Authority()
    trusted = {f"generation {number}" for number in given.trust_generations}
    issuer = next(iter(_provided(given.certificate)), "") if given.certificate else f"generation {given.generation}"
    texts = [text for text in (given.certificate, given.trust_certificates) if text]
    return {
        "issuer": issuer,
        "trusts": sorted({issuer, *trusted, *_provided(given.trust_certificates or "")}),
        "texts": texts,
    }


def _provided(text: str) -> list[str]:
    return [f"CA {identity}" for identity in pem.identities(text)]


def described_certificates(
    certificates: Certificates,
    *,
    shared: bool,
    keep_former_addresses: bool = False,
    extra_names: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return what CAs and peer certificates are made from, as far as a change of it concerns who trusts whom.

    `extra_names` are those of the nodes, by node, beside what all have.
    """
    made_from = certificates.model_dump(include={"subject", "algorithm", "rsa_bits", "ecdsa_curve", "ca_validity_days"})
    return {
        "shared": shared,
        "peer_common_name": certificates.subject.common_name,
        "keep_former_addresses": keep_former_addresses,
        "ca": made_from,
        "extra_names": {
            node: sorted({*certificates.extra_names, *names}) for node, names in (extra_names or {}).items()
        },
    }


def kept(before: Mapping[str, Any], after: Mapping[str, Any], authorities: Mapping[str, Any]) -> list[str]:
    """Return what to say where the settings changed that generated CAs are made from; both as `described_certificates`.

    A CA that exists stays as it was made, so the change holds for the next generation.
    """
    old, new = _flat(before.get("ca", {})), _flat(after.get("ca", {}))
    changed = sorted(name for name in new if name in old and old[name] != new[name])
    generated = [
        f"{each['issuer']} of ca.{purpose}"
        for purpose, each in authorities.items()
        if each["issuer"].startswith("generation ") and not (purpose == "peer" and after.get("shared"))
    ]
    if not changed or not generated:
        return []
    named = as_text([f"certificates.{name} {old[name] or '(unset)'} → {new[name] or '(unset)'}" for name in changed])
    stays = "stays as it was made" if len(generated) == 1 else "stay as they were made"
    rotate = "the change holds for the next generation of a CA; to issue from one, rotate (docs/certificates.md)"
    return [f"{named}: {as_text(generated)} {stays}, and {rotate}"]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in values.items():
        result |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return result


def understood(authorities: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a state holds as `described` would say it today.

    Former versions named a provided CA by its public key alone, and kept the PEM as it was spelled.
    """
    result = {}
    for purpose, each in authorities.items():
        text = "".join(each.get("texts", []))
        names = dict(zip((f"CA {identity}" for identity in pem.key_identities(text)), _provided(text), strict=True))
        result[purpose] = {
            "issuer": names.get(each["issuer"], each["issuer"]),
            "trusts": sorted({names.get(name, name) for name in each["trusts"]}),
            "texts": [pem.bundle([spelled]) or spelled for spelled in each.get("texts", [])],
        }
    return result


def problems(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    shared: tuple[bool, bool] = (False, False),
    issuing: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Return what is wrong with a change of authorities; both map `client` and `peer` to what `described` returns.

    A client that trusts what the last `up` published must never meet a certificate from an unpublished CA. `shared`
    tells whether peers used the clients' CA and whether they are to. `issuing` has, by purpose, the id of the CA that
    issued the certificates which the members use, as far as the hosts tell.
    """
    found = []
    known, new = understood(before), understood(after)
    was_shared, is_shared = shared
    # A shared CA stands under both purposes, and is no generation of `ca.peer`.
    owners = {purpose: each for purpose, each in known.items() if not (purpose == "peer" and was_shared)}
    for purpose in new:
        if purpose not in known:
            continue
        old_names = _Names(purpose, was_shared, owners, issuing or {})
        new_names = _Names(purpose, is_shared, owners, issuing or {})
        old, wanted = known[purpose], new[purpose]
        was_trusted = new_names.of(wanted["issuer"]) in {old_names.of(name) for name in old["trusts"]}
        stays = old_names.of(old["issuer"]) in {new_names.of(name) for name in wanted["trusts"]}
        comes = f"{new_names.shown(wanted['issuer'])} is to issue, but was not trusted by the last `up`"
        goes = f"{old_names.shown(old['issuer'])} is no longer trusted, but certificates of it are in use"
        if purpose == "peer" and was_shared != is_shared:
            # The members alone use these, so one roll may trust both CAs. Not while nothing but the CA tells a client
            # from a peer, as it is once they no longer share one.
            if not was_trusted and not (is_shared and stays):
                found.append(Problem(Reason.CA_NOT_YET_TRUSTED, "ca.shared", comes, _SHARE if is_shared else _SEPARATE))
        elif not was_trusted:
            found.append(Problem(Reason.CA_NOT_YET_TRUSTED, f"ca.{purpose}", comes, PHASES))
        elif not stays:
            found.append(Problem(Reason.CA_STILL_IN_USE, f"ca.{purpose}", goes, PHASES))
    return found


def name_problems(
    name: str, allowed: str | None, running: Mapping[str, tuple[Trust, Mapping[str, str]]]
) -> list[Problem]:
    """Return where members would refuse each other for the common name of their peer certificates.

    `name` is what new peer certificates carry, `allowed` what members are to demand (None: nothing), `running` the
    trust and the environment that each member runs with.
    """
    found = []
    for member, (trust, environment) in sorted(running.items()):
        demanded = environment.get(_ALLOWED_NAME)
        if demanded and name not in demanded.split(","):
            found.append(f"{member} accepts only peers named {demanded}")
        if allowed and trust.peer_name and trust.peer_name not in allowed.split(","):
            found.append(f"{member} is named {trust.peer_name}, and peers would accept only {allowed}")
    if not found:
        return []
    return [
        Problem(
            Reason.COMMON_NAME_CHANGED,
            "certificates.subject.common_name",
            f"with one CA for clients and peers, members know each other by this name, so a change would part them "
            f"({found[0]})",
            "Set it back. To change it, give peers a CA of their own first (docs/own-ca.md), then change the name",
        )
    ]


class _Names:
    """The names of one purpose's CAs at one time, made unique: both purposes have a generation 1 of their own."""

    def __init__(self, purpose: str, shared: bool, known: Mapping[str, Any], issuing: Mapping[str, str]) -> None:
        self._owner = "client" if shared else purpose
        self._purpose = purpose
        issuer = known.get(self._owner, {}).get("issuer", "")
        self._issuer, self._identity = issuer, issuing.get(self._owner, "")

    def of(self, name: str) -> str:
        """Return one name for each CA: its id, or whose generation it is where no host tells the id."""
        if name.startswith("CA "):
            return name
        if name == self._issuer and self._identity:
            return f"CA {self._identity}"
        return f"{self._owner} {name}"

    def shown(self, name: str) -> str:
        """Return the name as a message shows it."""
        return name if name.startswith("CA ") or self._owner == self._purpose else f"{name} of ca.{self._owner}"


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
