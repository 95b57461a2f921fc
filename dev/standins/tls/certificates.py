"""Certificates and requests as the tls plugin 5.6.2 makes them (terraform-provider-tls, common_cert.go)."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

from dev.standins.resource_plugin.plugin import OperationError
from dev.standins.tls import names as tls_names
from dev.standins.tls.keys import Key, PublicKey, subject_key_id

KEY_USES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
    "encipher_only": "encipher_only",
    "decipher_only": "decipher_only",
}
EXTENDED_USES = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec_end_system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec_tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec_user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft_server_gated_crypto": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape_server_gated_crypto": ObjectIdentifier("2.16.840.1.113730.4.1"),
    "microsoft_commercial_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.2.1.22"),
    "microsoft_kernel_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.61.1.1"),
}
USES = tuple(sorted({*KEY_USES, *EXTENDED_USES}))


@dataclass(frozen=True)
class Terms:
    """What a certificate says besides whose it is."""

    hours: int
    uses: Sequence[str]
    is_ca: bool
    # None, and zero as well, put no limit on the path.
    path_length: int | None
    set_subject_key_id: bool
    set_authority_key_id: bool


def request(key: Key, subject: x509.Name, names: list[x509.GeneralName]) -> x509.CertificateSigningRequest:
    """Return a signed certificate request."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, _digest(key))


def certificate(
    terms: Terms,
    subject: x509.Name,
    names: list[x509.GeneralName],
    public: PublicKey,
    issuer: x509.Certificate | None,
    issuer_key: Key,
) -> tuple[x509.Certificate, int]:
    """Return a certificate, valid from now on, and that moment in ns; it is self-signed without an `issuer`."""
    if terms.is_ca and not list(subject):
        raise OperationError(
            "Invalid Certificate Subject: Must contain at least one Distinguished Name when creating Certificate "
            "Authority (CA)"
        )
    if issuer is not None and issuer.public_key() != issuer_key.public_key():
        raise OperationError("Failed to create certificate: x509: provided PrivateKey doesn't match parent's PublicKey")
    nanoseconds = time.time_ns()
    now = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
    issuer_name = subject if issuer is None else issuer.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(public)
        .serial_number(secrets.randbits(128) or 1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(hours=terms.hours))
    )
    for extension, critical in _extensions(terms, subject, names, public, issuer, issuer_name):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, _digest(issuer_key)), nanoseconds


def _extensions(
    terms: Terms,
    subject: x509.Name,
    names: list[x509.GeneralName],
    public: PublicKey,
    issuer: x509.Certificate | None,
    issuer_name: x509.Name,
) -> list[tuple[x509.ExtensionType, bool]]:
    """Return extensions and whether they are critical, in the order of Go's crypto/x509."""
    found: list[tuple[x509.ExtensionType, bool]] = []
    if any(use in KEY_USES for use in terms.uses):
        found.append((_key_usage(terms.uses), True))
    if extended := [EXTENDED_USES[use] for use in terms.uses if use in EXTENDED_USES]:
        found.append((x509.ExtendedKeyUsage(extended), False))
    limit = terms.path_length if terms.path_length and terms.path_length > 0 else None
    if limit is not None and not terms.is_ca:
        raise OperationError("Failed to create certificate: x509: only CAs are allowed to specify MaxPathLen")
    found.append((x509.BasicConstraints(terms.is_ca, limit), True))
    own = subject_key_id(public) if terms.is_ca or terms.set_subject_key_id else b""
    if own:
        found.append((x509.SubjectKeyIdentifier(own), False))
    parent = own if issuer is None else _key_id_of(issuer)
    if terms.set_authority_key_id and not parent:
        raise OperationError("Invalid Certificate Authority: Could not determine Authority Key Identifier")
    # Go sets it whenever the issuer has another name.
    if parent and (terms.set_authority_key_id or issuer_name != subject):
        found.append((x509.AuthorityKeyIdentifier(parent, None, None), False))
    if names:
        found.append((x509.SubjectAlternativeName(names), not list(subject)))
    return found


def _key_usage(uses: Sequence[str]) -> x509.KeyUsage:
    flags = {flag: use in uses for use, flag in KEY_USES.items()}
    if (flags["encipher_only"] or flags["decipher_only"]) and not flags["key_agreement"]:
        raise OperationError("the lab's stand-in cannot set encipher_only or decipher_only without key_agreement")
    return x509.KeyUsage(**flags)


def _key_id_of(issuer: x509.Certificate) -> bytes:
    try:
        extension = issuer.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    except x509.ExtensionNotFound:
        return b""
    assert isinstance(extension.value, x509.SubjectKeyIdentifier)
    return extension.value.digest


def _digest(key: Key) -> Any:
    """Return the hash Go signs with: by the curve for ECDSA, SHA-256 for RSA, none for Ed25519."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {"secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}.get(key.curve.name, hashes.SHA256())
    return hashes.SHA256()


def parse_request(pem: str) -> x509.CertificateSigningRequest:
    """Return the request in `pem`."""
    try:
        return x509.load_pem_x509_csr(pem.encode())
    except ValueError as error:
        raise OperationError(f"Failed to parse certificate request PEM: {error}") from error


def parse_certificate(pem: str) -> x509.Certificate:
    """Return the first certificate in `pem`."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise OperationError(f"Failed to parse CA certificate PEM: {error}") from error


def requested_names(csr: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    """Return the request's DNS names, addresses and URIs, in Go's order."""
    try:
        extension = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    value = extension.value
    return tls_names.alternative_names(
        value.get_values_for_type(x509.DNSName),
        [str(address) for address in value.get_values_for_type(x509.IPAddress)],
        value.get_values_for_type(x509.UniformResourceIdentifier),
    )


def is_ca(found: x509.Certificate) -> bool:
    """Tell whether a certificate may sign others."""
    try:
        return found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def to_pem(found: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """Return the PEM text."""
    return found.public_bytes(Encoding.PEM).decode()
