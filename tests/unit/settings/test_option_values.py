"""Values of etcd's options: what etcd does not start with is refused, what it starts with is not."""

from typing import Any

import pytest

from etcd_cluster.settings.options import restricted
from etcd_cluster.settings.options.restricted import REFUSED
from etcd_cluster.settings.options.table import OPTIONS, newest
from etcd_cluster.settings.options.tls import nearest
from tests.unit.settings.option_values import ECDSA_GCM, ENDS, RSA_GCM, SERVES, USELESS
from tests.unit.settings.settings_samples import loaded, nodes, problems, warnings

# Which of several problems is to be told is not the question here; a file that is not there only the host can see.
UNSEEN = [{"auth-token": "jwt,sign-method=HS256,priv-key=/nonexistent"}]


def named(case: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in case.items())


@pytest.mark.parametrize("case", [case for case in ENDS if case not in UNSEEN], ids=named)
def test_what_etcd_does_not_start_with_is_refused(case: dict[str, str]) -> None:
    (found,) = problems(etcd=case)
    assert any(found.startswith(f"etcd.{name}: ") for name in case) or "election-timeout" in found


@pytest.mark.parametrize("case", SERVES, ids=named)
def test_what_etcd_starts_with_is_accepted(case: dict[str, str]) -> None:
    loaded(etcd=case)


@pytest.mark.parametrize("case", USELESS, ids=named)
def test_what_etcd_takes_and_nobody_can_want_is_refused(case: dict[str, str]) -> None:
    assert len(problems(etcd=case)) == 1


def test_every_option_is_classified_once() -> None:
    groups = [set(restricted.UNSAFE), set(restricted.CHECKED), set(restricted.HARMLESS), set(REFUSED)]
    names = {newest(name) for name in OPTIONS} - {
        newest(name) for name, option in OPTIONS.items() if name in REFUSED and newest(name) not in REFUSED
    }
    assert names == set().union(*groups)
    assert sum(map(len, groups)) == len(set().union(*groups))


UNSAFE = [
    ("listen-client-http-urls", "http://0.0.0.0:2382", "reads and writes the whole store"),
    ("listen-client-http-urls", "https://127.0.0.1:2382,http://127.0.0.1:2383", "reads and writes the whole store"),
    ("peer-skip-client-san-verification", "true", "any certificate of the peers' CA"),
    ("experimental-peer-skip-client-san-verification", "true", "any certificate of the peers' CA"),
    ("socket-reuse-port", "true", "A second process"),
    ("v2-deprecation", "write-only-drop-data", "drop that data"),
    ("v2-deprecation", "gone", "drop that data"),
    ("distributed-tracing-address", "collector.example.com:4317", "without TLS"),
    ("experimental-distributed-tracing-address", "192.0.2.9:4317", "without TLS"),
    ("cipher-suites", f"{ECDSA_GCM},TLS_ECDHE_RSA_WITH_RC4_128_SHA", "can be broken"),
]


@pytest.mark.parametrize(("name", "value", "why"), UNSAFE)
def test_what_opens_the_store_or_weakens_it_needs_leave_by_name(name: str, value: str, why: str) -> None:
    (found,) = problems(etcd={name: value})
    assert found.startswith(f'etcd.{name}: invalid value "{value}"')
    assert why in found
    assert f"name {name} in allow_unsafe_etcd_options" in found


@pytest.mark.parametrize(("name", "value", "why"), UNSAFE)
def test_what_is_allowed_by_name_is_warned_of_at_each_run(name: str, value: str, why: str) -> None:
    found = warnings(etcd={name: value}, allow_unsafe_etcd_options=[name])
    assert any("UNSAFE, and allowed by allow_unsafe_etcd_options" in line and why in line for line in found)


def test_one_nodes_unsafe_option_needs_leave_too() -> None:
    given = nodes("192.0.2.1", "192.0.2.2", "192.0.2.3")
    given["n2"]["etcd"] = {"listen-client-http-urls": "http://127.0.0.1:2382"}
    (found,) = problems(nodes=given)
    assert found.startswith("nodes.n2.etcd.listen-client-http-urls: invalid value ")


@pytest.mark.parametrize("name", ["unsafe-no-fsync", "data-dir", "pre-vote", "no-such-option"])
def test_leave_for_what_needs_none_or_gets_none_is_refused(name: str) -> None:
    (found,) = problems(allow_unsafe_etcd_options=[name])
    assert found.startswith(f'allow_unsafe_etcd_options[0]: invalid value "{name}"; expected cipher-suites, ')


@pytest.mark.parametrize("name", ["unsafe-no-fsync", "force-new-cluster", "client-cert-auth", "auto-tls"])
def test_no_leave_is_given_for_what_would_cost_data_or_certificates(name: str) -> None:
    assert len(problems(etcd={name: "true"}, allow_unsafe_etcd_options=["cipher-suites"])) == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("heartbeat-interval", "250ms", "expected a whole number of milliseconds, without a unit."),
        (
            "quota-backend-bytes",
            "8G",
            "expected a whole number of bytes, without a unit, such as 2147483648 for 2 GiB.",
        ),
        ("cipher-suites", "ECDHE-ECDSA-AES128-GCM-SHA256", f"Write {ECDSA_GCM}."),
        ("listen-metrics-urls", "http://127.0.0.1:2379", "Only one can listen on 2379, which is client_port."),
        ("listen-metrics-urls", "http://0.0.0.0:22", "Only one can listen on 22, which is the SSH port"),
        ("log-outputs", "/var/log/etcd/etcd.log", "The unit lets etcd write nowhere else"),
        ("client-crl-file", "/tmp/crl.pem", "lost at the next boot"),
        ("log-outputs", {"a": "b"}, "etcd has no maps in its options."),
        ("snapshot-count", [1], "The option takes one value."),
    ],
)
def test_a_refusal_says_what_to_write(name: str, value: Any, said: str) -> None:
    (found,) = problems(etcd={name: value})
    assert said in found


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("ECDHE-RSA-AES128-GCM-SHA256", RSA_GCM),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"),
        ("ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
        ("AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
        ("tls_ecdhe_rsa_with_aes_128_gcm_sha256", RSA_GCM),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA265", RSA_GCM),
        ("HIGH", None),
    ],
)
def test_a_suite_of_another_spelling_is_recognised(spelled: str, name: str | None) -> None:
    assert nearest(spelled) == name


def test_suites_must_fit_the_keys_where_tls_1_2_is_the_last() -> None:
    suites = {"cipher-suites": ECDSA_GCM, "tls-max-version": "TLS1.2"}
    (found,) = problems(etcd=suites, certificates={"algorithm": "RSA"})
    assert "The certificates' keys are RSA, so with TLS 1.2 alone no client could connect." in found
    loaded(etcd={**suites, "cipher-suites": RSA_GCM}, certificates={"algorithm": "RSA"})


def test_suites_for_other_keys_are_warned_of_where_tls_1_3_remains() -> None:
    (found,) = warnings(etcd={"cipher-suites": RSA_GCM})
    assert "only clients with TLS 1.3 can connect" in found


def test_a_listener_at_one_nodes_address_is_refused_for_all() -> None:
    given = nodes("192.0.2.1", "192.0.2.2", "192.0.2.3")
    (found,) = problems(nodes=given, etcd={"listen-metrics-urls": "http://192.0.2.2:2381"})
    assert "The address is that of n2 alone" in found
    given["n2"]["etcd"] = {"listen-metrics-urls": "http://192.0.2.2:2381"}
    loaded(nodes=given)
    given["n1"]["etcd"] = {"listen-metrics-urls": "http://192.0.2.2:2381"}
    assert len(problems(nodes=given)) == 1


def test_a_log_file_below_the_data_directory_is_possible_and_rotated() -> None:
    given = {"log-outputs": "/var/lib/etcd/etcd.log,stderr", "enable-log-rotation": True}
    assert warnings(etcd=given) == []


def test_a_log_that_the_journal_does_not_see_is_warned_of() -> None:
    (found,) = warnings(etcd={"log-outputs": "/var/lib/etcd/etcd.log"})
    assert found.startswith("etcd.log-outputs: nothing goes to the journal")


@pytest.mark.parametrize("option", [{"log-level": "debug"}, {"enable-pprof": True}])
def test_profiles_for_every_client_are_warned_of(option: dict[str, Any]) -> None:
    (found,) = warnings(etcd=option)
    assert "every client with a certificate can read etcd's profiles" in found


def test_pings_that_etcd_hangs_up_on_are_warned_of() -> None:
    (found,) = warnings(etcd={"grpc-keepalive-min-time": "1m"})
    assert "kube-apiserver pings every 30 s" in found


def test_one_misspelled_option_is_one_problem() -> None:
    (found,) = problems(etcd={"--heartbeat-interval": "500"})
    assert 'did you mean "heartbeat-interval"?' in found
