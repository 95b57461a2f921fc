"""What a user reads: which settings differ, etcd's last log lines; and who trusts whom, read from PEM."""

import datetime
import json
import re
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from etcd_cluster.certificates import pem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.observation.journal import last_words
from etcd_cluster.rendering import revision
from etcd_cluster.rendering.config_diff import changes, parse_environment
from etcd_cluster.specs.member import Member
from tests.unit.samples import empty, member

# settings

MORE = {**member().options, "max-wals": "9"}


def active(of: Member) -> HostFacts:
    """Return a host that has a member's settings active."""
    return empty(
        active_environment=revision.environment_text({**revision.environment(of), revision.REVISION_VARIABLE: "r1"}),
        active_unit=revision.unit(of),
        active_version=of.version,
    )


def test_equal_settings_are_no_change() -> None:
    assert changes(member(), active(member())) == []


def test_a_host_without_active_settings_has_no_changes() -> None:
    assert changes(member(), empty()) == []


def test_a_changed_option_is_named_with_both_values() -> None:
    wanted = member(options={"heartbeat-interval": "300", "election-timeout": "2000"})
    assert changes(wanted, active(member())) == ["heartbeat-interval 250 → 300"]


def test_an_option_that_comes_or_goes_is_told_as_unset() -> None:
    wanted = member(options={"heartbeat-interval": "250", "snapshot-count": "5000"})
    assert changes(wanted, active(member())) == ["election-timeout 2000 → (unset)", "snapshot-count (unset) → 5000"]


def test_a_changed_version_comes_first() -> None:
    found = changes(member(version="3.7.3", options={}), active(member()))
    assert found[0] == "version 3.6.16 → 3.7.3" and len(found) == 3


def test_a_changed_unit_is_told() -> None:
    assert changes(member(service_start=600), active(member())) == ["the systemd unit"]


def test_the_unit_is_no_news_where_only_the_options_that_it_unsets_are_others() -> None:
    assert changes(member(options=MORE), active(member())) == ["max-wals (unset) → 9"]
    assert changes(member(), active(member(options=MORE))) == ["max-wals 9 → (unset)"]
    both = changes(member(options=MORE, service_start=600), active(member()))
    assert both == ["max-wals (unset) → 9", "the systemd unit"]


def test_a_unit_that_unset_nothing_yet_is_news() -> None:
    former = re.sub(r"(?m)^UnsetEnvironment=.*\n", "", revision.unit(member()))
    assert changes(member(), replace(active(member()), active_unit=former)) == ["the systemd unit"]
    more = member(options=MORE)
    assert changes(more, replace(active(member()), active_unit=former)) == ["max-wals (unset) → 9", "the systemd unit"]


@pytest.mark.parametrize("value", ['a "b"', "a\\b", "$HOME", "`x`", "a=b", ""])
def test_a_value_of_an_environment_file_reads_back(value: str) -> None:
    assert parse_environment(revision.environment_text({"ETCD_NAME": value})) == {"ETCD_NAME": value}


# last log lines


def line(**fields: str) -> str:
    return json.dumps({"level": "fatal", "ts": "2030-01-01T00:00:00Z", **fields})


def test_the_message_and_its_error_are_kept_and_the_rest_is_not() -> None:
    text = last_words(line(msg="discovery failed", error="member count is unequal", caller="etcdmain/etcd.go:1"))
    assert text == "  fatal: discovery failed (error: member count is unequal)"


def test_words_of_systemd_stay_as_they_are() -> None:
    assert last_words("etcd.service: Main process exited\n\n") == "  etcd.service: Main process exited"


def test_words_that_repeat_are_told_once() -> None:
    assert last_words("\n".join([line(msg="x")] * 3)) == "  fatal: x"


def test_warnings_do_not_stand_before_the_fatal_error() -> None:
    noise, error = line(level="warn", msg="peer became inactive"), line(level="error", msg="no listener")
    assert last_words("\n".join([noise, error, line(msg="x")])) == "  error: no listener\n  fatal: x"
    assert last_words("\n".join([noise, error])) == "  warn: peer became inactive\n  error: no listener"


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_journal_says_so(text: str) -> None:
    assert last_words(text) == "  (the journal has no error)"


@pytest.mark.parametrize("text", ["7", "[]", '{"level": "info"}', "null"])
def test_json_that_is_no_message_of_etcd_stays_as_it_is(text: str) -> None:
    assert last_words(text) == f"  {text}"


# trust

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
Key = ec.EllipticCurvePrivateKey


def certificate(name: str, key: Key, issuer: str | None = None, signer: Key | None = None, days: int = 100) -> str:
    """Return a certificate as PEM; without an issuer it signs itself."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer or name))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days))
    return builder.sign(signer or key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


OLD_KEY, NEW_KEY, LEAF_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
OLD, NEW = certificate("etcd CA", OLD_KEY), certificate("etcd CA 2", NEW_KEY)
LEAF = certificate("a", LEAF_KEY, "etcd CA", OLD_KEY)


def test_a_leaf_is_traced_to_its_ca() -> None:
    read = pem.trust(OLD, NEW, LEAF, LEAF)
    assert read.server_issuer in read.client_bundle and read.peer_issuer not in read.peer_bundle


def test_a_renewed_ca_with_the_same_key_is_the_same_ca() -> None:
    renewed = certificate("etcd CA", OLD_KEY, days=900)
    assert renewed != OLD
    assert pem.trust(renewed, OLD, LEAF, LEAF) == pem.trust(OLD, renewed, LEAF, LEAF)


def test_a_ca_of_the_same_name_with_another_key_is_another_ca() -> None:
    impostor = certificate("etcd CA", NEW_KEY)
    read = pem.trust(impostor, impostor, LEAF, LEAF)
    assert read.server_issuer not in read.client_bundle and read.server_issuer.startswith("unknown:")


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_trusted_by_nobody_and_trusts_nobody(text: str) -> None:
    assert pem.trust(text, text, text, text) == pem.Trust()


def test_a_bundle_is_the_same_text_whichever_authority_comes_first() -> None:
    both = pem.bundle([NEW, OLD])
    assert set(pem.identities(both)) == {*pem.identities(NEW), *pem.identities(OLD)}
    assert both.count("BEGIN CERTIFICATE") == 2
    assert pem.bundle([OLD, NEW]) == both
    assert pem.bundle([f"{NEW}\n# a remark\n{OLD}", f"\n{NEW}\n"]) == both
    read = pem.trust(both, OLD, LEAF, "")
    assert len(read.client_bundle) == 2 and len(read.peer_bundle) == 1
    assert read.peer_issuer == ""
