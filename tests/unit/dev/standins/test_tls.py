"""The tls stand-in makes keys and certificates that openssl accepts, and plans changes as the real plugin does.

The expected answers were taken from the real plugin, asked the same over gRPC.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtensionOID, NameOID

from dev.standins.resource_plugin import values
from dev.standins.tls.resource import parse_time
from tests.unit.dev.standins.standin_process import Made, Plugin, PluginError, plugin, standin

TOKENS = {
    "key": "tls:index/privateKey:PrivateKey",
    "request": "tls:index/certRequest:CertRequest",
    "self": "tls:index/selfSignedCert:SelfSignedCert",
    "leaf": "tls:index/locallySignedCert:LocallySignedCert",
}
USES = ["digital_signature", "key_encipherment", "server_auth", "client_auth"]


class Tls:
    """The plugin, asked by kind of resource."""

    def __init__(self, running: Plugin) -> None:
        self.running = running

    def of(self, kind: str) -> Plugin:
        return replace(self.running, token=TOKENS[kind])

    def key(self, **inputs: Any) -> str:
        made = self.of("key").make({"algorithm": "ECDSA", "ecdsaCurve": "P256"} | inputs)
        return str(made.plain["privateKeyPem"])

    def ca(self, key: str, **inputs: Any) -> Made:
        return self.of("self").make(ca_inputs(key) | inputs)


def ca_inputs(key: str) -> dict[str, Any]:
    return {
        "privateKeyPem": key,
        "isCaCertificate": True,
        "validityPeriodHours": 100,
        "allowedUses": ["cert_signing", "crl_signing"],
        "subject": {"commonName": "ca", "organization": "o"},
    }


@pytest.fixture(scope="module")
def tls() -> Iterator[Tls]:
    with plugin(standin("tls")) as running:
        yield Tls(running)


@pytest.fixture(scope="module")
def leaf_inputs(tls: Tls) -> dict[str, Any]:
    key = tls.key()
    authority = tls.ca(key).plain
    request = tls.of("request").make(
        {
            "privateKeyPem": tls.key(),
            "dnsNames": ["b.example", "a.example"],
            "ipAddresses": ["10.0.0.1", "::1"],
            "uris": ["spiffe://x/y"],
            "subject": {"commonName": "n0", "organizationalUnit": "ü", "emailAddress": "a@b.example"},
        }
    )
    return {
        "certRequestPem": request.plain["certRequestPem"],
        "caCertPem": authority["certPem"],
        "caPrivateKeyPem": key,
        "validityPeriodHours": 10,
        "allowedUses": USES,
    }


def certificate(made: Made) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.plain["certPem"].encode())


@pytest.mark.parametrize(
    ("inputs", "header", "ssh"),
    [
        ({"algorithm": "RSA"}, "RSA PRIVATE KEY", "ssh-rsa"),
        ({"algorithm": "ECDSA", "ecdsaCurve": "P256"}, "EC PRIVATE KEY", "ecdsa-sha2-nistp256"),
        ({"algorithm": "ECDSA", "ecdsaCurve": "P521"}, "EC PRIVATE KEY", "ecdsa-sha2-nistp521"),
        ({"algorithm": "ED25519"}, "PRIVATE KEY", "ssh-ed25519"),
    ],
)
def test_a_key_comes_in_all_its_forms(tls: Tls, inputs: dict[str, Any], header: str, ssh: str) -> None:
    made = tls.of("key").make(inputs)
    plain = made.plain
    assert plain["privateKeyPem"].startswith(f"-----BEGIN {header}-----\n")
    public = serialization.load_pem_public_key(plain["publicKeyPem"].encode())
    for name in ("privateKeyPem", "privateKeyPemPkcs8"):
        assert serialization.load_pem_private_key(plain[name].encode(), None).public_key() == public
    assert serialization.load_ssh_private_key(plain["privateKeyOpenssh"].encode(), None).public_key() == public
    assert plain["publicKeyOpenssh"].startswith(f"{ssh} ") and plain["publicKeyOpenssh"].endswith("\n")
    assert len(plain["publicKeyFingerprintMd5"]) == 47
    assert plain["publicKeyFingerprintSha256"].startswith("SHA256:")
    assert len(made.id) == 40
    assert (plain["rsaBits"], plain["ecdsaCurve"]) == (2048, inputs.get("ecdsaCurve", "P224"))
    secret = {name for name, value in made.state.items() if values.is_secret(value)}
    assert secret == {"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"}


def test_the_default_curve_is_p224_and_has_no_openssh_form(tls: Tls) -> None:
    plain = tls.of("key").make({"algorithm": "ECDSA"}).plain
    assert plain["ecdsaCurve"] == "P224"
    assert plain["privateKeyOpenssh"] == plain["publicKeyOpenssh"] == plain["publicKeyFingerprintMd5"] == ""


def test_openssl_verifies_a_leaf(tls: Tls, leaf_inputs: dict[str, Any], tmp_path: Path) -> None:
    made = tls.of("leaf").make(leaf_inputs)
    (tmp_path / "ca.pem").write_text(leaf_inputs["caCertPem"])
    (tmp_path / "leaf.pem").write_text(made.plain["certPem"])
    for purpose in ("sslserver", "sslclient"):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca.pem", "leaf.pem"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_leaf_says_what_was_asked_for(tls: Tls, leaf_inputs: dict[str, Any]) -> None:
    made = tls.of("leaf").make(leaf_inputs)
    found = certificate(made)
    assert str(found.serial_number) == made.id
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["b.example", "a.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "::1"]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://x/y"]
    basic = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical and not basic.value.ca
    authority = x509.load_pem_x509_certificate(leaf_inputs["caCertPem"].encode())
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == own
    with pytest.raises(x509.ExtensionNotFound):
        found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    assert found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "n0"
    # Go drops the mail address of a request.
    assert found.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS) == []


def test_validity_starts_now_and_is_told_in_rfc_3339(tls: Tls, leaf_inputs: dict[str, Any]) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    made = tls.of("leaf").make(leaf_inputs)
    found = certificate(made)
    assert before <= found.not_valid_before_utc <= datetime.now(UTC)
    assert found.not_valid_after_utc - found.not_valid_before_utc == timedelta(hours=10)
    assert abs(parse_time(made.plain["validityStartTime"]) - found.not_valid_before_utc) < timedelta(seconds=1)
    assert abs(parse_time(made.plain["validityEndTime"]) - found.not_valid_after_utc) < timedelta(seconds=1)


@pytest.mark.parametrize(("given", "limit"), [(None, None), (-1, None), (0, None), (1, 1)])
def test_a_path_length_of_zero_sets_no_limit(tls: Tls, given: int | None, limit: int | None) -> None:
    inputs = {} if given is None else {"maxPathLength": given}
    found = certificate(tls.ca(tls.key(), **inputs))
    assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == limit


def test_a_renewed_ca_with_the_same_key_verifies_old_leaves(tls: Tls, leaf_inputs: dict[str, Any]) -> None:
    leaf = certificate(tls.of("leaf").make(leaf_inputs))
    renewed = certificate(tls.ca(leaf_inputs["caPrivateKeyPem"]))
    leaf.verify_directly_issued_by(renewed)


def test_a_written_only_key_signs_and_stays_out_of_the_state(tls: Tls) -> None:
    inputs = ca_inputs(tls.key())
    inputs |= {"privateKeyPemWo": inputs.pop("privateKeyPem"), "privateKeyPemWoVersion": 1}
    made = tls.of("self").make(inputs)
    assert "privateKeyPemWo" not in made.state
    assert not diff(tls.of("self"), made, inputs, {}).changed
    assert diff(tls.of("self"), made, inputs, {"privateKeyPemWoVersion": 2}).replaces == ["privateKeyPemWoVersion"]


def diff(running: Plugin, made: Made, inputs: dict[str, Any], change: dict[str, Any]) -> Any:
    return running.diff(made.state, running.check(inputs)[0], running.check(inputs | change)[0])


@pytest.mark.parametrize(
    ("change", "replaces"),
    [
        ({}, None),
        ({"isCaCertificate": False}, None),
        ({"earlyRenewalHours": 5}, []),
        ({"allowedUses": USES[::-1]}, ["allowedUses"]),
        ({"validityPeriodHours": 20}, ["validityPeriodHours"]),
        ({"setSubjectKeyId": True}, ["setSubjectKeyId"]),
        ({"certRequestPem": values.UNKNOWN}, ["certRequestPem"]),
        ({"caCertPem": values.UNKNOWN}, ["caCertPem"]),
        ({"earlyRenewalHours": 10}, ["readyForRenewal"]),
    ],
)
def test_changes_of_a_leaf_replace_it_but_for_early_renewal(
    tls: Tls, leaf_inputs: dict[str, Any], change: dict[str, Any], replaces: list[str] | None
) -> None:
    running = tls.of("leaf")
    found = diff(running, running.make(leaf_inputs), leaf_inputs, change)
    assert (found.changed, found.replaces) == ((False, []) if replaces is None else (True, replaces))


@pytest.mark.parametrize("hours", [-1, 0, 3])
def test_a_certificate_is_replaced_once_its_renewal_is_due(tls: Tls, leaf_inputs: dict[str, Any], hours: int) -> None:
    running = tls.of("leaf")
    inputs = leaf_inputs | {"earlyRenewalHours": 2}
    made = running.make(inputs)
    end = datetime.now(UTC) + timedelta(hours=hours)
    made.state["validityEndTime"] = end.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    found = diff(running, made, inputs, {})
    assert found.replaces == (["readyForRenewal"] if hours < 2 else [])
    assert running.read(made.state, inputs)["readyForRenewal"] is (hours < 2)


def test_reordered_names_replace_a_request(tls: Tls) -> None:
    running = tls.of("request")
    inputs = {"privateKeyPem": values.secret(tls.key()), "dnsNames": ["a", "b"]}
    found = diff(running, running.make(inputs), inputs, {"dnsNames": ["b", "a"]})
    assert found.replaces == ["dnsNames"]


def test_a_preview_foretells_what_is_known(tls: Tls, leaf_inputs: dict[str, Any]) -> None:
    running = tls.of("leaf")
    inputs, _failures = running.check(leaf_inputs | {"certRequestPem": values.UNKNOWN})
    made = running.create(inputs, preview=True)
    unknown = {name for name, value in made.plain.items() if value == values.UNKNOWN}
    assert unknown == {
        "certPem",
        "certRequestPem",
        "validityStartTime",
        "validityEndTime",
        "caKeyAlgorithm",
        "maxPathLength",
        "id",
    }
    assert made.plain["readyForRenewal"] is False


def test_a_change_of_early_renewal_keeps_the_certificate(tls: Tls, leaf_inputs: dict[str, Any]) -> None:
    running = tls.of("leaf")
    made = running.make(leaf_inputs)
    state = running.update(made.state, running.check(leaf_inputs | {"earlyRenewalHours": 3})[0])
    assert state == made.state | {"earlyRenewalHours": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject": {}}, "at least one Distinguished Name"),
        ({"isCaCertificate": False, "maxPathLength": 1}, "only CAs are allowed to specify MaxPathLen"),
        ({"privateKeyPem": "no key"}, "Failed to parse private key PEM"),
        ({"ipAddresses": ["10.0.0.300"]}, 'Invalid IP address: Failed to parse "10.0.0.300"'),
        ({"isCaCertificate": False, "setAuthorityKeyId": True}, "Could not determine Authority Key Identifier"),
    ],
)
def test_what_the_real_plugin_refuses_is_refused(tls: Tls, change: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        tls.ca(tls.key(), **change)


def test_a_ca_certificate_of_another_key_is_refused(tls: Tls, leaf_inputs: dict[str, Any]) -> None:
    other = tls.key()
    with pytest.raises(PluginError, match="provided PrivateKey doesn't match parent's PublicKey"):
        tls.of("leaf").make(leaf_inputs | {"caPrivateKeyPem": other})


def test_an_issuer_that_is_no_ca_is_warned_about(tls: Tls, leaf_inputs: dict[str, Any]) -> None:
    key = tls.key()
    issuer = tls.ca(key, isCaCertificate=False).plain["certPem"]
    tls.of("leaf").make(leaf_inputs | {"caCertPem": issuer, "caPrivateKeyPem": key})
    assert any("Potentially Invalid Certificate Authority" in line for _level, line in tls.running.log.lines)


@pytest.mark.parametrize(
    ("kind", "inputs", "path"),
    [
        ("key", {"algorithm": "DSA"}, "algorithm"),
        ("key", {}, "algorithm"),
        ("key", {"algorithm": "RSA", "bits": 2048}, "bits"),
        ("key", {"algorithm": "RSA", "rsaBits": "2048"}, "rsaBits"),
        ("request", {"dnsNames": ["a"]}, "privateKeyPem"),
        ("request", {"privateKeyPem": "k", "dnsNames": "a"}, "dnsNames"),
        ("self", {"privateKeyPem": "k", "allowedUses": ["server"], "validityPeriodHours": 1}, "allowedUses[0]"),
        ("self", {"privateKeyPem": "k", "allowedUses": [], "validityPeriodHours": -1}, "validityPeriodHours"),
    ],
)
def test_wrong_inputs_are_named(tls: Tls, kind: str, inputs: dict[str, Any], path: str) -> None:
    assert list(tls.of(kind).check(inputs)[1]) == [path]


def test_a_type_the_stand_in_does_not_know_is_an_error(tls: Tls) -> None:
    other = replace(tls.running, token="tls:index/other:Other")
    with pytest.raises(PluginError, match="stand-in for the tls plugin does not know the resource type"):
        other.check({})
