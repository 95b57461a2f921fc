"""Certificate authorities that the user provides."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from etcd_cluster.certificates import pem
from etcd_cluster.settings.model import Settings
from etcd_cluster.settings.model.certificates import Authority
from etcd_cluster.settings.problems import SECRET, Path, display_value, invalid, missing, problem
from etcd_cluster.settings.reading import Reader


def complete(settings: Settings, reader: Reader) -> Settings:
    """Return the settings with the texts of provided CAs filled in and checked."""
    ca = settings.ca
    if ca.shared and ca.peer is not None:
        reader.report(
            problem(
                ("ca", "peer"),
                "must not be set while ca.shared is true",
                "One CA, ca.client, then signs for all.",
                "Remove ca.peer, or set ca.shared to false.",
            )
        )
    client = _complete(ca.client, ("ca", "client"), reader)
    peer = _complete(ca.peer, ("ca", "peer"), reader)
    if not ca.shared and _same(client, peer):
        reader.report(
            problem(
                ("ca", "peer"),
                "has the certificate of ca.client; expected a CA of its own",
                "With one CA for both, a client's certificate would pass as a peer's unless names are checked.",
                "Remove ca.peer and set ca.shared to true, which checks them.",
            )
        )
    return settings.model_copy(update={"ca": ca.model_copy(update={"client": client, "peer": peer})})


def warnings(settings: Settings) -> list[str]:
    """Return what to say about provided CAs that end soon."""
    result = []
    longest = max(
        [
            settings.certificates.validity_days,
            *(client.validity_days or 0 for client in settings.clients.values()),
        ]
    )
    for name, authority in (("client", settings.ca.client), ("peer", settings.ca.peer)):
        if authority is None or authority.certificate is None:
            continue
        end = x509.load_pem_x509_certificate(authority.certificate.encode()).not_valid_after_utc
        left = end - datetime.now(UTC)
        if left < timedelta(days=longest):
            result.append(
                f"ca.{name}: the CA ends on {end:%Y-%m-%d}, before certificates of {longest} days made today would;"
                " they stop working with it. Prepare its successor, or shorten certificates.validity_days."
            )
        elif left < timedelta(days=365):
            result.append(f"ca.{name}: the CA ends on {end:%Y-%m-%d}, in less than a year. Prepare its successor.")
    return result


def _same(client: Authority | None, peer: Authority | None) -> bool:
    texts = [(each.certificate if each else None) or "" for each in (client, peer)]
    first, second = (pem.identities(text) for text in texts)
    return bool(first) and first == second


def _complete(authority: Authority | None, key: Path, reader: Reader) -> Authority | None:
    if authority is None:
        return None
    before = len(reader.problems)
    certificate = reader.one_of(
        key, authority.certificate, authority.certificate_file, "certificate", "the CA's certificate as PEM"
    )
    private_key = reader.one_of(
        key, authority.private_key, authority.private_key_file, "private_key", "the CA's private key as PEM"
    )
    # One spelling, so that the same certificate in another one is no change.
    certificate = certificate and (pem.bundle([certificate]) or certificate)
    private_key = private_key and pem.private_key(private_key)
    if len(reader.problems) == before:
        if (certificate is None) != (private_key is None):
            lacking = "certificate" if certificate is None else "private_key"
            reader.report(
                missing(
                    (*key, lacking),
                    f"{lacking} or {lacking}_file",
                    "A CA signs with its certificate and its key.",
                    "Set it, or remove the other one to get a generated CA.",
                    involves=(key,),
                )
            )
        elif certificate is not None and private_key is not None:
            _check(authority, key, certificate, private_key, reader)
    trusted = reader.one_of(
        key,
        authority.trust_certificates,
        authority.trust_certificates_file,
        "trust_certificates",
        "certificates of CAs as PEM",
    )
    if trusted is not None:
        trusted = pem.bundle([trusted]) or trusted
        _check_trusted(authority, key, trusted, reader)
    return authority.model_copy(
        update={"certificate": certificate, "private_key": private_key, "trust_certificates": trusted}
    )


def _check_trusted(authority: Authority, key: Path, trusted: str, reader: Reader) -> None:
    from_file = authority.trust_certificates_file
    named = (*key, "trust_certificates" if from_file is None else "trust_certificates_file")
    got = "text" if from_file is None else display_value(named, str(from_file))
    try:
        parsed = x509.load_pem_x509_certificates(trusted.encode())
        extensions = [certificate.extensions for certificate in parsed]
    except (ValueError, UnsupportedAlgorithm):
        reader.report(
            invalid(
                named, got, "PEM certificates of CAs", "They cannot be read as certificates.", "Give the PEM texts."
            )
        )
        return
    for certificate, extension in zip(parsed, extensions, strict=True):
        _check_certificate(certificate, extension, named, got, reader)


def _check(authority: Authority, key: Path, certificate: str, private_key: str, reader: Reader) -> None:
    named = (*key, "certificate" if authority.certificate_file is None else "certificate_file")
    got = "text" if authority.certificate_file is None else display_value(named, str(authority.certificate_file))
    allowed = "one PEM certificate of a CA"
    try:
        parsed = x509.load_pem_x509_certificates(certificate.encode())
        public = parsed[0].public_key()
        extensions = parsed[0].extensions
    except (ValueError, UnsupportedAlgorithm):
        reader.report(
            invalid(named, got, allowed, "It cannot be read as a certificate.", "Give the PEM text of the CA.")
        )
        return
    if len(parsed) > 1:
        reader.report(
            problem(
                named,
                f"{len(parsed)} certificates; expected {allowed}",
                "It is not clear which of them signs.",
                "Leave only the CA.",
            )
        )
        return
    _check_certificate(parsed[0], extensions, named, got, reader)
    key_named = (*key, "private_key" if authority.private_key_file is None else "private_key_file")
    key_got = (
        SECRET if authority.private_key_file is None else display_value(key_named, str(authority.private_key_file))
    )
    key_allowed = "the unencrypted PEM private key of the CA"
    try:
        loaded = load_pem_private_key(private_key.encode(), None)
    except TypeError:
        reader.report(
            invalid(
                key_named,
                key_got,
                key_allowed,
                "The key is encrypted.",
                "Decrypt it with openssl pkey, and store it with pulumi config set --secret.",
            )
        )
        return
    except (ValueError, UnsupportedAlgorithm):
        reader.report(invalid(key_named, key_got, key_allowed, "It cannot be read as a private key."))
        return
    usable = (
        (isinstance(loaded, rsa.RSAPrivateKey) and loaded.key_size >= 2048)
        or (
            isinstance(loaded, ec.EllipticCurvePrivateKey)
            and loaded.curve.name in ("secp256r1", "secp384r1", "secp521r1")
        )
        or isinstance(loaded, ed25519.Ed25519PrivateKey)
    )
    if not usable:
        reader.report(
            invalid(
                key_named,
                key_got,
                "a key that is RSA of 2048 bits or more, ECDSA on P256, P384 or P521, or Ed25519",
                "etcd's TLS accepts no other.",
            )
        )
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if loaded.public_key().public_bytes(*form) != public.public_bytes(*form):
        reader.report(
            invalid(
                key_named,
                key_got,
                key_allowed,
                "It belongs to another certificate: the public keys differ.",
                "Give the certificate and the key of one CA.",
            )
        )


def _check_certificate(
    certificate: x509.Certificate, extensions: x509.Extensions, named: Path, got: str, reader: Reader
) -> None:
    allowed = "the certificate of a CA"
    try:
        is_ca = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    try:
        signs = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        signs = True  # without the extension, every use is allowed: RFC 5280, 4.2.1.3
    if not is_ca or not signs:
        why = "Its key usage does not allow signing certificates." if is_ca else "Its basic constraints do not say CA."
        reader.report(invalid(named, got, allowed, why, "Give the CA itself, not a certificate that it signed."))
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        reader.report(
            invalid(
                named,
                got,
                f"{allowed} that is valid now",
                f"It expired on {certificate.not_valid_after_utc:%Y-%m-%d}.",
                "Give its successor.",
            )
        )
    elif certificate.not_valid_before_utc > now:
        reader.report(
            invalid(
                named,
                got,
                f"{allowed} that is valid now",
                f"It is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on.",
                "Wait until then, or compare this machine's clock.",
            )
        )
