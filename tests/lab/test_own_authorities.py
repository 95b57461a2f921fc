"""Authorities that the user brings."""

import ssl
from pathlib import Path

import pytest

from tests.lab.authorities import Authority
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.outside import Client
from tests.lab.test_cluster_of_three import _handshake

pytestmark = pytest.mark.lab


def _files(authority: Authority, folder: Path, name: str) -> dict[str, str]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    certificate.write_text(authority.pair.certificate)
    key.touch(mode=0o600)
    key.write_text(authority.pair.private_key)
    return {"certificate_file": str(certificate), "private_key_file": str(key)}


def test_a_brought_ca_for_clients_and_one_for_peers(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, tmp_path: Path
) -> None:
    hosts = fresh(2)
    clients, peers = Authority("ours for clients"), Authority("ours for peers")
    stack = make_stack(hosts)
    stack.config["ca"] = {"client": _files(clients, tmp_path, "client"), "peer": _files(peers, tmp_path, "peer")}
    stack.up()
    assert stack.output("ca_certificate").strip() == clients.pair.certificate.strip()
    client = Client(stack, tools)
    client.put("signed", "by ours")
    assert client.get("signed") == "by ours"
    context = client.tls()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    assert "refused" in _handshake(hosts[0].address, 2380, context)
    assert stack.preview("--expect-no-changes").returncode == 0
    body = clients.pair.private_key.splitlines()[1]
    texts = [stack.export(), *(run.output for run in stack.runs if "--show-secrets" not in run.words)]
    assert not [text for text in texts if body in text]


def test_one_ca_for_both_still_keeps_clients_off_the_peer_port(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, tmp_path: Path
) -> None:
    hosts = fresh(2)
    stack = make_stack(hosts)
    stack.config["ca"] = {"shared": True, "client": _files(Authority("one for all"), tmp_path, "ca")}
    stack.up()
    client = Client(stack, tools)
    client.put("shared", "yes")
    assert client.get("shared") == "yes"
    context = client.tls()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for host in hosts:
        assert "refused" in _handshake(host.address, 2380, context)
    assert stack.preview("--expect-no-changes").returncode == 0
