"""Certificates that are about to end, or have ended.

The shortest validity that the settings take is a day, and no clock of the lab reaches etcdctl, which is static. So
each certificate of a running stack is made once more by the CA in its state, with the same key and names and another
end, and takes its place in the state and on the hosts.
"""

import datetime
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.lab.harness import Stack

_LEAF = "tls:index/locallySignedCert:LocallySignedCert"
_SIGNER = "tls:index/selfSignedCert:SelfSignedCert"
_DIRECTORY = "/etc/etcd/certificates/current"


def _aged(pem: str, signers: dict[str, tuple[x509.Certificate, Any]], end: datetime.datetime) -> str:
    leaf = x509.load_pem_x509_certificate(pem.encode())
    _, key = signers[leaf.issuer.rfc4514_string()]
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder(leaf.issuer, leaf.subject, leaf.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - datetime.timedelta(days=365))
        .not_valid_after(end)
    )
    for extension in leaf.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _signers(stack: Stack) -> dict[str, tuple[x509.Certificate, Any]]:
    """Return the generated CAs of the state, by subject."""
    done = stack.run("stack", "export", "--show-secrets", config_file=False)
    found = {}
    for resource in json.loads(done.stdout)["deployment"]["resources"]:
        if resource["type"] == _SIGNER:
            certificate = x509.load_pem_x509_certificate(resource["outputs"]["certPem"].encode())
            text = resource["inputs"]["privateKeyPem"]
            text = json.loads(text["plaintext"]) if isinstance(text, dict) else text
            found[certificate.subject.rfc4514_string()] = certificate, load_pem_private_key(text.encode(), None)
    return found


def let_all_end(stack: Stack, within: datetime.timedelta) -> None:
    """Make a stack's leaf certificates end `within` that time, which may be negative, in the state and on the hosts."""
    end = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + within
    signers, state = _signers(stack), json.loads(stack.export())
    aged: dict[str, str] = {}
    for resource in state["deployment"]["resources"]:
        if resource["type"] == _LEAF:
            outputs = resource["outputs"]
            before = outputs["certPem"]
            aged[before] = outputs["certPem"] = _aged(before, signers, end)
            outputs["validityEndTime"] = end.isoformat().replace("+00:00", "Z")
    file = stack.folder / "aged.json"
    file.write_text(json.dumps(state))
    done = stack.run("stack", "import", "--file", str(file), config_file=False)
    assert done.returncode == 0, done.stdout
    for host in stack.hosts.values():
        for name in ("server", "peer", "etcdctl"):
            path = f"{_DIRECTORY}/{name}.pem"
            host.run('cat >"$1"', stdin=aged[host.run('cat "$1"', args=[path]).stdout], args=[path])
        host.run(f"cd {_DIRECTORY}; sha256sum *.pem >SHA256SUMS")
