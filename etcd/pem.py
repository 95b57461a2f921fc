"""Who trusts whom, read from PEM texts."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Trust:
    """The CAs of two bundles and the CAs that issued two leafs, each by the id of its public key.

    A CA that was renewed with the same key has the same id: each verifies what the other has signed.
    An issuer is empty where there is no such leaf.
    """

    client_bundle: frozenset[str] = frozenset()
    peer_bundle: frozenset[str] = frozenset()
    server_issuer: str = ""
    peer_issuer: str = ""


def bundle(texts: Sequence[str]) -> str:
    """Join the certificates of several texts into one; each stands in it once.

    The order is their own: a member restarts for another text, so it must not change when only the issuer does.
    """
    found = {f"{certificate}\n" for text in texts for certificate in _CERTIFICATE.findall(text)}
    return "".join(sorted(found))


def trust(client_bundle: str, peer_bundle: str, server: str, peer: str) -> Trust:
    """Read bundles and leafs; text that is no certificate counts as none."""
    clients, peers = _certificates(client_bundle), _certificates(peer_bundle)
    known = [*clients, *peers]
    return Trust(
        frozenset(_identity(authority) for authority in clients),
        frozenset(_identity(authority) for authority in peers),
        _issuer(server, known),
        _issuer(peer, known),
    )


def identities(text: str) -> list[str]:
    """Return the id of each certificate's public key."""
    return [_identity(certificate) for certificate in _certificates(text)]


def _certificates(text: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return []


def _identity(authority: x509.Certificate) -> str:
    key = authority.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()[:16]


def _issuer(leaf: str, known: list[x509.Certificate]) -> str:
    certificates = _certificates(leaf)
    if not certificates:
        return ""
    for authority in known:
        try:
            certificates[0].verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return _identity(authority)
    return f"unknown:{certificates[0].issuer.rfc4514_string()}"
