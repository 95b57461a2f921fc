"""Whose hosts these are when the state knows no cluster: only who holds the CAs of the running members adopts them."""

import asyncio
import datetime
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from etcd_cluster.certificates import pem
from etcd_cluster.errors import ClusterError
from etcd_cluster.observation.facts import HostFacts, Stamp
from provider.resources.preflight import Preflight
from tests.unit.provider.test_resources import BARE, CONNECTION, MEMBER, PREFLIGHT, Hosts, check, hosts, unreachable

__all__ = ["hosts"]

OWN = Stamp("former-owner", "h1", "a", "org/project/dev")


@cache
def authority(name: str) -> tuple[ec.EllipticCurvePrivateKey, str]:
    """Return the key and the certificate of a CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key, certificate(name, key, name, key)


def certificate(name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey) -> str:
    """Return a certificate as PEM."""
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=start,
        not_valid_after=start + datetime.timedelta(days=3650),
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def running(client: str = "client", peer: str = "peer", stamp: Stamp | None = OWN) -> HostFacts:
    """Return a host whose member runs with leaf certificates of these CAs."""
    leaves = {}
    for purpose, name in (("server", client), ("peer", peer)):
        key, _ = authority(name)
        leaves[purpose] = certificate("a", ec.generate_private_key(ec.SECP256R1()), name, key)
    loaded = pem.trust(authority(client)[1], authority(peer)[1], leaves["server"], leaves["peer"])
    return replace(BARE, stamp=stamp, loaded_trust=loaded)


def settings(client: str = "client", peer: str = "peer") -> dict[str, Any]:
    """Return Preflight's inputs with these CAs in the settings."""
    texts = {"client": authority(client)[1], "peer": authority(peer)[1]}
    authorities = {
        purpose: {"issuer": "brought", "trusts": ["brought"], "texts": [texts[purpose]]} for purpose in texts
    }
    return {**PREFLIGHT, "authorities": authorities}


def test_who_holds_both_authorities_adopts_the_hosts(hosts: Hosts) -> None:
    hosts.seen = {"a": running()}
    inputs, failures = check(hosts, {}, settings())
    assert failures == [] and inputs["owner"] == "former-owner"
    assert any("it is adopted" in message for message in hosts.told)


@pytest.mark.parametrize(
    ("seen", "given"),
    [
        pytest.param(running(), settings(client="other"), id="another client CA"),
        pytest.param(running(), settings(peer="other"), id="another peer CA"),
        pytest.param(running(stamp=replace(OWN, stack="org/project/prod")), settings(), id="another stack"),
        pytest.param(running(stamp=replace(OWN, node="b")), settings(), id="another node"),
        pytest.param(replace(BARE, stamp=OWN), settings(), id="no member runs"),
    ],
)
def test_nobody_else_adopts_them(hosts: Hosts, seen: HostFacts, given: dict[str, Any]) -> None:
    hosts.seen = {"a": seen}
    inputs, failures = check(hosts, {}, given)
    assert inputs["owner"] != "former-owner"
    assert len(failures) == 1 and "it serves node " in failures[0]


def two(second: HostFacts) -> tuple[dict[str, Any], dict[str, HostFacts]]:
    """Return inputs and looks of two nodes."""
    other = replace(MEMBER, name="b", address="192.0.2.2")
    given = {
        **settings(),
        "connections": {"a": CONNECTION, "b": {**CONNECTION, "host": "192.0.2.2"}},
        "members": {"a": MEMBER.inputs(), "b": other.inputs()},
        "architectures": {"a": None, "b": None},
    }
    return given, {"a": running(), "b": second}


def test_stamps_of_two_clusters_are_not_adopted(hosts: Hosts) -> None:
    given, looks = two(running(stamp=Stamp("another-owner", "h2", "b", "org/project/dev")))
    hosts.seen = dict(looks)
    _, failures = check(hosts, {}, given)
    assert all("it serves node " in failure for failure in failures) and len(failures) == 2


def test_a_host_that_is_down_does_not_keep_the_others_from_being_adopted(hosts: Hosts) -> None:
    given, looks = two(BARE)
    hosts.seen = {"a": looks["a"], "b": unreachable("b")}
    assert check(hosts, {}, given)[0]["owner"] == "former-owner"


def test_a_state_that_knows_its_cluster_adopts_nothing(hosts: Hosts) -> None:
    hosts.seen = {"a": running()}
    inputs, failures = check(hosts, {"owner": "mine"}, settings())
    assert inputs["owner"] == "mine" and "it serves node " in failures[0]


def test_a_restored_cluster_counts_in_place_of_the_one_in_the_state(hosts: Hosts) -> None:
    hosts.seen = {"a": BARE}
    old = {"owner": "o", "cluster_id": "beef"}
    assert check(hosts, old, PREFLIGHT)[0]["cluster_id"] == "beef"
    assert check(hosts, old, {**PREFLIGHT, "restored_cluster_id": "cafe"})[0]["cluster_id"] == "cafe"


def test_what_the_check_told_is_not_told_again_by_the_update(hosts: Hosts) -> None:
    given, looks = two(BARE)
    hosts.seen = {"a": replace(looks["a"], bootstrapped="cluster=1\nmember=2\n"), "b": unreachable("b")}
    preflight = Preflight(hosts)
    inputs, _ = asyncio.run(preflight.check("urn", {}, given))
    told = list(hosts.told)
    assert any("it is adopted" in message for message in told)
    with pytest.raises(ClusterError):
        asyncio.run(preflight.update("urn", inputs, inputs))
    assert hosts.told == told
