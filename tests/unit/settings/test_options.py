"""etcd's own options and versions."""

from pathlib import Path
from typing import Any

import pytest

from etcd_cluster.settings.options.restricted import REFUSED, UNIFORM
from etcd_cluster.settings.options.table import OPTIONS, Option
from etcd_cluster.settings.versions import MINORS
from etcd_cluster.versions import Minor, text
from tests.unit.settings.settings_samples import loaded, nodes, problems, warnings

SUMS = {version: {"amd64": "0" * 64} for version in ("3.5.40", "3.6.20", "3.7.0", "3.7.3")}
REQUIRED = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
RECORDED = Path(__file__).parent / "flags"
# What etcd's source calls a kind, and what the table may call it; choices and paths are text to etcd.
KINDS = {"string": {"text", "path"}, "selective": {"text"}, "int64": {"int"}}


def recorded(minor: Minor) -> dict[str, str]:
    """Return flag → kind as etcd's source of one minor registers them."""
    lines = (RECORDED / text(minor)).read_text().splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


def options(version: str = "3.6.14", **given: Any) -> list[str]:
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return problems(version=version, etcd=named, binaries={"checksums": SUMS})


@pytest.mark.parametrize("minor", MINORS, ids=text)
def test_the_table_has_the_flags_that_etcd_registers(minor: Minor) -> None:
    assert {name for name, option in OPTIONS.items() if option.known(minor)} == recorded(minor).keys()


@pytest.mark.parametrize("minor", MINORS, ids=text)
def test_the_table_has_the_kinds_that_etcd_registers(minor: Minor) -> None:
    for name, kind in recorded(minor).items():
        known = OPTIONS[name].kind
        choice = "|" in known or name == "logger"
        assert known in KINDS.get(kind, {kind}) or (choice and kind in ("string", "selective")), name


def test_every_replacement_is_an_option_of_the_next_minors() -> None:
    for option in OPTIONS.values():
        if option.replacement:
            new = OPTIONS[option.replacement.partition("=")[0]]
            assert new.known((3, 6)), option
            assert new.known((3, 7)), option


def test_every_experimental_option_of_3_6_has_a_replacement() -> None:
    for option in OPTIONS.values():
        if option.name.startswith("experimental-") and option.known((3, 6)):
            assert option.replacement, option


def test_minors_are_compared_as_numbers() -> None:
    option = Option("later", "text", (3, 9), (3, 11), "")
    assert option.known((3, 10))
    assert not option.known((3, 5))
    assert not option.known((3, 100))


def test_what_is_refused_or_uniform_is_an_option() -> None:
    assert (REFUSED.keys() | UNIFORM.keys()) - OPTIONS.keys() == set()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_option_of_the_program_is_refused_with_what_to_do(name: str) -> None:
    (found,) = problems(etcd={name: "false"})
    what, action = REFUSED[name]
    assert found == f"etcd.{name}: {what}. {action}"


def test_the_check_of_reconfigurations_may_be_named_when_it_is_on() -> None:
    assert loaded(etcd={"strict-reconfig-check": True}).etcd["strict-reconfig-check"] == "true"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("pre-vote", "yes", "true or false"),
        ("snapshot-count", "-1", "a whole number from 0 to 18446744073709551615"),
        ("snapshot-count", "many", "a whole number from 0 to 18446744073709551615"),
        ("max-concurrent-streams", "4294967296", "a whole number from 0 to 4294967295"),
        ("quota-backend-bytes", "8G", "a whole number"),
        ("backend-batch-interval", "5", "a duration such as 500ms, 10s, 5m or 1h30m"),
        ("backend-batch-interval", "5 s", "a duration such as 500ms, 10s, 5m or 1h30m"),
        ("log-level", "loud", "one of debug, info, warn, error, panic, fatal"),
        ("logger", "capnslog", "zap"),
        ("auto-compaction-mode", "sometimes", "one of periodic, revision"),
        ("listen-metrics-urls", "127.0.0.1:2381", "http:// or https:// URLs with ports, separated by commas"),
        ("client-crl-file", "crl.pem", "the absolute path of a file on the host"),
        ("feature-gates", "Unheard=true", "NAME=true or NAME=false, separated by commas"),
        ("feature-gates", "FastLeaseKeepAlive=true", "NAME=true or NAME=false, separated by commas"),
        ("feature-gates", "LeaseCheckpoint", "NAME=true or NAME=false, separated by commas"),
        ("auto-compaction-retention", "soon", "hours, or a duration such as 30m, as the mode says"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: str, expected: str) -> None:
    (found,) = problems(etcd={name: value})
    assert found.startswith(f'etcd.{name}: invalid value "{value}"; expected {expected}')


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("pre-vote", True, "true"),
        ("snapshot-count", 10000, "10000"),
        ("snapshot-count", 10000.0, "10000"),
        ("backend-batch-interval", "1m30.5s", "1m30.5s"),
        ("quota-backend-bytes", "0", "0"),
        ("auto-compaction-retention", "30m", "30m"),
        ("listen-metrics-urls", "http://127.0.0.1:2381,http://[::1]:2381", "http://127.0.0.1:2381,http://[::1]:2381"),
        ("cors", "*", "*"),
        ("feature-gates", "LeaseCheckpoint=true,InitialCorruptCheck=false", None),
        ("cipher-suites", ["TLS_AES_128_GCM_SHA256", REQUIRED], f"TLS_AES_128_GCM_SHA256,{REQUIRED}"),
        ("log-outputs", ["stderr"], "stderr"),
    ],
)
def test_a_value_of_the_right_kind_becomes_text(name: str, value: Any, text: str | None) -> None:
    assert loaded(etcd={name: value}).etcd[name] == (text or value)


@pytest.mark.parametrize("value", ["", "a\nb", None, [], ["a", ""], ["a,b"], {"a": "b"}])
def test_a_value_that_no_environment_can_hold_is_refused(value: Any) -> None:
    (found,) = problems(etcd={"log-outputs": value})
    assert "expected text of one line, a number, or true or false" in found


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("hartbeat-interval", "heartbeat-interval"),
        ("ETCD_SNAPSHOT_COUNT", "snapshot-count"),
        ("--pre-vote", "pre-vote"),
    ],
)
def test_an_unknown_option_names_the_nearest_one(given: str, near: str) -> None:
    (found,) = problems(etcd={given: "1"})
    assert found == f'etcd.{given}: unknown etcd 3.6 option; did you mean "{near}"?'


def test_an_experimental_option_is_refused_on_3_7_with_its_new_name() -> None:
    assert options("3.7.3", experimental_corrupt_check_time="5m") == [
        (
            "etcd.experimental-corrupt-check-time: unknown etcd 3.7 option; 3.6 was the last to have it."
            " Write corrupt-check-time: 5m instead."
        )
    ]


def test_an_experimental_switch_is_refused_on_3_7_with_its_feature_gate() -> None:
    (found,) = options("3.7.3", experimental_initial_corrupt_check=True)
    assert "Write feature-gates: InitialCorruptCheck=true instead." in found


def test_an_experimental_option_is_warned_of_on_3_6() -> None:
    assert warnings(etcd={"experimental-initial-corrupt-check": False}) == [
        (
            "etcd.experimental-initial-corrupt-check: it is gone in etcd 3.7."
            " Write feature-gates: InitialCorruptCheck=false instead."
        )
    ]


def test_an_option_that_3_5_does_not_have_yet_is_refused_with_its_old_name() -> None:
    (found,) = options("3.5.33", corrupt_check_time="5m")
    assert found == (
        "etcd.corrupt-check-time: unknown etcd 3.5 option; 3.6 is the first to have it."
        " Write experimental-corrupt-check-time instead, until the cluster runs 3.6."
    )


def test_an_old_and_a_new_name_together_are_refused() -> None:
    (found,) = options(experimental_corrupt_check_time="5m", corrupt_check_time="5m")
    assert "cannot be set together with corrupt-check-time. etcd does not start with both." in found


@pytest.mark.parametrize(
    ("heartbeat", "election", "expected"),
    [
        ("250", "1249", "expected at least 1250, five times the heartbeat-interval of 250 milliseconds."),
        ("250", "50001", "expected at most 50000 milliseconds. etcd does not start with more."),
        ("0", "1000", "expected 1 or more milliseconds"),
    ],
)
def test_timing_that_etcd_does_not_start_with_is_refused(heartbeat: str, election: str, expected: str) -> None:
    (found,) = problems(etcd={"heartbeat-interval": heartbeat, "election-timeout": election})
    assert expected in found


@pytest.mark.parametrize(("heartbeat", "election"), [("250", "1250"), ("100", "50000"), (1, 5)])
def test_timing_that_etcd_starts_with_is_allowed(heartbeat: Any, election: Any) -> None:
    loaded(etcd={"heartbeat-interval": heartbeat, "election-timeout": election})


def test_a_wrong_heartbeat_is_not_also_a_wrong_ratio() -> None:
    assert len(problems(etcd={"heartbeat-interval": "fast"})) == 1


def test_revisions_are_kept_by_number() -> None:
    given = {"auto-compaction-mode": "revision", "auto-compaction-retention": "1h"}
    (found,) = problems(etcd=given)
    assert "expected a number of store revisions, as the mode says" in found


@pytest.mark.parametrize("name", sorted(UNIFORM))
def test_an_option_that_must_be_the_same_on_all_is_refused_for_one(name: str) -> None:
    given = nodes("192.0.2.1", "192.0.2.2", "192.0.2.3")
    given["n2"]["etcd"] = {name: "300"}
    assert problems(nodes=given) == [
        f"nodes.n2.etcd.{name}: must be the same on all nodes. {UNIFORM[name]} Set etcd.{name} instead."
    ]


def test_a_nodes_own_options_lie_over_those_for_all() -> None:
    given = nodes("192.0.2.1", "192.0.2.2", "192.0.2.3")
    given["n2"]["etcd"] = {"log-level": "debug"}
    settings = loaded(nodes=given, etcd={"log-level": "warn"})
    assert settings.options("n1")["log-level"] == "warn"
    assert settings.options("n2")["log-level"] == "debug"
    assert settings.options("n2")["heartbeat-interval"] == "250"


def test_a_nodes_own_options_are_checked_too() -> None:
    given = nodes("192.0.2.1")
    given["n1"]["etcd"] = {"log-lvel": "debug"}
    (found,) = problems(nodes=given)
    assert found.startswith('nodes.n1.etcd.log-lvel: unknown etcd 3.6 option; did you mean "log-level"?')


@pytest.mark.parametrize(("quota", "said"), [("9000000000", "is more than the 8589934592"), ("-1", "means none")])
def test_a_quota_out_of_the_ordinary_is_warned_of(quota: str, said: str) -> None:
    (found,) = warnings(etcd={"quota-backend-bytes": quota})
    assert said in found


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("3.5.31", "Versions 3.5.0 to 3.5.2 corrupt data"),
        ("3.4.37", "Its line gets no fixes"),
        ("2.3.8", "Its line gets no fixes"),
        ("3.8.0", "etcd 3.8 is not supported yet."),
        ("3.10.0", "etcd 3.10 is not supported yet."),
        ("4.0.0", "etcd 4.0 is not supported yet."),
        ("3.6", "give all three numbers"),
        ("latest", "give all three numbers"),
        ("3.6.14-rc.0", "give all three numbers"),
        (3.6, "give all three numbers"),
    ],
)
def test_a_version_that_cannot_be_used_is_refused(version: Any, why: str) -> None:
    (found,) = problems(version=version)
    assert found.startswith("version: invalid value ")
    assert why in found


def test_a_version_may_begin_with_v() -> None:
    assert loaded(version="v3.6.14").version == "3.6.14"


@pytest.mark.parametrize("version", ["3.6.14", "3.6.20", "3.7.3"])
def test_a_good_version_is_not_warned_of(version: str) -> None:
    assert warnings(version=version, binaries={"checksums": SUMS}) == []


@pytest.mark.parametrize("version", ["3.6.0", "3.6.4"])
def test_a_version_that_corrupts_data_is_warned_of_first_and_loudly(version: str) -> None:
    first, *_ = warnings(version=version)
    assert first == (
        f"version: DATA LOSS: {version} must not hold data you need: it can corrupt data when a defragmentation and"
        " the receipt of a snapshot coincide (etcd pull request 20650). Use 3.6.14."
    )


@pytest.mark.parametrize(
    ("version", "said", "unsaid"),
    [
        ("3.6.3", "20387", ""),
        ("3.6.4", "force-new-cluster", "20387"),
        ("3.6.5", "force-new-cluster", "DATA LOSS"),
        ("3.6.8", "CVE-2026-33413", "force-new-cluster"),
        ("3.6.9", "CVE-2026-44283", "CVE-2026-33413"),
        ("3.6.11", "promotes it", "CVE-2026-44283"),
        ("3.6.13", "GHSA-6vch-q96h-7gc3", "promotes it"),
        ("3.7.0", "GHSA-6vch-q96h-7gc3", "GHSA-xg4h"),
        ("3.5.33", "out of support", "GHSA"),
    ],
)
def test_a_version_is_warned_of_with_the_faults_it_has(version: str, said: str, unsaid: str) -> None:
    text = "\n".join(warnings(version=version, binaries={"checksums": SUMS}))
    assert said in text
    assert not unsaid or unsaid not in text


def test_a_version_without_a_sum_needs_one() -> None:
    assert problems(version="3.6.20") == [
        (
            'binaries.checksums["3.6.20"].amd64: missing; expected the SHA-256 sum of'
            " etcd-v3.6.20-linux-amd64.tar.gz."
            " None is pinned for 3.6.20, and an archive is only installed when its sum is known beforehand."
            " Take it from the SHA256SUMS of the release, not from the mirror that serves the archive."
        )
    ]
