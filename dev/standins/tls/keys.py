"""Private keys in the forms of the tls plugin 5.6.2 (terraform-provider-tls, common_key.go)."""

import base64
import hashlib
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from dev.standins.resource_plugin.plugin import OperationError

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

CURVES: dict[str, type[ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
ALGORITHMS = ("RSA", "ECDSA", "ED25519")


def generate(algorithm: str, rsa_bits: int, curve: str) -> Key:
    """Return a new key. Blocks for up to a second for a large RSA key."""
    if algorithm == "RSA":
        if rsa_bits < 1024:
            raise OperationError(
                f"Unable to generate Key from configuration: crypto/rsa: {rsa_bits}-bit keys are insecure"
            )
        return rsa.generate_private_key(65537, rsa_bits)
    if algorithm == "ECDSA":
        return ec.generate_private_key(CURVES[curve]())
    return ed25519.Ed25519PrivateKey.generate()


def outputs(key: Key) -> dict[str, Any]:
    """Return the PrivateKey resource's outputs for a key, `id` among them."""
    traditional = (
        PrivateFormat.PKCS8 if isinstance(key, ed25519.Ed25519PrivateKey) else PrivateFormat.TraditionalOpenSSL
    )
    public = key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "id": hash_id(der),
        "privateKeyPem": _private(key, traditional),
        "privateKeyPemPkcs8": _private(key, PrivateFormat.PKCS8),
        "publicKeyPem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        **_openssh(key, public),
    }


def hash_id(der: bytes) -> str:
    """Return the id of what `der` encodes; the plugin trims white space off the bytes before hashing them."""
    return hashlib.sha1(der.strip(b"\t\n\v\f\r ")).hexdigest()


def _private(key: Key, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def _openssh(key: Key, public: PublicKey) -> dict[str, str]:
    """Return the OpenSSH forms, empty for curve P224, which OpenSSH does not know."""
    names = ("privateKeyOpenssh", "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256")
    try:
        line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    except (ValueError, UnsupportedAlgorithm):
        return dict.fromkeys(names, "")
    blob = base64.b64decode(line.split()[1])
    sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    forms = (_private(key, PrivateFormat.OpenSSH), f"{line}\n", hashlib.md5(blob).digest().hex(":"), f"SHA256:{sha256}")
    return dict(zip(names, forms, strict=True))


def parse(pem: str, what: str) -> tuple[Key, str]:
    """Return the key in `pem` (PKCS#1, SEC1 or PKCS#8, not encrypted) and its algorithm's name."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise OperationError(f"Failed to parse {what} PEM: {error}") from error
    if isinstance(key, rsa.RSAPrivateKey):
        return key, "RSA"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key, "ECDSA"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key, "ED25519"
    raise OperationError(f"Failed to parse {what} PEM: unsupported private key type {type(key).__name__}")


def subject_key_id(public: PublicKey) -> bytes:
    """Return the SHA-1 subject key identifier as the plugin computes it (common_cert.go, generateSubjectKeyID)."""
    if isinstance(public, rsa.RSAPublicKey):
        content = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        content = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    else:
        # The plugin wraps an Ed25519 key in an octet string of its own first.
        content = b"\x04\x20" + public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha1(content).digest()
