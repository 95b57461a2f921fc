"""Subjects and subject alternative names as Go's crypto/x509 encodes them."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier

from dev.standins.resource_plugin.plugin import OperationError

# The order in a distinguished name of Go 1.26 (pkix.Name.ToRDNSequence).
_SUBJECT = {
    "country": NameOID.COUNTRY_NAME,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "streetAddresses": NameOID.STREET_ADDRESS,
    "postalCode": NameOID.POSTAL_CODE,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "commonName": NameOID.COMMON_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
}
_PRINTABLE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 '()+,-./:=?")


def subject(given: Mapping[str, Any] | None) -> x509.Name:
    """Return the distinguished name for a resource's `subject`."""
    given = given or {}
    parts = []
    for field, oid in _SUBJECT.items():
        value = given.get(field)
        texts = value if isinstance(value, list) else [value]
        parts += _part(oid, [text for text in texts if text])
    if email := given.get("emailAddress"):
        parts.append(x509.RelativeDistinguishedName([_attribute(NameOID.EMAIL_ADDRESS, email, _ASN1Type.IA5String)]))
    return x509.Name(parts)


def carried_over(name: x509.Name) -> x509.Name:
    """Return what is left of a request's subject in the certificate: Go forgets the mail address."""
    parts = []
    for oid in _SUBJECT.values():
        texts = [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]
        single = oid in (NameOID.COMMON_NAME, NameOID.SERIAL_NUMBER)
        parts += _part(oid, texts[-1:] if single else texts)
    return x509.Name(parts)


def _part(oid: ObjectIdentifier, texts: list[str]) -> list[x509.RelativeDistinguishedName]:
    """Return one set of all values of an attribute, or nothing."""
    if not texts:
        return []
    return [x509.RelativeDistinguishedName([_attribute(oid, text, _string_type(text)) for text in texts])]


def _attribute(oid: ObjectIdentifier, text: str, kind: _ASN1Type) -> x509.NameAttribute[str]:
    try:
        return x509.NameAttribute(oid, text, kind, _validate=False)
    except ValueError as error:
        raise OperationError(f"Failed to create certificate: subject {oid._name} {text!r}: {error}") from error


def _string_type(text: str) -> _ASN1Type:
    return _ASN1Type.PrintableString if set(text) <= _PRINTABLE else _ASN1Type.UTF8String


def alternative_names(dns: Iterable[str], addresses: Iterable[str], uris: Iterable[str]) -> list[x509.GeneralName]:
    """Return subject alternative names in Go's order: DNS names, addresses, URIs."""
    found: list[x509.GeneralName] = []
    for name in dns:
        if not name.isascii():
            raise OperationError(f'Failed to create certificate: x509: "{name}" cannot be encoded as an IA5String')
        found.append(x509.DNSName(name))
    for address in addresses:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            raise OperationError(f'Invalid IP address: Failed to parse "{address}"') from None
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        found.append(x509.IPAddress(parsed))
    for uri in uris:
        try:
            found.append(x509.UniformResourceIdentifier(uri))
        except ValueError as error:
            raise OperationError(f'Invalid URI: Failed to parse "{uri}": {error}') from error
    return found
