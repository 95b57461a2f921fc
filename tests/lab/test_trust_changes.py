"""Settings of certificates and CAs that change on a cluster, while a client that trusts what was published writes."""

import json
from pathlib import Path
from typing import Any

import pytest
from authorities import Authority
from conftest import MakeHosts, MakeStack, Measure
from harness import Stack
from outside import Client, Writer, served

pytestmark = [pytest.mark.lab, pytest.mark.long]

CA_TYPES = ("tls:index/selfSignedCert:SelfSignedCert", "tls:index/privateKey:PrivateKey")


def _authorities(stack: Stack) -> dict[str, str]:
    """Return what the state has of each CA, by URN; the serial number tells a certificate, the id a key."""
    resources = json.loads(stack.export())["deployment"]["resources"]
    return {
        each["urn"]: each["id"]
        for each in resources
        if each["type"] in CA_TYPES and "CertificateAuthority" in each["urn"]
    }


def _starts(stack: Stack) -> dict[str, int]:
    pids = stack.pids()
    assert 0 not in pids.values()
    return pids


def test_what_cas_are_made_from_changes_without_an_effect_on_them(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    stack = make_stack(fresh(3))
    stack.up()
    made, pids = _authorities(stack), _starts(stack)
    assert len(made) == 4
    first = Client(stack, tools)
    changes: list[dict[str, Any]] = [
        {"subject": {"organization": "Example"}},
        {"subject": {"organization": "Example", "common_name": "example"}},
        {"algorithm": "RSA"},
        {"algorithm": "ECDSA", "ecdsa_curve": "P384"},
        {"ca_validity_days": 400},
        {},
    ]
    with Writer(first) as writer:
        for certificates in changes:
            stack.config["certificates"] = certificates
            for said in (stack.preview(), stack.up()):
                assert said.returncode == 0
                assert "stay as they were made" in said.stdout, said.stdout
            measure(f"certificates: {certificates}", writer)
            assert _authorities(stack) == made and _starts(stack) == pids
            assert stack.preview("--expect-no-changes").returncode == 0
        stack.config["ca"] = {"shared": True}
        said = stack.refused()
        assert "ca.shared: generation 1 of ca.client is to issue, but was not trusted" in said
        assert _authorities(stack) == made and _starts(stack) == pids
        # The way that the message names: peers trust both CAs until all have changed over.
        bundle = stack.folder / "peer-ca.pem"
        bundle.write_text(stack.hosts["etcd-1"].run("cat /etc/etcd/current/peer-ca.pem").stdout)
        stack.config["ca"] = {"shared": True, "client": {"trust_certificates_file": str(bundle)}}
        stack.up()
        measure("one CA for both", writer)
        stack.config["ca"] = {"shared": True}
        stack.up()
        measure("the former CA of peers dropped", writer)
        assert stack.preview("--expect-no-changes").returncode == 0
        stack.config["certificates"] = {"subject": {"common_name": "example"}}
        assert "certificates.subject.common_name: with one CA for clients and peers" in stack.refused()
    writer.served_all(first)


def test_a_provided_ca_in_another_spelling_is_the_same(fresh: MakeHosts, make_stack: MakeStack, tmp_path: Path) -> None:
    authorities = {purpose: Authority(f"ours for {purpose}s") for purpose in ("client", "peer")}

    def write(newline: str) -> dict[str, Any]:
        result = {}
        for purpose, authority in authorities.items():
            certificate, key = tmp_path / f"{purpose}.pem", tmp_path / f"{purpose}-key.pem"
            certificate.write_bytes(authority.pair.certificate.replace("\n", newline).encode())
            key.touch(mode=0o600)
            key.write_bytes(authority.pair.private_key.replace("\n", newline).encode())
            result[purpose] = {"certificate_file": str(certificate), "private_key_file": str(key)}
        return result

    stack = make_stack(fresh(1), ca=write("\n"))
    stack.up()
    pids = stack.pids()
    ends = stack.output("certificates")
    assert ends["ca-client"]["not_after"] and ends["ca-peer"]["not_after"]
    write("\r\n")
    assert stack.preview("--expect-no-changes").returncode == 0
    stack.up()
    assert stack.pids() == pids
    # The same key under another name is another CA: members and clients would refuse what it signs.
    renamed = {
        purpose: Authority(f"renamed for {purpose}s", authority.key) for purpose, authority in authorities.items()
    }
    before = served(stack.hosts["etcd-1"].address, 2379)
    authorities.update(renamed)
    write("\n")
    said = stack.refused()
    assert "ca.client: CA " in said and "is to issue, but was not trusted by the last `up`" in said
    assert served(stack.hosts["etcd-1"].address, 2379) == before and stack.pids() == pids
