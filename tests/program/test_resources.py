"""What the program registers, run as it is against mocks."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pulumi
import pytest

from components.node import of_node
from etcd_cluster.ssh.commands import PATH
from provider.resource import Resource
from provider.resources.archive import Archive
from provider.resources.host import Host
from provider.resources.preflight import Preflight
from provider.resources.rollout import Rollout
from provider.resources.service import Service
from tests.program.recording import HOST_KEY, LOGIN_KEY, SUM, Deployment, certificate_of, config, deploy, open_text

NODES = ("etcd-1", "etcd-2", "etcd-3")
ADDRESSES = {f"etcd-{number}": {"address": f"192.0.2.{number}"} for number in range(1, 6)}
OWN_CHILDREN = {
    "": "etcd:index:Node",
    "-host": "etcd:index:Host",
    "-binaries": "etcd:index:Binaries",
    "-binaries-install": "command:remote:Command",
    "-certificates": "etcd:index:NodeCertificates",
    **{
        f"-certificates-{purpose}-{part}": kind
        for purpose in ("server", "peer")
        for part, kind in (
            ("key", "tls:index/privateKey:PrivateKey"),
            ("request", "tls:index/certRequest:CertRequest"),
            ("certificate", "tls:index/locallySignedCert:LocallySignedCert"),
        )
    },
    "-service": "etcd:index:Service",
}
CLIENT_CHILDREN = {
    "": "etcd:index:ClientCertificate",
    "-key": "tls:index/privateKey:PrivateKey",
    "-request": "tls:index/certRequest:CertRequest",
    "-certificate": "tls:index/locallySignedCert:LocallySignedCert",
}
AUTHORITY_CHILDREN = {
    "": "etcd:index:CertificateAuthority",
    "-1-key": "tls:index/privateKey:PrivateKey",
    "-1-certificate": "tls:index/selfSignedCert:SelfSignedCert",
}


@cache
def three() -> Deployment:
    """Return the program's run on three plain nodes."""
    return deploy(config())


@cache
def of_size(size: int) -> Deployment:
    return deploy(config(nodes=dict(list(ADDRESSES.items())[:size])))


def named(prefix: str, children: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}{suffix}": kind for suffix, kind in children.items()}


def expected(nodes: Iterable[str]) -> dict[str, str]:
    resources = {"etcd": "etcd:index:Cluster"}
    for authority in ("etcd-client-ca", "etcd-peer-ca"):
        resources |= named(authority, AUTHORITY_CHILDREN)
    for client in ("etcd-client-etcdctl", "etcd-client-admin"):
        resources |= named(client, CLIENT_CHILDREN)
    for node in nodes:
        resources |= named(f"etcd-{node}", OWN_CHILDREN)
    return {
        **resources,
        "etcd-command": "pulumi:providers:command",
        "etcd-dynamic": "pulumi:providers:pulumi-python",
        "etcd-preflight": "etcd:index:Preflight",
        "etcd-rollout": "etcd:index:Rollout",
        "etcd-health": "pulumi-python:dynamic/etcd:ClusterHealth",
    }


# names and tree


@pytest.mark.parametrize("size", [1, 3, 5])
def test_every_resource_is_named_by_its_member(size: int) -> None:
    assert of_size(size).names == expected(list(ADDRESSES)[:size])


def test_every_name_is_given_once() -> None:
    assert len(three().resources) == len(three().names)


def test_every_child_stands_below_its_component() -> None:
    parents = {resource.name: resource.parent_name for resource in three().resources}
    below_cluster = ["client-ca", "peer-ca", "preflight", "rollout", "health", "client-admin", *NODES]
    assert {parents[f"etcd-{name}"] for name in below_cluster} == {"etcd"}
    for node in NODES:
        assert {parents[f"etcd-{node}-{part}"] for part in ("host", "binaries", "certificates", "service")} == {
            f"etcd-{node}"
        }
        assert parents[f"etcd-{node}-binaries-install"] == f"etcd-{node}-binaries"
        assert parents[f"etcd-{node}-certificates-peer-request"] == f"etcd-{node}-certificates"
    assert parents["etcd-peer-ca-1-key"] == "etcd-peer-ca"
    assert "pulumi:pulumi:Stack" in three().one("etcd").parent


def test_every_component_registers_its_outputs_once_and_after_its_children() -> None:
    order = three().order
    for component in [each for each in three().resources if each.type.startswith("etcd:index:")]:
        done = f"outputs of {component.urn}"
        children = [each.urn for each in three().resources if each.parent == component.urn]
        if not children:
            assert done not in order, "a resource with a provider gets its outputs from it"
            continue
        assert order.count(done) == 1, f"{component.name} does not register its outputs"
        assert max(map(order.index, children)) < order.index(done)


def test_no_output_of_a_component_is_empty() -> None:
    outputs = three().component_outputs
    assert len(outputs) == 1 + 2 + 2 + 3 * 3
    for urn, values in outputs.items():
        assert values.fields, urn
        assert all(value.WhichOneof("kind") != "null_value" for value in values.fields.values()), urn


def test_another_node_changes_only_what_is_its_own() -> None:
    before, after = of_size(2), of_size(3)
    added = set(after.names) - set(before.names)
    assert added == set(named("etcd-etcd-3", OWN_CHILDREN)) and not set(before.names) - set(after.names)
    changed = {name for name in before.names if before.one(name).inputs != after.one(name).inputs}
    assert changed == {"etcd-preflight", "etcd-rollout", "etcd-health"}


def test_the_order_of_nodes_in_the_settings_does_not_matter() -> None:
    turned = deploy(config(nodes=dict(reversed(list(ADDRESSES.items())[:3]))))
    assert {name: turned.one(name).inputs for name in turned.names} == {
        name: three().one(name).inputs for name in three().names
    }


# order of work


def test_no_host_is_touched_before_preflight() -> None:
    preflight = three().one("etcd-preflight").urn
    for node in NODES:
        assert preflight in three().one(f"etcd-{node}-host").dependencies


def test_nothing_is_put_on_a_host_before_it_is_claimed() -> None:
    for node in NODES:
        host = three().one(f"etcd-{node}-host").urn
        assert host in three().one(f"etcd-{node}-service").dependencies
        assert host in three().one(f"etcd-{node}-binaries-install").dependencies


def test_nodes_do_not_wait_for_each_other() -> None:
    for node in NODES:
        others = {each.urn for each in three().resources for other in NODES if other != node and other in each.name}
        for resource in three().resources:
            if resource.name.startswith(f"etcd-{node}"):
                assert not resource.dependencies & others


def test_the_rollout_waits_for_all_that_is_staged_and_installed() -> None:
    waits = three().one("etcd-rollout").dependencies
    for node in NODES:
        assert three().one(f"etcd-{node}-service").urn in waits
        assert three().one(f"etcd-{node}-binaries-install").urn in waits


def test_the_health_check_waits_for_the_rollout_and_runs_again_after_its_steps() -> None:
    health = three().one("etcd-health")
    assert three().one("etcd-rollout").urn in health.dependencies
    assert health.inputs["steps"] == 1


@pytest.mark.parametrize("protect", [True, False])
def test_the_rollout_and_what_goes_first_are_protected_unless_the_settings_say_otherwise(protect: bool) -> None:
    deployment = deploy(config(protect_cluster=protect))
    protected = {each.name for each in deployment.resources if each.protect}
    issuing = {"etcd-client-ca-1-key", "etcd-peer-ca-1-key"}
    assert protected == ({"etcd-health", "etcd-rollout", *issuing} if protect else set())


def test_a_destroy_begins_with_the_health_check_which_is_protected() -> None:
    deployment = three()
    urns = {each.urn: each for each in deployment.resources}
    before, waiting = set[str](), [deployment.one("etcd-health").urn]
    while waiting:
        urn = waiting.pop()
        if urn not in before:
            before.add(urn)
            waiting += urns[urn].dependencies
    # The engine removes children before their component, and providers last of all.
    parents = {each.parent for each in deployment.resources}
    free = {each.name for urn, each in urns.items() if urn not in before | parents and "providers" not in each.type}
    assert free == set()


# certificates


def test_certificates_carry_their_names_sorted() -> None:
    names = {"certificates": {"extra_names": ["lb.example.net", "203.0.113.7"]}}
    nodes = {"b": {"address": "192.0.2.10", "extra_names": ["b.example.net", "192.0.2.9", "2001:db8::1"]}}
    deployment = deploy(config(nodes=nodes, **names))
    server, peer = (deployment.one(f"etcd-b-certificates-{each}-request").inputs for each in ("server", "peer"))
    assert server["dnsNames"] == ["b", "b.example.net", "lb.example.net", "localhost"]
    assert server["ipAddresses"] == ["127.0.0.1", "192.0.2.10", "192.0.2.9", "2001:db8::1", "203.0.113.7", "::1"]
    assert peer["dnsNames"] == ["b", "b.example.net"]
    assert peer["ipAddresses"] == ["192.0.2.10", "192.0.2.9", "2001:db8::1"]


def test_a_dns_name_as_address_stands_among_the_names() -> None:
    deployment = deploy(config(nodes={"a": {"address": "etcd-a.example.net"}}))
    peer = deployment.one("etcd-a-certificates-peer-request").inputs
    assert (peer["dnsNames"], peer["ipAddresses"]) == (["a", "etcd-a.example.net"], [])


def test_a_client_certificate_names_no_host() -> None:
    request = three().one("etcd-client-admin-request").inputs
    assert (request["dnsNames"], request["ipAddresses"], request["subject"]["commonName"]) == ([], [], "admin")


def test_certificates_are_for_their_use_and_their_time() -> None:
    of = three().of("LocallySignedCert")
    assert {name: each.inputs["allowedUses"] for name, each in of.items()} == {
        **{
            f"etcd-client-{client}-certificate": ["client_auth", "digital_signature"] for client in ("admin", "etcdctl")
        },
        **{
            f"etcd-{node}-certificates-{purpose}-certificate": ["client_auth", "digital_signature", "server_auth"]
            for node in NODES
            for purpose in ("server", "peer")
        },
    }
    assert {each.inputs["validityPeriodHours"] for each in of.values()} == {365 * 24}
    assert {each.inputs["earlyRenewalHours"] for each in of.values()} == {30 * 24}


def test_authorities_live_longer_and_only_sign() -> None:
    for purpose in ("client", "peer"):
        inputs = three().one(f"etcd-{purpose}-ca-1-certificate").inputs
        assert inputs["isCaCertificate"] is True
        assert inputs["allowedUses"] == sorted(inputs["allowedUses"])
        assert set(inputs["allowedUses"]) == {"cert_signing", "crl_signing", "digital_signature"}
        assert (inputs["validityPeriodHours"], inputs["earlyRenewalHours"]) == (3650 * 24, 30 * 24)
        assert purpose in inputs["subject"]["commonName"]


def test_peers_and_clients_have_authorities_of_their_own() -> None:
    signer = {name: each.inputs["caCertPem"] for name, each in three().of("LocallySignedCert").items()}
    for name, authority in signer.items():
        assert authority == certificate_of(f"etcd-{'peer' if '-peer-' in name else 'client'}-ca-1-certificate")
    service = three().one("etcd-etcd-1-service").inputs
    assert service["client_ca"] != service["peer_ca"]


def test_every_key_is_p256_by_default() -> None:
    for each in three().of("PrivateKey").values():
        assert each.inputs == {"algorithm": "ECDSA", "ecdsaCurve": "P256"}, "the provider's own default is P224"


def test_rsa_keys_may_also_encipher() -> None:
    deployment = deploy(config(certificates={"algorithm": "RSA", "rsa_bits": 3072}))
    for each in deployment.of("PrivateKey").values():
        assert each.inputs == {"algorithm": "RSA", "rsaBits": 3072}
    for each in deployment.of("LocallySignedCert").values():
        uses = each.inputs["allowedUses"]
        assert uses == sorted(uses) and "key_encipherment" in uses


def test_a_shared_authority_signs_all_and_tells_peers_by_their_common_name() -> None:
    deployment = deploy(config(ca={"shared": True}))
    assert set(deployment.of("CertificateAuthority")) == {"etcd-client-ca"}
    signers = {each.inputs["caCertPem"] for each in deployment.of("LocallySignedCert").values()}
    assert signers == {certificate_of("etcd-client-ca-1-certificate")}
    service = deployment.one("etcd-etcd-1-service").inputs
    assert service["client_ca"] == service["peer_ca"]
    allowed = service["member"]["options"]["peer-cert-allowed-cn"]
    peers = {deployment.one(f"etcd-{node}-certificates-peer-request").inputs["subject"]["commonName"] for node in NODES}
    clients = {
        deployment.one(f"etcd-client-{name}-request").inputs["subject"]["commonName"] for name in ("admin", "etcdctl")
    }
    assert peers == {allowed} and allowed not in clients


def test_with_two_authorities_no_common_name_is_demanded() -> None:
    assert "peer-cert-allowed-cn" not in three().one("etcd-etcd-1-service").inputs["member"]["options"]


def test_another_generation_is_another_resource() -> None:
    deployment = deploy(config(ca={"peer": {"generation": 2}}))
    assert "etcd-peer-ca-2-key" in deployment.names and "etcd-peer-ca-1-key" not in deployment.names
    assert "etcd-client-ca-1-key" in deployment.names


def test_a_brought_authority_signs_and_none_is_made(own_authority: tuple[str, str]) -> None:
    certificate, key = own_authority
    deployment = deploy(config(ca={"client": {"certificate": certificate, "private_key": key}}))
    assert "etcd-client-ca-1-key" not in deployment.names and "etcd-peer-ca-1-key" in deployment.names
    leaf = deployment.one("etcd-etcd-1-certificates-server-certificate")
    assert leaf.inputs["caCertPem"].strip() == certificate.strip()
    assert leaf.inputs["caPrivateKeyPem"].strip() == key.strip() and leaf.is_secret("caPrivateKeyPem")
    assert key.strip() not in open_text(deployment)


# binaries


def test_the_install_is_one_command_that_leaves_nothing_to_chance() -> None:
    for node in NODES:
        command = three().one(f"etcd-{node}-binaries-install")
        inputs = command.inputs
        assert set(inputs) == {"connection", "create", "stdin", "logging", "addPreviousOutputInEnv"}, (
            "neither delete, update, triggers nor environment"
        )
        assert inputs["logging"] == "none" and inputs["addPreviousOutputInEnv"] is False
        assert inputs["create"] == f"/usr/bin/env -i PATH={PATH} LC_ALL=C HOME=/root sh -eu -s", (
            "nothing of the login's environment reaches curl"
        )
        assert inputs["connection"]["hostKey"] == HOST_KEY, "also one that was trusted at first use"
        assert inputs["connection"]["host"] == ADDRESSES[node]["address"]
        assert inputs["connection"]["perDialTimeout"] == 15
        assert command.is_secret("connection")


def test_the_install_carries_the_sum_the_damage_and_no_secret() -> None:
    stdin = three().one("etcd-etcd-1-binaries-install").inputs["stdin"]
    assert stdin.startswith("node=etcd-1\nversion=3.6.16\narchitecture=amd64\nsource=download\n")
    assert f"\nsha256={SUM}\n" in stdin and "\ndamage=0\n" in stdin
    assert "PRIVATE KEY" not in stdin


def test_another_account_installs_with_sudo() -> None:
    deployment = deploy(config(ssh={"private_key": LOGIN_KEY, "host_key_policy": "accept-new", "user": "admin"}))
    install = deployment.one("etcd-etcd-1-binaries-install").inputs
    assert install["create"].startswith("/usr/bin/env LC_ALL=C sudo -n -- /usr/bin/env -i PATH=")
    assert install["connection"]["user"] == "admin"
    assert deployment.one("etcd-etcd-1-host").inputs["connection"]["sudo"] is True


def test_a_host_that_downloads_gets_no_archive() -> None:
    assert not three().of("Archive")


def pushed(folder: Path) -> Deployment:
    for architecture in ("amd64", "arm64"):
        (folder / f"etcd-v3.6.16-linux-{architecture}.tar.gz").touch()
    return deploy(config(binaries={**config()["binaries"], "source": "push", "archive_dir": str(folder)}))


def test_a_pushed_archive_travels_by_its_sum_alone(tmp_path: Path) -> None:
    deployment = pushed(tmp_path)
    for node in NODES:
        archive = deployment.one(f"etcd-{node}-binaries-archive")
        assert archive.type == "etcd:index:Archive" and archive.parent_name == f"etcd-{node}-binaries"
        assert archive.inputs["digest"] == SUM
        assert archive.inputs["source"] == f"{tmp_path}/etcd-v3.6.16-linux-amd64.tar.gz"
        assert archive.inputs["target"] == "/opt/etcd/etcd-v3.6.16-linux-amd64.tar.gz"
        install = deployment.one(f"etcd-{node}-binaries-install")
        assert archive.urn in install.dependencies and "\nsource=push\n" in install.inputs["stdin"]


def test_a_bastion_is_the_way_of_every_connection() -> None:
    bastion = {"host": "203.0.113.1", "port": 2222, "user": "jump", "host_key": HOST_KEY}
    deployment = deploy(config(ssh={"private_key": LOGIN_KEY, "host_key_policy": "accept-new", "bastion": bastion}))
    proxy = deployment.one("etcd-etcd-1-binaries-install").inputs["connection"]["proxy"]
    assert (proxy["host"], proxy["port"], proxy["user"], proxy["hostKey"]) == ("203.0.113.1", 2222, "jump", HOST_KEY)
    assert proxy["privateKey"].strip() == LOGIN_KEY.strip()
    through = deployment.one("etcd-etcd-2-host").inputs["connection"]["bastion"]
    assert (through["host"], through["user"], through["sudo"]) == ("203.0.113.1", "jump", False)


# secrets


def test_no_key_stands_open_in_the_state() -> None:
    text = open_text(three())
    assert certificate_of("etcd-client-ca-1-certificate") in text, "the walk sees what is open"
    assert "PRIVATE KEY" not in text and "key of " not in text


@pytest.mark.parametrize("kind", ["Host", "Service"])
def test_the_connection_is_a_secret_of_every_resource_that_uses_it(kind: str) -> None:
    assert all(each.is_secret("connection") for each in three().of(kind).values())
    assert all(three().one(f"etcd-{name}").is_secret("connections") for name in ("rollout", "health"))


def test_only_the_certificates_and_keys_of_its_own_node_reach_a_host() -> None:
    service = three().one("etcd-etcd-2-service")
    assert service.is_secret("keys")
    assert service.inputs["keys"] == {
        "server": "key of etcd-etcd-2-certificates-server-key",
        "peer": "key of etcd-etcd-2-certificates-peer-key",
        "etcdctl": "key of etcd-client-etcdctl-key",
    }
    assert set(service.inputs["leafs"]) == set(service.inputs["keys"])


# plugin inputs


def test_the_rollout_knows_each_member_with_what_is_staged_for_it() -> None:
    inputs = three().one("etcd-rollout").inputs
    assert set(inputs["members"]) == set(NODES)
    member = inputs["members"]["etcd-2"]
    assert (member["revision"], member["certificates"]) == ("r of etcd-etcd-2-service", "c of etcd-etcd-2-service")
    assert inputs["host_ids"]["etcd-2"] == "id of etcd-etcd-2-host"
    assert inputs["valid_from"] == "from etcd-etcd-3-service", "the latest of all"
    assert all(isinstance(seconds, int) and seconds > 0 for seconds in inputs["deadlines"].values())


def test_a_member_is_a_map_whose_settings_the_engine_can_name() -> None:
    nodes = {
        "a": {"address": "192.0.2.1", "etcd": {"max-txn-ops": "256"}},
        "b": {"address": "192.0.2.2"},
        "c": {"address": "192.0.2.3"},
    }
    deployment = deploy(config(nodes=nodes, etcd={"heartbeat-interval": "100", "election-timeout": "1000"}))
    members = {name: deployment.one(f"etcd-{name}-service").inputs["member"] for name in nodes}
    assert members["a"]["options"]["max-txn-ops"] == "256" and "max-txn-ops" not in members["b"]["options"]
    assert {each["options"]["heartbeat-interval"] for each in members.values()} == {"100"}
    assert members["b"]["address"] == "192.0.2.2" and members["b"]["paths"]["data_dir"] == "/var/lib/etcd"


def test_preflight_knows_what_to_hold_hosts_against() -> None:
    inputs = three().one("etcd-preflight").inputs
    assert inputs["checksums"] == {"amd64": SUM, "arm64": SUM}
    assert inputs["source"] == "download" and inputs["stack"].endswith("/etcd-cluster/dev")
    assert set(inputs["connections"]) == set(inputs["members"]) == set(NODES)


@pytest.mark.parametrize("kind", [Host, Service, Rollout, Preflight, Archive])
def test_every_input_of_a_plugin_resource_is_described_by_its_provider(kind: type[Resource], tmp_path: Path) -> None:
    deployment = pushed(tmp_path) if kind is Archive else three()
    registered = deployment.of(kind.__name__)
    assert registered and {each.type for each in registered.values()} == {kind.type}
    for resource in registered.values():
        assert [key for key in resource.inputs if f"`{key}`" not in (kind.__doc__ or "")] == []


def test_a_node_that_preflight_does_not_know_is_one_message() -> None:
    with pytest.raises(pulumi.RunError, match="etcd-4: it is new, and `--target` or `--exclude` leaves out Preflight"):
        of_node({"etcd-1": {}}, "etcd-4")
