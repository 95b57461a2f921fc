"""Certificate authorities of a user's own, made on the spot."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: str
    private_key: str


def _pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _builder(subject: str, issuer: str, key: Key) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
    )


class Authority:
    """A CA with one key."""

    def __init__(self, name: str, key: Key | None = None) -> None:
        self.name = name
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        certificate = (
            _builder(name, name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pair = Pair(certificate.public_bytes(Encoding.PEM).decode(), _pem(self._key))

    @property
    def key(self) -> Key:
        """Its private key."""
        return self._key

    def renewed(self) -> "Authority":
        """Return the same CA with another certificate for its key."""
        return Authority(self.name, self._key)

    def write_key(self, path: Path) -> Path:
        """Write the key to a file that only its owner reads, and return that file."""
        path.touch(mode=0o600)
        path.write_text(self.pair.private_key)
        return path

    def leaf(self, name: str) -> Pair:
        """Return a client certificate that this CA signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(name, self.name, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return Pair(certificate.public_bytes(Encoding.PEM).decode(), _pem(key))
