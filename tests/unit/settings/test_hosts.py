"""Nodes, addresses, names, ports and directories."""

from typing import Any

import pytest

from tests.unit.settings.settings_samples import loaded, nodes, problems, warnings


@pytest.mark.parametrize(
    ("given", "normalized"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("Etcd-1.Example.COM.", "etcd-1.example.com"),
        ("etcd1", "etcd1"),
    ],
)
def test_an_address_has_one_spelling(given: str, normalized: str) -> None:
    assert loaded(nodes=nodes(given)).nodes["n1"].address == normalized


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("https://192.0.2.1:2380", "Leave the scheme and the port out."),
        ("192.0.2.1:2380", "Leave the brackets and the port out."),
        ("[2001:db8::1]", "Leave the brackets and the port out."),
        ("fe80::1%eth0", "Leave the zone out."),
        ("fe80::1", "Other members and clients cannot reach this address."),
        ("127.0.0.1", "Other members and clients cannot reach this address."),
        ("::1", "Other members and clients cannot reach this address."),
        ("0.0.0.0", "Other members and clients cannot reach this address."),
        ("224.0.0.1", "Other members and clients cannot reach this address."),
        ("localhost", "Other members and clients cannot reach this address."),
        ("010.0.0.1", "without leading zeros"),
        ("192.0.2", "It looks like an IPv4 address and is none"),
        ("192.0.2.256", "It looks like an IPv4 address and is none"),
        ("a b", "A DNS name has labels"),
        ("-a.example", "A DNS name has labels"),
        ("a..b", "A DNS name has labels"),
        ("a" * 64, "A DNS name has labels"),
        ("", "A DNS name has labels"),
        ("a,b", "A DNS name has labels"),
        ("2001:db8::g", "A DNS name has labels"),
    ],
)
def test_a_bad_address_is_refused(given: str, why: str) -> None:
    (found,) = problems(nodes=nodes(given))
    assert found.startswith("nodes.n1.address: invalid value ")
    assert why in found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:DB8:0::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("etcd.example", "ETCD.example."),
    ],
)
def test_an_address_given_twice_is_refused_in_any_spelling(one: str, other: str) -> None:
    (found,) = problems(nodes=nodes(one, "192.0.2.9", other))
    assert found.startswith("nodes.n3.address: invalid value ")
    assert "It is also the address of n1, and each node is a member by itself. Correct it here or at n1." in found


def test_an_ssh_address_given_twice_is_refused() -> None:
    given = nodes("192.0.2.1", "192.0.2.2", "192.0.2.3")
    given["n2"]["ssh"] = {"host": "192.0.2.1"}
    assert problems(nodes=given) == [
        (
            'nodes.n2.ssh.host: invalid value "192.0.2.1:22"; expected an SSH address of its own.'
            " It is also the SSH address of n1, and each node is a host by itself. Correct it here or at n1."
        )
    ]


def test_one_ssh_host_with_a_port_for_each_node_is_allowed() -> None:
    given = nodes("192.0.2.1", "192.0.2.2", "192.0.2.3")
    for number, node in enumerate(given.values()):
        node["ssh"] = {"host": "203.0.113.1", "port": 2200 + number}
    assert loaded(nodes=given).connection("n3").port == 2202


@pytest.mark.parametrize("name", ["A", "a_b", "a=b", "a,b", "-a", "a-", "a" * 64, "", "a b", "ä"])
def test_a_bad_name_is_refused(name: str) -> None:
    (found,) = problems(nodes={name: {"address": "192.0.2.1"}})
    assert (
        "It is the member's name, and a part of the names of resources and of its certificates. Rename the node."
        in found
    )


@pytest.mark.parametrize("name", ["k8s-01", "a", "1", "etcd-1.example.com"])
def test_a_good_name_is_allowed(name: str) -> None:
    assert list(loaded(nodes={name: {"address": "192.0.2.1"}}).nodes) == [name]


def test_a_key_with_a_dot_is_told_as_pulumi_takes_it() -> None:
    (found,) = problems(nodes={"a.b": {"address": "127.0.0.1"}})
    assert found.startswith('nodes["a.b"].address: ')


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (2, "2 members tolerate no failure, the same as 1. Use 3."),
        (4, "4 members tolerate 1 failure, the same as 3. Use 3 or 5."),
        (6, "6 members tolerate 2 failures, the same as 5. Use 5 or 7."),
    ],
)
def test_an_even_number_of_members_is_warned_of(count: int, said: str) -> None:
    (found,) = warnings(nodes=nodes(*(f"192.0.2.{number}" for number in range(1, count + 1))))
    assert found == f"nodes: {said}"


@pytest.mark.parametrize("count", [1, 3, 5, 7, 9])
def test_an_odd_number_of_members_is_not_warned_of(count: int) -> None:
    assert warnings(nodes=nodes(*(f"192.0.2.{number}" for number in range(1, count + 1)))) == []


def test_one_port_for_clients_and_peers_is_refused() -> None:
    assert problems(peer_port=2379) == [
        (
            "peer_port: invalid value 2379; expected a port other than client_port."
            " Clients and peers are served by two listeners with two CAs. Choose another port for one of them."
        )
    ]


def test_a_wrong_port_does_not_clash_with_the_other_ones_default() -> None:
    assert len(problems(client_port="x", peer_port=2379)) == 1


def test_the_port_of_ssh_is_refused_for_clients() -> None:
    (found,) = problems(client_port=22)
    assert "a is reached over SSH at this port." in found


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ({"data_dir": "/"}, "/ belongs to the system"),
        ({"data_dir": "/usr/"}, "/usr belongs to the system"),
        ({"config_dir": "//etc"}, "/etc belongs to the system"),
        ({"data_dir": "/var/lib"}, "/var/lib belongs to the system"),
        ({"data_dir": "data"}, "A relative path means something else on each host. Begin it with /."),
        ({"data_dir": "/srv/../etc"}, "It has a part that is . or .. or begins with -."),
        ({"data_dir": "/srv/a b"}, "read other characters in their own way"),
        ({"data_dir": "/srv/%i"}, "read other characters in their own way"),
        ({"data_dir": "/srv/$HOME"}, "read other characters in their own way"),
        ({"data_dir": "/srv/a'b"}, "read other characters in their own way"),
        ({"data_dir": "/srv/a\nb"}, "read other characters in their own way"),
        ({"data_dir": "/tmp/etcd"}, "is lost at the next boot"),
        ({"data_dir": "/run/etcd"}, "is lost at the next boot"),
        ({"bin_dir": "/usr/bin"}, "/usr/bin belongs to the system"),
        ({"bin_dir": "/usr/lib/etcd"}, "The distribution's packages own what lies there."),
        ({"install_dir": "/usr/local/bin/etcd"}, "is inside paths.bin_dir"),
        ({"config_dir": "/usr/local/bin/x", "bin_dir": "/opt/bin"}, "Only links to programs belong there."),
        ({"config_dir": "/opt/etcd"}, "It is the same as paths.install_dir, /opt/etcd."),
        ({"config_dir": "/opt/etcd/conf"}, "It is inside paths.install_dir, /opt/etcd."),
        ({"install_dir": "/var/lib"}, "/var/lib belongs to the system"),
        ({"data_dir": 7}, "expected text. Put the value in quotes."),
    ],
)
def test_a_bad_directory_is_refused(paths: dict[str, Any], expected: str) -> None:
    found = problems(paths=paths)
    assert any(expected in line for line in found), found
    assert all(line.startswith("paths.") for line in found)


def test_data_inside_the_wal_directory_is_refused_with_a_place_for_the_wal() -> None:
    (found,) = problems(paths={"data_dir": "/srv/etcd/data", "wal_dir": "/srv/etcd"})
    assert "The WAL lies in the directory wal below paths.wal_dir" in found
    assert "Set paths.wal_dir to a directory beside the data, such as /srv/etcd/data-wal." in found


def test_a_wal_inside_the_data_directory_is_refused_with_what_to_do() -> None:
    assert problems(paths={"data_dir": "/srv/etcd/data", "wal_dir": "/srv/etcd/data/wal"}) == [
        (
            'paths.wal_dir: invalid value "/srv/etcd/data/wal"; expected a directory outside paths.data_dir.'
            " It is inside paths.data_dir, /srv/etcd/data. A restore needs an empty data directory, and a WAL inside"
            " would"
            " be in its way. Name one beside it, such as /srv/etcd/etcd-wal, or leave wal_dir out to keep the WAL in"
            " member/wal."
        )
    ]


def test_data_and_wal_side_by_side_are_allowed() -> None:
    paths = loaded(paths={"data_dir": "/data//etcd/data/", "wal_dir": "/data/etcd/wal"}).paths
    assert (paths.data_dir, paths.wal_dir) == ("/data/etcd/data", "/data/etcd/wal")


def test_directories_with_a_common_beginning_are_not_inside_each_other() -> None:
    assert problems(paths={"data_dir": "/srv/etcd", "wal_dir": "/srv/etcd-wal"}) == []
