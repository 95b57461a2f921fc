"""Who trusts whom, read from PEM texts."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

_CERTIFICATE = re.compile(r"-----BEGIN ((?:X509 )?CERTIFICATE)-----(.+?)-----END \1-----", re.DOTALL)
_KEY = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.+?)-----END \1-----", re.DOTALL)
_LINE_LENGTH = 64  # RFC 7468, section 2


@dataclass(frozen=True)
class Trust:
    """The CAs of two bundles and the CAs that issued two leaf certificates, each by its id.

    The id stands for what a verification compares: subject, public key and key id. A CA that was renewed with all
    three has the same id: each certificate verifies what the other has signed. An issuer is empty where there is no
    such leaf.
    """

    client_bundle: frozenset[str] = frozenset()
    peer_bundle: frozenset[str] = frozenset()
    server_issuer: str = ""
    peer_issuer: str = ""
    peer_name: str = ""
    """The common name of the peer leaf."""


def bundle(texts: Sequence[str]) -> str:
    """Join the certificates of several texts into one; each stands in it once, in one spelling.

    The order is their own: a member restarts for another text, so it must not change when only the issuer does.
    """
    found = {_block("CERTIFICATE", match[2]) for text in texts for match in _CERTIFICATE.finditer(text)}
    return "".join(sorted(found))


def private_key(text: str) -> str:
    """Return the first private key of a text in one spelling; the form (PKCS #8, PKCS #1, SEC 1) stays as it is.

    A text without one is returned as it is.
    """
    match = _KEY.search(text)
    return _block(match[1], match[2]) if match else text


def _block(label: str, body: str) -> str:
    """Return a PEM block in the strict form of RFC 7468: lines of 64 characters that end with LF."""
    lines = body.split()
    try:
        encoded = base64.b64encode(base64.b64decode("".join(lines), validate=True)).decode()
        lines = [encoded[start : start + _LINE_LENGTH] for start in range(0, len(encoded), _LINE_LENGTH)]
    except (binascii.Error, ValueError):
        lines = [line.strip() for line in body.strip().splitlines()]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def trust(client_bundle: str, peer_bundle: str, server: str, peer: str) -> Trust:
    """Read bundles and leaf certificates; text that is no certificate counts as none."""
    clients, peers = _certificates(client_bundle), _certificates(peer_bundle)
    known = [*clients, *peers]
    return Trust(
        frozenset(_identity(authority) for authority in clients),
        frozenset(_identity(authority) for authority in peers),
        _issuer(server, known),
        _issuer(peer, known),
        _common_name(peer),
    )


def identities(text: str) -> list[str]:
    """Return the id of each CA, see `Trust`."""
    return [_identity(certificate) for certificate in _certificates(text)]


def key_identities(text: str) -> list[str]:
    """Return the id of each certificate's public key, by which states of former versions name a CA."""
    return [hashlib.sha256(_key_of(certificate)).hexdigest()[:16] for certificate in _certificates(text)]


def not_after(text: str) -> str:
    """Return the end of the first certificate's validity (RFC 3339, in UTC); empty where there is none."""
    certificates = _certificates(text)
    return certificates[0].not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ") if certificates else ""


def _common_name(text: str) -> str:
    for certificate in _certificates(text)[:1]:
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            return str(attribute.value)
    return ""


def _certificates(text: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return []


def _key_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _identity(authority: x509.Certificate) -> str:
    parts = [authority.subject.public_bytes(), _key_of(authority)]
    # Without a key id, and with the one that RFC 5280 (4.2.1.2) derives from the key, a certificate verifies the same.
    if (key_id := _key_id(authority)) not in (
        b"",
        x509.SubjectKeyIdentifier.from_public_key(authority.public_key()).digest,
    ):
        parts.append(key_id)
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:16]


def _key_id(authority: x509.Certificate) -> bytes:
    try:
        return authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError):
        return b""


def _issuing_key_id(leaf: x509.Certificate) -> bytes:
    try:
        return leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b""
    except (x509.ExtensionNotFound, ValueError):
        return b""


def _issuer(leaf: str, known: list[x509.Certificate]) -> str:
    certificates = _certificates(leaf)
    if not certificates:
        return ""
    wanted = _issuing_key_id(certificates[0])
    # Go prefers the CA with the right key id and takes another one all the same (crypto/x509, findPotentialParents).
    for authority in sorted(known, key=lambda each: _key_id(each) != wanted):
        try:
            certificates[0].verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return _identity(authority)
    return f"unknown:{certificates[0].issuer.rfc4514_string()}"
