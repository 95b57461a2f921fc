"""Types, names and completeness of the settings, and how mistakes are told."""

import json
from pathlib import Path
from typing import Any

import pydantic
import pytest

from etcd_cluster.settings import KEYS, Settings, SettingsError, load
from tests.unit.settings.settings_samples import loaded, nodes, problems, raw


def test_a_node_and_a_key_are_enough() -> None:
    settings = loaded(nodes=nodes("192.0.2.1"))
    assert settings.cluster_name == "etcd"
    assert settings.version == "3.6.14"
    assert settings.client_port == 2379
    assert list(settings.clients) == ["admin"]
    assert settings.etcd["election-timeout"] == "2000"


def test_nodes_keep_their_order() -> None:
    names = ["z", "a", "m"]
    given = {name: {"address": f"192.0.2.{number}"} for number, name in enumerate(names, 1)}
    assert list(loaded(nodes=given).nodes) == names


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        loaded().version = "3.6.13"


def test_every_mistake_is_told_at_once_and_in_full() -> None:
    found = problems(
        nodes={"a": {"address": "300.1.1.1"}, "b": {"adress": "192.0.2.2"}, "c": {"address": "192.0.2.3"}},
        versoin="3.6.14",
        client_port="many",
        etcd={"heartbeat-interval": 1000},
        paths={"data_dir": "/etc"},
    )
    assert found == [
        (
            'nodes.a.address: invalid value "300.1.1.1"; expected an IPv4 address, an IPv6 address without brackets,'
            " or a DNS name. It looks like an IPv4 address and is none: that has four numbers from 0 to 255 without"
            " leading zeros. Correct the number."
        ),
        'nodes.b.adress: unknown setting; did you mean "nodes.b.address"?',
        (
            'paths.data_dir: invalid value "/etc"; expected an absolute path of letters, digits and the characters .'
            " _ - + @, not a directory of the system itself. /etc belongs to the system and holds what is not etcd's."
            " Name a directory below it."
        ),
        'client_port: invalid value "many"; expected a whole number from 1 to 65535.',
        'versoin: unknown setting; did you mean "version"?',
        (
            'etcd.election-timeout: invalid value "2000"; expected at least 5000, five times the heartbeat-interval of'
            " 1000 milliseconds. A few late heartbeats would trigger an election, and etcd does not start with less."
            " Raise it to 10000, or lower the heartbeat-interval."
        ),
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"client_port": 0}, "client_port: invalid value 0; expected a whole number from 1 to 65535."),
        ({"client_port": 65536}, "client_port: invalid value 65536; expected a whole number from 1 to 65535."),
        ({"client_port": True}, "client_port: invalid value true; expected a whole number from 1 to 65535."),
        ({"client_port": 1.5}, "client_port: invalid value 1.5; expected a whole number from 1 to 65535."),
        ({"client_port": None}, "client_port: no value; expected a whole number from 1 to 65535."),
        ({"protect_cluster": "yes"}, 'protect_cluster: invalid value "yes"; expected true or false.'),
        ({"protect_cluster": 1}, "protect_cluster: invalid value 1; expected true or false."),
        ({"paths": "x"}, "paths: expected a mapping, got text."),
        ({"paths": [1]}, "paths: expected a mapping, got a list."),
        (
            {"certificates": {"extra_names": "a.example"}},
            'certificates.extra_names: invalid value "a.example"; expected a list.',
        ),
        ({"certificates": {"algorithm": "DSA"}}, 'certificates.algorithm: invalid value "DSA"; expected ECDSA or RSA.'),
        (
            {"certificates": {"rsa_bits": 1024}},
            "certificates.rsa_bits: invalid value 1024; expected a whole number of bits",
        ),
        ({"certificates": {"subject": {"country": "Korea"}}}, "expected a country code of two capital letters"),
        ({"certificates": {"subject": {"organization": 7}}}, "expected text. Put the value in quotes."),
        ({"certificates": {"subject": {"organization": ""}}}, "expected text of one line, not empty."),
        (
            {"deadlines": {"connect": 0}},
            "deadlines.connect: invalid value 0; expected a whole number of seconds from 1 to 86400.",
        ),
        ({"user": "root"}, 'user: invalid value "root"; expected a Linux account name'),
        ({"user": "Etcd User"}, "expected a Linux account name"),
        ({"cluster_name": "My_Cluster"}, "expected up to 40 lower-case letters, digits and hyphens"),
        ({"initial_cluster_token": "a b"}, "initial_cluster_token: invalid value"),
        (
            {"binaries": {"url": "ftp://x"}},
            'binaries.url: invalid value "ftp://x"; expected an http:// or https:// URL',
        ),
        ({"nodes": None}, "nodes: no value; expected a mapping."),
        ({"nodes": {}}, "nodes: 0 nodes; expected 1 to 9. A cluster has at least one member."),
        ({"nodes": {"a": None}}, "nodes.a.address: missing; expected an IPv4 address"),
        ({"nodes": {"a": "192.0.2.1"}}, "nodes.a: expected a mapping, such as a: {address: 192.0.2.13}, got text."),
        (
            {"nodes": nodes(*(f"192.0.2.{number}" for number in range(1, 11)))},
            (
                "nodes: 10 nodes; expected 1 to 9. Every write goes to every member, and beyond 9 each one"
                " more makes the cluster slower, not safer. Use 3 or 5."
            ),
        ),
    ],
)
def test_a_wrong_value_is_told_once(settings: dict[str, Any], expected: str) -> None:
    found = problems(**settings)
    assert len(found) == 1, found
    assert expected in found[0]


def test_no_nodes_at_all_is_told() -> None:
    given = raw()
    del given["nodes"]
    with pytest.raises(SettingsError) as error:
        load(given)
    assert str(error.value).startswith(
        "nodes: missing; expected a mapping of 1 to 9 nodes, such as {etcd-1: {address: 192.0.2.11}}."
    )


def test_nine_nodes_are_allowed() -> None:
    assert len(loaded(nodes=nodes(*(f"192.0.2.{number}" for number in range(1, 10)))).nodes) == 9


def test_an_unknown_name_without_a_near_one_lists_the_known_ones() -> None:
    assert problems(paths={"zzzz": 1}) == [
        (
            "paths.zzzz: unknown setting. The settings of paths are bin_dir, config_dir, data_dir, install_dir,"
            " wal_dir. Use one of them, or remove it."
        )
    ]


def test_the_value_of_an_unknown_name_is_not_shown() -> None:
    assert "hunter2" not in "".join(problems(ssh={"pasphrase": "hunter2"}))


def test_numbers_and_booleans_may_be_text_as_pulumi_leaves_them() -> None:
    settings = loaded(client_port="12379", protect_cluster="false", ssh={"port": "2222"}, deadlines={"connect": 5.0})
    assert (settings.client_port, settings.protect_cluster, settings.ssh.port) == (12379, False, 2222)
    assert settings.deadlines.connect == 5


def test_maps_may_be_json_as_pulumi_stores_them() -> None:
    given = {name: json.dumps(value) for name, value in raw().items()}
    assert load(given)[0] == loaded()


def test_a_key_without_a_value_is_an_empty_map() -> None:
    assert loaded(clients={"admin": None}).clients["admin"].common_name is None


def test_the_raw_mapping_is_not_changed() -> None:
    given = raw(nodes={"a": {"address": "bad address"}})
    before = json.dumps(given)
    with pytest.raises(SettingsError):
        load(given)
    assert json.dumps(given) == before


def test_the_table_of_keys_names_every_setting_and_its_kind() -> None:
    assert KEYS.keys() == Settings.model_fields.keys()
    kinds = {name: key.kind for name, key in KEYS.items()}
    assert kinds["cluster_name"] == kinds["version"] == kinds["initial_cluster_token"] == "string"
    assert kinds["client_port"] == "integer"
    assert kinds["protect_cluster"] == "boolean"
    assert kinds["nodes"] == kinds["ssh"] == kinds["etcd"] == "object"
    assert {name for name, key in KEYS.items() if key.secret} == {"ssh", "ca"}


def test_relative_paths_start_at_the_base(tmp_path: Path) -> None:
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives/etcd-v3.6.14-linux-amd64.tar.gz").touch()
    settings = loaded(tmp_path, binaries={"source": "push", "archive_dir": "archives"})
    assert settings.binaries.archive_dir == tmp_path / "archives"
