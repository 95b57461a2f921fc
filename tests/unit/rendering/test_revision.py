"""The files that are staged for a member.

The files in `golden/` are what was reviewed; `UPDATE_GOLDEN=1 pytest tests/unit/rendering` writes them anew.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_cluster.rendering import revision as render
from etcd_cluster.settings.options.table import OPTIONS
from etcd_cluster.specs.member import Member, initial_cluster
from etcd_cluster.specs.paths import Layout
from tests.unit.rendering import environment_file
from tests.unit.samples import LAYOUT, member

GOLDEN = Path(__file__).parent / "golden"
SEED = Layout("/opt/k8s/bin", "/opt/k8s/etcd", "/etc/etcd", "/data/k8s/etcd/data", "/data/k8s/etcd/wal")
CASES = {
    "ipv4": member(),
    "ipv6": member(address="2001:db8::1"),
    "dns-name": member(address="etcd-1.example.net"),
    "wal-directory": member(layout=SEED),
    "below-home": member(layout=replace(LAYOUT, data_dir="/home/etcd/data")),
    "odd-options": member(options={"log-outputs": 'a "b" $c \\d `e`', "metrics": "it's", "enable-pprof": " x # y;"}),
    "shared-authority": member(options={"peer-cert-allowed-cn": "etcd-peer"}, service_start=60),
}
# What takes a restart to change
CHANGES: dict[str, Any] = {
    "name": "b",
    "address": "192.0.2.9",
    "client_port": 12379,
    "peer_port": 12380,
    "version": "3.6.14",
    "user": "other",
    "group": "other",
    "service_start": 60,
    "options": {"heartbeat-interval": "100"},
    "layout": SEED,
    "former_addresses": ("192.0.2.99",),
}


def revision(one: Member, client_ca: str = "client CA\n", peer_ca: str = "peer CA\n") -> str:
    return render.revision(one, client_ca, peer_ca)[0]


def bootstrap(one: Member) -> str:
    return render.bootstrap_environment("new", initial_cluster({one.name: one.peer_url, "z": "https://z:2380"}), "t1")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["etcd.env", "etcd.service", "bootstrap.env"])
def test_the_rendered_files_are_those_that_were_reviewed(case: str, name: str) -> None:
    one = CASES[case]
    files = {each: staged.text for each, staged in render.revision(one, "client CA\n", "peer CA\n")[1].items()}
    text = {**files, "bootstrap.env": bootstrap(one)}[name]
    golden = GOLDEN / case / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text(), f"{golden} says otherwise; if the change is right, set UPDATE_GOLDEN=1"


def test_every_golden_folder_is_a_case() -> None:
    assert {folder.name for folder in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_the_environment_always_says_existing(case: str) -> None:
    text = render.revision(CASES[case], "", "")[1]["etcd.env"].text
    assert environment_file.read(text)["ETCD_INITIAL_CLUSTER_STATE"] == "existing"
    assert text.count("INITIAL_CLUSTER") == 1, "the member list of a birth stands in bootstrap.env alone"


def test_only_the_bootstrap_environment_says_new() -> None:
    assert environment_file.read(bootstrap(member())) == {
        "ETCD_INITIAL_CLUSTER_STATE": "new",
        "ETCD_INITIAL_CLUSTER": "a=https://192.0.2.1:2380,z=https://z:2380",
        "ETCD_INITIAL_CLUSTER_TOKEN": "t1",
    }


@pytest.mark.parametrize("case", CASES)
def test_systemd_reads_back_every_value(case: str) -> None:
    name, files = render.revision(CASES[case], "", "")
    read = environment_file.read(files["etcd.env"].text)
    assert read == {**render.environment(CASES[case]), render.REVISION_VARIABLE: name}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"\A[A-Z][A-Z_]{0,9}\Z"), st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"))
    )
)
def test_systemd_reads_back_any_value(variables: Mapping[str, str]) -> None:
    assert environment_file.read(render.environment_text(variables)) == variables


def test_every_option_stands_under_its_own_variable() -> None:
    assert render.option_variable("listen-client-http-urls") == "ETCD_LISTEN_CLIENT_HTTP_URLS"
    assert render.environment(member(options={"quota-backend-bytes": "1"}))["ETCD_QUOTA_BACKEND_BYTES"] == "1"


def unset_by(one: Member) -> set[str]:
    lines = [line.partition("=")[2] for line in render.unit(one).splitlines() if line.startswith("UnsetEnvironment=")]
    return {word for line in lines for word in line.split()}


@pytest.mark.parametrize("case", CASES)
def test_the_unit_unsets_nothing_that_is_rendered(case: str) -> None:
    one = CASES[case]
    read = environment_file.read(render.revision(one, "", "")[1]["etcd.env"].text)
    assert not unset_by(one) & {*read, *environment_file.read(bootstrap(one))}


@pytest.mark.parametrize("case", CASES)
def test_every_option_of_etcd_is_rendered_or_unset(case: str) -> None:
    one = CASES[case]
    ours = {*render.environment(one), *environment_file.read(bootstrap(one))}
    assert {render.option_variable(name) for name in OPTIONS} <= ours | unset_by(one)
    assert "ETCD_CONFIG_FILE" in unset_by(one)


def test_no_proxy_and_nothing_that_weakens_tls_reaches_etcd() -> None:
    expected = {"HTTP_PROXY", "https_proxy", "ALL_PROXY", "no_proxy", "GODEBUG", "LD_PRELOAD", "ETCD_VERIFY"}
    assert expected <= unset_by(member())


@pytest.mark.parametrize("option", ["memory-mlock", "experimental-memory-mlock"])
def test_memory_that_is_locked_has_no_limit(option: str) -> None:
    assert "\nLimitMEMLOCK=infinity\n" in render.unit(member(options={option: "true"}))
    assert "LimitMEMLOCK" not in render.unit(member(options={option: "false"}))


@pytest.mark.parametrize(
    ("changed", "options", "protected"),
    [
        ({}, {}, "true"),
        ({"data_dir": "/home/etcd/data"}, {}, "false"),
        ({"data_dir": "/root"}, {}, "false"),
        ({"wal_dir": "/run/user/5/wal"}, {}, "false"),
        ({"config_dir": "/root/etcd"}, {}, "read-only"),
        ({"bin_dir": "/home/bin"}, {}, "read-only"),
        ({"install_dir": "/root/opt"}, {}, "read-only"),
        ({"config_dir": "/homes/etcd"}, {}, "true"),
        ({}, {"client-crl-file": "/home/pki/crl.pem"}, "read-only"),
        ({}, {"auth-token": "jwt,pub-key=/root/jwt.pub,priv-key=/root/jwt.key,sign-method=RS256"}, "read-only"),
        ({"config_dir": "/root/etcd", "data_dir": "/home/etcd"}, {}, "false"),
    ],
)
def test_home_directories_are_hidden_where_nothing_of_etcd_lies_there(
    changed: dict[str, str], options: dict[str, str], protected: str
) -> None:
    unit = render.unit(member(layout=replace(LAYOUT, **changed), options=options))
    assert f"\nProtectHome={protected}\n" in unit


def test_the_order_of_options_makes_no_other_revision() -> None:
    options = {"heartbeat-interval": "250", "election-timeout": "2000"}
    assert revision(member(options=options)) == revision(member(options=dict(reversed(options.items()))))


@pytest.mark.parametrize("field", CHANGES)
def test_every_change_of_a_member_is_another_revision(field: str) -> None:
    assert revision(member(**{field: CHANGES[field]})) != revision(member())


def test_a_change_is_listed_for_every_field_of_a_member() -> None:
    assert set(CHANGES) == set(Member.__dataclass_fields__)


def test_another_bundle_is_another_revision() -> None:
    bundles = [("client CA\n", "peer CA\n"), ("new CA\n", "peer CA\n"), ("client CA\n", "new CA\n")]
    assert len({revision(member(), *each) for each in bundles}) == 3


def test_a_member_read_back_from_its_inputs_has_the_same_revision() -> None:
    for one in CASES.values():
        assert Member.from_inputs(one.inputs()) == one
        assert revision(Member.from_inputs(one.inputs())) == revision(one)


def test_the_revision_stands_in_the_environment_but_not_under_etcds_prefix() -> None:
    name, files = render.revision(member(), "", "")
    assert environment_file.read(files["etcd.env"].text)["MEMBER_REVISION"] == name


def test_leafs_are_no_part_of_the_revision() -> None:
    files = render.revision(member(), "client CA\n", "peer CA\n")[1]
    assert set(files) == {"etcd.service", "client-ca.pem", "peer-ca.pem", "version", "etcd.env"}


def test_another_leaf_or_key_is_another_certificate_set() -> None:
    sets = [({"server": "1"}, {"server": "k"}), ({"server": "2"}, {"server": "k"}), ({"server": "1"}, {"server": "l"})]
    assert len({render.certificate_set(leaves, keys)[0] for leaves, keys in sets}) == 3


def test_the_order_of_leafs_makes_no_other_certificate_set() -> None:
    leaves = {"peer": "1", "server": "2"}
    first, second = (render.certificate_set(each, {}) for each in (leaves, dict(reversed(leaves.items()))))
    assert first[0] == second[0]


def test_a_file_is_not_taken_for_a_part_of_another() -> None:
    one = {"a": render.StagedFile("bc")}
    other = {"ab": render.StagedFile("c")}
    assert render.digest(one) != render.digest(other)


def test_an_archive_holds_each_file_with_its_mode_and_sum() -> None:
    files = render.certificate_set({"server": "leaf\n"}, {"server": "key\n"})[1]
    files["version"] = render.StagedFile("3.6.16\n")
    with tarfile.open(fileobj=io.BytesIO(render.archive(files))) as tar:
        modes = {entry.name: entry.mode for entry in tar}
        contents = {entry.name: read.read() for entry in tar if (read := tar.extractfile(entry))}
    assert modes == {"server.pem": 0o640, "server-key.pem": 0o640, "version": 0o644, "SHA256SUMS": 0o644}
    sums = dict(reversed(line.split("  ")) for line in contents.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert contents == {name: staged.text.encode() for name, staged in files.items()}


def test_the_same_files_make_the_same_archive() -> None:
    files = render.revision(member(), "", "")[1]
    assert render.archive(files) == render.archive(files)
