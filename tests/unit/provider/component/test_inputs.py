"""The inputs of the component are read as settings, with stand-ins for what only `up` will know."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from etcd_cluster.settings import SettingsError
from provider.component.inputs import message, read
from provider.values import UNKNOWN

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG1NargfW8iSVL8WoF9koS40bY8+msIU2vhnk1LK1CSm"


def inputs(**change: Any) -> dict[str, Any]:
    return {
        "nodes": {"a": {"address": "192.0.2.1", "ssh": {"hostKey": KEY}}},
        "ssh": {"agent": True},
        "version": "3.6.14",
    } | change


def refused(given: Mapping[str, Any], name: str = "etcd", secret: tuple[str, ...] = ()) -> str:
    with pytest.raises(SettingsError) as refusal:
        read(name, given, secret)
    return message(refusal.value)


def test_inputs_are_settings_by_other_names() -> None:
    found = read(
        "main",
        inputs(
            purgeDataOnDestroy=True,
            etcd={"heartbeat-interval": 300},
            paths={"dataDir": "/srv/etcd"},
            clients={"kube-api.server": {"commonName": "kube"}, "admin": None},
            certificates={"extraNames": ["lb.example.com"], "validityDays": None},
        ),
    )
    settings = found.settings
    assert settings.cluster_name == "main"
    assert settings.purge_data_on_destroy
    assert settings.etcd["heartbeat-interval"] == "300"
    assert settings.paths.data_dir == "/srv/etcd"
    assert settings.clients["kube-api.server"].common_name == "kube" and settings.clients["admin"].common_name is None
    assert settings.certificates.extra_names == ("lb.example.com",) and settings.certificates.validity_days == 365
    assert found.unknown == frozenset()
    assert found.knows_address("a") and found.knows_connection("a")


def test_addresses_and_keys_that_are_yet_to_be_made_do_not_keep_the_rest_from_its_checks() -> None:
    nodes = {
        "a": {"address": UNKNOWN, "ssh": {"hostKey": UNKNOWN}},
        "b": {"address": UNKNOWN, "ssh": {"hostKey": KEY}},
        "c": {"address": "192.0.2.3", "ssh": {"hostKey": KEY}},
    }
    found = read("etcd", inputs(nodes=nodes))
    addresses = {node.address for node in found.settings.nodes.values()}
    assert len(addresses) == 3 and "192.0.2.3" in addresses
    assert [found.knows_address(node) for node in "abc"] == [False, False, True]
    assert [found.knows_connection(node) for node in "abc"] == [False, False, True]
    assert refused(inputs(nodes=nodes, clientPort=2380)).startswith("peerPort: ")


def test_the_known_hosts_of_a_host_are_looked_at_once_it_has_an_address(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"192.0.2.2 {KEY}\n")
    ssh = {"agent": True, "knownHostsFile": str(tmp_path / "known_hosts")}
    bastion = {"bastion": {"host": UNKNOWN}}
    read("etcd", inputs(nodes={"a": {"address": UNKNOWN}, "b": {"address": "192.0.2.2"}}, ssh=ssh | bastion))
    lost = refused(inputs(nodes={"a": {"address": "192.0.2.3"}}, ssh=ssh))
    assert lost.startswith("nodes.a.ssh.hostKey: missing; ")


@pytest.mark.parametrize(
    "login",
    [
        {"privateKey": UNKNOWN},
        {"privateKey": UNKNOWN, "passphrase": UNKNOWN},
        {"privateKey": UNKNOWN, "passphrase": "known"},
        {"agent": True, "bastion": {"host": UNKNOWN, "hostKey": UNKNOWN}},
        {"agent": True, "bastion": {"host": "192.0.2.9", "hostKey": KEY, "privateKey": UNKNOWN, "passphrase": UNKNOWN}},
    ],
)
def test_a_login_that_is_yet_to_be_made_leaves_no_connection_known(login: dict[str, Any]) -> None:
    found = read("etcd", inputs(ssh=login))
    assert found.knows_address("a") and not found.knows_connection("a")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"version": UNKNOWN}, "version"),
        ({"etcd": {"heartbeat-interval": UNKNOWN}}, "etcd.heartbeat-interval"),
        ({"ca": {"client": {"privateKey": UNKNOWN}}}, "ca.client.privateKey"),
        ({"nodes": UNKNOWN}, "nodes"),
        ({"certificates": {"extraNames": [UNKNOWN]}}, "certificates.extraNames[0]"),
    ],
)
def test_what_a_plan_rests_on_has_to_be_known_in_a_preview(change: dict[str, Any], name: str) -> None:
    assert refused(inputs(**change)).startswith(f"{name}: its value is known only after `pulumi up`. ")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"clientPort": 99999}, "clientPort: "),
        ({"purgeDataOnDestory": True}, 'purgeDataOnDestory: unknown setting; did you mean "purgeDataOnDestroy"?'),
        ({"nodes": {"a": {"address": "192.0.2.1"}}}, "ssh.knownHostsFile: "),
        ({"hosts": "ec2"}, "hosts: not an input of this component"),
        ({"clusterName": "other"}, "clusterName: not an input of this component"),
    ],
)
def test_a_mistake_is_named_as_the_program_spells_it(change: dict[str, Any], text: str) -> None:
    assert refused(inputs(**change)).startswith(text)


def test_all_mistakes_are_named_at_once() -> None:
    assert len(refused(inputs(clientPort=0, peerPort=0)).splitlines()) == 2


def test_the_cluster_is_named_after_the_resource() -> None:
    assert refused(inputs(), name="Main").startswith("the resource's name: ")


def test_a_secret_is_not_shown() -> None:
    assert "s3cret" in refused(inputs(initialClusterToken="s3cret?"))
    assert "s3cret" not in refused(inputs(initialClusterToken="s3cret?"), secret=("initialClusterToken",))
