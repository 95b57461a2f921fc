"""What the tests of the settings share: good settings, keys and certificates."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from etcd_cluster.settings import Settings, SettingsError, load

_LOGIN_KEY = asyncssh.generate_private_key("ssh-ed25519")
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
RSA_HOST_KEY = asyncssh.generate_private_key("ssh-rsa", key_size=2048).export_public_key().decode().strip()


def login_key(**options: Any) -> str:
    """Return a text of the private key; the form and the passphrase are asyncssh's options."""
    return _LOGIN_KEY.export_private_key(**options).decode()


LOGIN_KEY = login_key()


def raw(**settings: Any) -> dict[str, Any]:
    """Return settings that are right, with those given over them; maps are merged one level deep."""
    result: dict[str, Any] = {
        "nodes": {"a": {"address": "192.0.2.1"}, "b": {"address": "192.0.2.2"}, "c": {"address": "192.0.2.3"}},
        "ssh": {"private_key": LOGIN_KEY, "host_key_policy": "accept-new"},
    }
    for name, value in settings.items():
        merge = name == "ssh" and isinstance(value, Mapping)
        result[name] = {**result[name], **value} if merge else value
    return result


def nodes(*addresses: str) -> dict[str, Any]:
    """Return nodes n1, n2, … at addresses."""
    return {f"n{number}": {"address": address} for number, address in enumerate(addresses, 1)}


def loaded(base: Path = Path("/nonexistent"), **settings: Any) -> Settings:
    """Return the settings, which must be right."""
    return load(raw(**settings), base=base)[0]


def warnings(base: Path = Path("/nonexistent"), **settings: Any) -> list[str]:
    """Return the warnings about settings that are right."""
    return load(raw(**settings), base=base)[1]


def problems(base: Path = Path("/nonexistent"), **settings: Any) -> list[str]:
    """Return what is said about settings that are wrong."""
    try:
        load(raw(**settings), base=base)
    except SettingsError as error:
        return str(error).splitlines()
    return []


def authority(*, ca: bool = True, days: int = 3650, begins: int = -1, signs: bool | None = True) -> tuple[str, str]:
    """Return certificate and key of a CA that is valid from `begins` days from now for `days` days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
    start = datetime.now(UTC) + timedelta(days=begins)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if signs is not None:
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=signs,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    return certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
