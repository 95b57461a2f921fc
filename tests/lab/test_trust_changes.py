"""Settings of certificates and CAs that change on a cluster, while a client that trusts what was published writes."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.lab.authorities import Authority
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack, started
from tests.lab.outside import Client, Writer, served

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


def test_members_move_to_other_addresses_while_clients_know_the_former_ones(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    stack = make_stack(fresh(3))
    stack.up()
    first = Client(stack, tools)

    def move(what: str, addresses: dict[str, str]) -> None:
        before = stack.pids()
        stack.config["nodes"] = {
            node: {"address": address, "ssh": {"host": stack.hosts[node].address}}
            for node, address in addresses.items()
        }
        assert stack.preview().returncode == 0
        stack.up()
        measure(what, writer)
        assert not [node for node, pid in stack.pids().items() if pid in (0, before[node])]
        order = {node: started(host) for node, host in stack.hosts.items()}
        for earlier, later in pairwise(sorted(order, key=lambda node: order[node])):
            assert order[later][0] > order[earlier][1], "one at a time"
        assert [each["healthy"] for each in stack.output("members")] == [True] * 3
        assert stack.preview("--expect-no-changes").returncode == 0

    with Writer(first) as writer:
        move("to IPv6", {node: host.address6 for node, host in stack.hosts.items()})
        second = Client(stack, tools)
        assert all("[" in endpoint for endpoint in second.endpoints) and second.get("nothing") == ""
        writer.follow(second)
        move("back to IPv4", {node: host.address for node, host in stack.hosts.items()})
        for client in (first, second):
            assert client.get("nothing") == ""
        writer.follow(first)
        # A change that restarts the members anyway ends it.
        stack.config["etcd"] = {"heartbeat-interval": "120"}
        stack.up()
        measure("former addresses dropped", writer)
        assert second.run("get", "nothing", check=False).returncode != 0
        names = served(stack.hosts["etcd-1"].address, 2379).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        addresses = {str(address) for address in names.value.get_values_for_type(x509.IPAddress)}
        assert addresses == {"127.0.0.1", "::1", stack.hosts["etcd-1"].address}
        assert stack.preview("--expect-no-changes").returncode == 0
    writer.served_all(first)
