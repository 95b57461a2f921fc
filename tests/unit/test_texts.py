"""Names, addresses, paths, errors and the lines that are meant to be pasted."""

import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_cluster.certificates.names import Names, split_names
from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.observation import etcdctl
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering import usage
from etcd_cluster.specs.member import initial_cluster, listen_host
from etcd_cluster.specs.paths import Layout
from etcd_cluster.ssh.session import as_text
from tests.unit.samples import LAYOUT, member

URLS = ["https://192.0.2.1:2379", "https://[2001:db8::2]:2379"]


@pytest.mark.parametrize(
    ("address", "host", "listens"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "[2001:db8::1]", "[2001:db8::1]"),
        ("etcd-1.example.net", "etcd-1.example.net", "0.0.0.0"),
    ],
)
def test_an_address_stands_in_urls_as_they_need_it(address: str, host: str, listens: str) -> None:
    one = member(address=address, client_port=12379)
    assert one.client_url == f"https://{host}:12379"
    assert one.peer_url == f"https://{host}:2380"
    assert one.local_url == "https://127.0.0.1:12379"
    assert listen_host(address) == listens


def test_the_initial_cluster_is_sorted_by_name() -> None:
    assert initial_cluster({"b": "https://b:2380", "a": "https://a:2380"}) == "a=https://a:2380,b=https://b:2380"


def test_addresses_are_told_from_names_and_both_are_sorted() -> None:
    names = split_names(["b.example.net", "192.0.2.10", "localhost", "2001:DB8:0::1", "192.0.2.9", "localhost"])
    assert names == Names(["b.example.net", "localhost"], ["192.0.2.10", "192.0.2.9", "2001:db8::1"])


@settings(max_examples=60, deadline=None)
@given(st.permutations(["b", "a", "::1", "10.0.0.1", "a", "0:0:0:0:0:0:0:1"]))
def test_neither_order_nor_spelling_changes_the_names(names: list[str]) -> None:
    assert split_names(names) == Names(["a", "b"], ["10.0.0.1", "::1"])


def test_a_wal_directory_of_its_own_stands_beside_the_data() -> None:
    assert LAYOUT.wal.startswith(f"{LAYOUT.data_dir}/")
    assert replace(LAYOUT, wal_dir="/wal").wal.startswith("/wal")


def test_paths_come_back_from_their_inputs() -> None:
    for layout in (LAYOUT, replace(LAYOUT, wal_dir="/wal")):
        assert Layout.from_inputs(layout.inputs()) == layout


def test_everything_that_is_staged_lies_below_the_configuration() -> None:
    paths = [LAYOUT.environment, LAYOUT.bootstrap_environment, LAYOUT.active_revision, LAYOUT.active_certificates]
    assert all(path.startswith(f"{LAYOUT.config_dir}/") for path in paths)
    assert LAYOUT.version_dir("3.6.16") == "/opt/etcd/v3.6.16"


def test_the_etcdctl_line_is_one_line_for_a_shell() -> None:
    line = etcdctl.command_line(replace(LAYOUT, bin_dir="/opt/my tools"), URLS)
    assert shlex.split(line) == [
        "/opt/my tools/etcdctl",
        f"--endpoints={','.join(URLS)}",
        "--cacert=/etc/etcd/current/client-ca.pem",
        "--cert=/etc/etcd/certificates/current/etcdctl.pem",
        "--key=/etc/etcd/certificates/current/etcdctl-key.pem",
    ]


def test_the_flags_of_kube_apiserver_name_all_endpoints_and_its_own_files() -> None:
    assert usage.kube_apiserver_flags(URLS).split() == [
        f"--etcd-servers={URLS[0]},{URLS[1]}",
        "--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt",
        "--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt",
        "--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key",
    ]


def test_the_readme_names_the_cluster_its_endpoints_and_a_client() -> None:
    text = usage.readme("main", URLS, ["admin", "other"])
    assert "'main'" in text and ", ".join(URLS) in text
    assert """jq -r '.["admin"].private_key'""" in text


def test_the_readme_of_a_cluster_without_clients_leaves_the_name_open() -> None:
    assert '.["NAME"].certificate' in usage.readme("main", URLS, [])


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_names_are_joined_as_in_a_sentence(names: list[str], text: str) -> None:
    assert as_text(names) == text


def test_an_error_has_a_line_for_each_problem() -> None:
    error = ClusterError(
        Problem(Reason.HOST_UNREACHABLE, "a", "it is off", "Turn it on"),
        Problem(Reason.COMMAND_FAILED, "b", "it is full", "Make room"),
    )
    assert str(error) == "a: it is off. Turn it on.\nb: it is full. Make room."
    assert [problem.where for problem in error.problems] == ["a", "b"]


def test_an_error_of_one_problem_keeps_its_kind() -> None:
    class Special(ClusterError):
        pass

    error = Special.of(Reason.HOST_UNREACHABLE, "a", "it is off", "Turn it on")
    assert isinstance(error, Special) and str(error) == "a: it is off. Turn it on."


@pytest.mark.parametrize(
    ("what", "action", "text"),
    [
        ("it is full", "Free some space", "a: it is full. Free some space."),
        ("it is full", "", "a: it is full."),
        ('did you mean "b"?', "", 'a: did you mean "b"?'),
        ("a key: ssh-ed25519 AAAA…", "Set it", "a: a key: ssh-ed25519 AAAA… Set it."),
        ("etcd said:\npanic\n", "Fix it", "a: etcd said:\npanic\nFix it."),
    ],
)
def test_a_problem_is_written_in_whole_sentences(what: str, action: str, text: str) -> None:
    assert str(Problem(Reason.SETTING_INVALID, "a", what, action)) == text
