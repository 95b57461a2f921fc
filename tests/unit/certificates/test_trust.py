"""Which CA is which, and which spellings of a PEM text are one."""

import datetime
import re
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from etcd_cluster.certificates import pem, rotation
from etcd_cluster.certificates.pem import Trust
from etcd_cluster.reasons import Reason
from etcd_cluster.settings import Authority
from tests.unit.rendering.test_config_diff import LEAF, NEW, NOW, OLD, OLD_KEY, certificate


def test_a_ca_of_another_name_with_the_same_key_is_another_ca() -> None:
    renamed = certificate("etcd CA of Example", OLD_KEY)
    read = pem.trust(renamed, OLD, LEAF, LEAF)
    assert read.server_issuer not in read.client_bundle and read.server_issuer in read.peer_bundle


def with_key_id(key_id: bytes) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "etcd CA")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(OLD_KEY.public_key())
    builder = builder.serial_number(2).not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(100))
    builder = builder.add_extension(x509.SubjectKeyIdentifier(key_id), critical=False)
    return builder.sign(OLD_KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_only_a_key_id_that_is_not_the_usual_one_makes_another_ca() -> None:
    usual = x509.SubjectKeyIdentifier.from_public_key(OLD_KEY.public_key()).digest
    assert pem.identities(with_key_id(usual)) == pem.identities(OLD)
    assert pem.identities(with_key_id(b"another")) != pem.identities(OLD)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "spaces": lambda text: text.replace("\n", "  \n\t"),
    "no newline at the end": str.strip,
    "a comment before": lambda text: f"Subject: CN=etcd CA\n{text}",
    "a comment after, on Windows": lambda text: f"{text}# ours\r\n".replace("\n", "\r\n"),
    "long lines": lambda text: re.sub(r"([^-\n]{64})\n([^-])", r"\1\2", text),
    "another label": lambda text: text.replace("CERTIFICATE-----", "X509 CERTIFICATE-----"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_certificate_is_the_same_in_every_spelling(spelling: str) -> None:
    spelled = SPELLINGS[spelling](OLD)
    assert spelled != OLD
    assert pem.bundle([spelled]) == OLD
    assert pem.bundle([spelled, OLD]) == OLD


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if name != "another label"])
def test_a_private_key_is_the_same_in_every_spelling(spelling: str, form: PrivateFormat) -> None:
    key = OLD_KEY.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    assert pem.private_key(SPELLINGS[spelling](key)) == key
    assert pem.private_key(key) == key


def test_the_parameters_of_a_curve_are_no_part_of_a_key() -> None:
    key = OLD_KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert pem.private_key(parameters + key) == key


def provided(text: str, trusted: str | None = None) -> dict[str, object]:
    return rotation.described(Authority(certificate=text, private_key="key", trust_certificates=trusted))


def former(text: str) -> dict[str, object]:
    """Return what a state of a former version holds: the CA by its key alone, the text as it was spelled."""
    name = f"CA {pem.key_identities(text)[0]}"
    return {"issuer": name, "trusts": [name], "texts": [text]}


def test_a_state_that_names_a_ca_by_its_key_is_understood() -> None:
    spelled = SPELLINGS["CRLF"](OLD)
    assert rotation.understood({"peer": former(spelled)}) == rotation.understood({"peer": provided(OLD)})
    assert rotation.problems({"peer": former(OLD)}, {"peer": provided(OLD)}) == []
    renewed = certificate("etcd CA", OLD_KEY, days=900)
    assert rotation.problems({"peer": former(OLD)}, {"peer": provided(renewed)}) == []


@pytest.mark.parametrize("before", [former(OLD), provided(OLD)])
def test_another_subject_under_the_same_key_takes_the_overlap_of_a_rotation(before: dict[str, object]) -> None:
    renamed = certificate("etcd CA of Example", OLD_KEY)
    (problem,) = rotation.problems({"peer": before}, {"peer": provided(renamed)})
    assert problem.identity == (Reason.CA_NOT_YET_TRUSTED, "ca.peer")
    steps = [provided(OLD, renamed), provided(renamed, OLD), provided(renamed)]
    for old, new in zip([before, *steps], steps, strict=False):
        assert rotation.problems({"peer": old}, {"peer": new}) == []


GENERATED = rotation.described(None)
ISSUING = {"client": pem.identities(NEW)[0], "peer": pem.identities(OLD)[0]}


def test_both_purposes_have_a_first_generation_of_their_own() -> None:
    both = {"client": GENERATED, "peer": GENERATED}
    assert rotation.problems(both, both) == []
    (problem,) = rotation.problems(both, both, shared=(False, True))
    assert problem.where == "ca.shared" and "generation 1 of ca.client" in problem.what
    assert "ca.client.trust_certificates_file" in str(problem)
    (problem,) = rotation.problems(both, both, shared=(True, False), issuing=ISSUING)
    assert problem.where == "ca.shared" and "ca.client.trust_certificates" in str(problem)


def test_a_first_generation_for_peers_is_not_the_ca_that_they_shared_with_clients() -> None:
    both = {"client": GENERATED, "peer": GENERATED}
    used = pem.identities(NEW)[0]
    (problem,) = rotation.problems(both, both, shared=(True, False), issuing={"client": used, "peer": used})
    assert problem.where == "ca.shared" and "generation 1 is to issue" in problem.what
    assert rotation.problems(both, both, shared=(True, True), issuing={"client": used, "peer": used}) == []


def test_peers_change_over_to_the_clients_ca_while_both_are_trusted() -> None:
    both = {"client": GENERATED, "peer": GENERATED}
    overlap = rotation.described(Authority(trust_certificates=OLD))
    wanted = {"client": overlap, "peer": overlap}
    assert rotation.problems(both, wanted, shared=(False, True), issuing=ISSUING) == []
    assert rotation.problems(both, wanted, shared=(False, True), issuing={"client": ISSUING["client"]})
    assert rotation.problems(wanted, both, shared=(True, True), issuing={}) == []


def test_peers_get_a_ca_of_their_own_once_all_trust_it() -> None:
    shared = rotation.described(Authority(trust_certificates=OLD))
    before = {"client": shared, "peer": shared}
    after = {"client": shared, "peer": provided(OLD)}
    assert rotation.problems(before, after, shared=(True, False), issuing={"client": ISSUING["client"]}) == []


def test_the_clients_ca_is_not_trusted_among_peers_once_nothing_but_the_ca_tells_them_apart() -> None:
    before = {"client": provided(NEW), "peer": provided(NEW)}
    after = {"client": provided(NEW), "peer": provided(OLD, NEW)}
    (problem,) = rotation.problems(before, after, shared=(True, False))
    assert problem.where == "ca.shared"


def running(name: str, demanded: str | None = None) -> tuple[Trust, dict[str, str]]:
    environment = {"ETCD_PEER_CERT_ALLOWED_CN": demanded} if demanded else {}
    return Trust(peer_name=name), environment


@pytest.mark.parametrize(
    ("name", "allowed", "members", "refused"),
    [
        ("etcd", "etcd", {"a": running("etcd", "etcd")}, False),
        ("etcd", "etcd", {"a": running("etcd")}, False),
        ("etcd", None, {"a": running("etcd", "etcd")}, False),
        ("new", None, {"a": running("etcd")}, False),
        ("new", "new", {}, False),
        ("new", "new", {"a": running("etcd", "etcd")}, True),
        ("new", "new", {"a": running("new", "new"), "b": running("etcd")}, True),
        ("new", None, {"a": running("etcd", "etcd")}, True),
    ],
)
def test_a_common_name_that_members_know_each_other_by_does_not_change(
    name: str, allowed: str | None, members: dict[str, tuple[Trust, dict[str, str]]], refused: bool
) -> None:
    assert [each.where for each in rotation.name_problems(name, allowed, members)] == (
        ["certificates.subject.common_name"] if refused else []
    )


def test_the_end_of_a_certificate_is_read() -> None:
    assert pem.not_after(OLD) == f"{NOW + datetime.timedelta(100):%Y-%m-%dT%H:%M:%SZ}"
    assert pem.not_after("") == ""


def test_the_name_of_the_peer_leaf_is_read() -> None:
    assert pem.trust(OLD, OLD, "", LEAF).peer_name == "a"
    assert pem.trust(OLD, NEW, "", "").peer_name == ""
