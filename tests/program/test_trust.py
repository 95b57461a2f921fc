"""What the program registers of CAs and certificates: what changes reach a CA that exists, and what comes first."""

import pytest

from etcd_cluster.certificates import pem
from tests.program.recording import certificate_of, config, deploy

CHANGES = {
    "organization": {"certificates": {"subject": {"organization": "Example"}}},
    "common name": {"certificates": {"subject": {"common_name": "example"}}},
    "RSA": {"certificates": {"algorithm": "RSA"}},
    "RSA size": {"certificates": {"algorithm": "RSA", "rsa_bits": 4096}},
    "curve": {"certificates": {"ecdsa_curve": "P384"}},
    "validity": {"certificates": {"ca_validity_days": 400}},
    "renewal": {"certificates": {"renew_before_days": 60}},
}
GENERATION = "etcd-peer-ca-1"


@pytest.mark.parametrize("change", CHANGES)
def test_no_change_of_the_settings_reaches_a_ca_that_exists(change: str) -> None:
    before, after = deploy(config()), deploy(config(**CHANGES[change]))
    for name in (f"{GENERATION}-key", f"{GENERATION}-certificate"):
        old, new = before.one(name), after.one(name)
        changed = {key for key in old.inputs.keys() | new.inputs.keys() if old.inputs.get(key) != new.inputs.get(key)}
        assert changed <= new.ignored


def test_a_ca_certificate_follows_its_key_and_nothing_else() -> None:
    certificate = deploy(config()).one(f"{GENERATION}-certificate")
    assert certificate.inputs.keys() - certificate.ignored == {"privateKeyPem"}


def test_the_next_generation_is_made_from_the_settings() -> None:
    settings = {**CHANGES["organization"], "ca": {"peer": {"trust_generations": [1, 2]}}}
    certificate = deploy(config(**settings)).one("etcd-peer-ca-2-certificate")
    assert certificate.inputs["subject"]["organization"] == "Example"


@pytest.mark.parametrize(
    ("ca", "protected"),
    [
        ({}, {"etcd-peer-ca-1-key"}),
        ({"peer": {"trust_generations": [1, 2]}}, {"etcd-peer-ca-1-key"}),
        ({"peer": {"generation": 2, "trust_generations": [1, 2]}}, {"etcd-peer-ca-2-key"}),
    ],
)
def test_the_key_that_issues_is_protected_and_one_that_is_to_go_is_not(
    ca: dict[str, object], protected: set[str]
) -> None:
    deployment = deploy(config(ca=ca))
    assert {each.name for each in deployment.resources if each.protect and "-peer-ca" in each.name} == protected


@pytest.mark.parametrize("ca", [{}, {"shared": True}, {"peer": {"generation": 2, "trust_generations": [1, 2]}}])
def test_no_key_and_no_certificate_comes_before_preflight(ca: dict[str, object]) -> None:
    deployment = deploy(config(ca=ca))
    preflight = deployment.one("etcd-preflight")
    first = deployment.order.index(preflight.urn)
    made = [each for each in deployment.resources if each.type.startswith("tls:")]
    assert made and all(deployment.order.index(each.urn) > first for each in made)
    for kind in ("CertificateAuthority", "ClientCertificate"):
        assert all(preflight.urn in each.dependencies for each in deployment.of(kind).values())
    # nor may it wait for one: it is what a refusal comes from
    urns = {each.urn: each for each in deployment.resources}
    assert not [urn for urn in preflight.dependencies if urns[urn].type.startswith("tls:")]


def test_preflight_knows_what_cas_and_peer_certificates_are_made_from() -> None:
    inputs = deploy(config(ca={"shared": True}, **CHANGES["organization"])).one("etcd-preflight").inputs
    told = inputs["certificates"]
    assert (told["shared"], told["peer_common_name"]) == (True, "etcd")
    assert told["ca"]["subject"]["organization"] == "Example"


def test_the_end_of_a_provided_ca_is_told(own_authority: tuple[str, str]) -> None:
    certificate, key = own_authority
    deployment = deploy(config(ca={"client": {"certificate": certificate, "private_key": key}}))
    ends = deployment.outputs["certificates"]
    assert ends["ca-client"]["not_after"] == pem.not_after(certificate) != ""
    assert ends["ca-peer"]["not_after"] == "end of etcd-peer-ca-1-certificate"


def test_another_spelling_of_a_provided_ca_changes_no_input(own_authority: tuple[str, str]) -> None:
    plain = dict(zip(("certificate", "private_key"), own_authority, strict=True))
    spelled = {name: f"ours\n{text}".replace("\n", "\r\n") for name, text in plain.items()}
    inputs = [
        {each.name: each.inputs for each in deploy(config(ca={"client": ca})).resources} for ca in (plain, spelled)
    ]
    assert inputs[0] == inputs[1]
    assert certificate_of("x") == pem.bundle([certificate_of("x")]), "the samples are texts in one spelling"


def test_certificates_carry_the_addresses_that_a_member_had_before() -> None:
    plain, moved = deploy(config()), deploy(config(), former={"etcd-2": ["198.51.100.2", "old.example.com"]})
    for node in ("etcd-1", "etcd-2"):
        for purpose in ("server", "peer"):
            name = f"etcd-{node}-certificates-{purpose}-request"
            before, after = plain.one(name).inputs, moved.one(name).inputs
            more = node == "etcd-2"
            assert set(after["ipAddresses"]) - set(before["ipAddresses"]) == ({"198.51.100.2"} if more else set())
            assert set(after["dnsNames"]) - set(before["dnsNames"]) == ({"old.example.com"} if more else set())
    member = moved.one("etcd-etcd-2-service").inputs["member"]
    assert member["former_addresses"] == ["198.51.100.2", "old.example.com"]
    assert "former_addresses" not in plain.one("etcd-etcd-2-service").inputs["member"]
    rolled = moved.one("etcd-rollout").inputs["members"]
    assert [rolled[node].get("former_addresses") for node in ("etcd-1", "etcd-2")] == [
        [],
        ["198.51.100.2", "old.example.com"],
    ]
    assert plain.outputs["endpoints"] == moved.outputs["endpoints"], "clients are told of the new ones alone"
