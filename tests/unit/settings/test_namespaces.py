"""Settings below a namespace that nobody reads, and mistakes that are told once."""

import pytest

from etcd_cluster.settings.loading import misplaced
from tests.unit.settings.settings_samples import problems


def refused(*keys: str) -> list[str]:
    found, warned, _ = misplaced("etcd-cluster", keys)
    assert warned == []
    return [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("etcd-clutser:etcd", "etcd-cluster:etcd"),
        ("etcd_cluster:paths", "etcd-cluster:paths"),
        ("Etcd-Cluster:nodes", "etcd-cluster:nodes"),
        ("etcd-clusters:protect_cluster", "etcd-cluster:protect_cluster"),
        ("etcd:version", "etcd-cluster:version"),
        ("my-cluster:client_port", "etcd-cluster:client_port"),
        ("etcd-clutser:protect_clustre", "etcd-cluster:protect_cluster"),
        ("etcd-clutser:whatever", "etcd-cluster"),
    ],
)
def test_a_setting_in_another_namespace_is_refused(key: str, meant: str) -> None:
    namespace = key.partition(":")[0]
    assert refused(key) == [
        f'{key}: unknown namespace; did you mean "{meant}"? Nothing reads {namespace}, so the value would be ignored.'
    ]


@pytest.mark.parametrize("key", ["aws:region", "pulumi:tags", "tls:proxy", "command:version", "etcd-cluster:nodse"])
def test_what_a_provider_or_the_settings_read_is_left_to_them(key: str) -> None:
    assert misplaced("etcd-cluster", [key]) == ([], [], {})


def test_what_nothing_here_reads_is_warned_of() -> None:
    found, (warning,), meant = misplaced("etcd-cluster", ["kubernetes:context"])
    assert (found, meant) == ([], {})
    assert warning.startswith(
        "kubernetes:context: unknown namespace; neither this program nor its providers read kubernetes."
    )


def test_a_project_of_another_name_has_its_own_namespace() -> None:
    (found,), _, meant = misplaced("store", ["store:nodes", "etcd-cluster:paths"])
    assert str(found).startswith('etcd-cluster:paths: unknown namespace; did you mean "store:paths"?')
    assert meant == {"etcd-cluster:paths": "paths"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"binary": {"source": "download"}, "version": "3.6.20"},
        {"shh": {"private_key": "x"}},
        {"path": {"data_dir": "/var/lib/etcd"}},
    ],
)
def test_a_misspelled_setting_is_one_problem(wrong: dict[str, object]) -> None:
    (found,) = problems(**wrong)
    assert "unknown setting; did you mean " in found


def test_a_misspelled_address_is_one_problem() -> None:
    (found,) = problems(nodes={"a": {"adress": "192.0.2.1"}})
    assert found.startswith('nodes.a.adress: unknown setting; did you mean "nodes.a.address"?')


@pytest.mark.parametrize("value", ["", "null"])
def test_a_map_with_nothing_below_it_is_told_so(value: str) -> None:
    assert problems(etcd=value) == ["etcd: no value; expected a mapping."]


def test_text_of_several_lines_is_neither_shown_nor_called_a_secret() -> None:
    (found,) = problems(certificates={"subject": {"organization": "a\nb"}})
    assert found.startswith(
        "certificates.subject.organization: expected text of one line, not empty, got text of several lines."
    )
