"""What a node on EC2 consists of: each resource with every input, and the order of work."""

from functools import cache

import pytest

from tests.program.cloud import ALL_OPTIONS, KMS_KEY, SUBNETS, made, volume_id
from tests.program.recording import HOST_KEY, LOGIN_KEY, Deployment, marked, open_text

SIZES = [1, 3, 5]
NODE = "etcd-etcd-2-v1"
CHILDREN = {
    "": "etcd:index:Ec2Node",
    "-g1-first-key": "tls:index/privateKey:PrivateKey",
    "-data": "aws:ebs/volume:Volume",
    "-pin": "etcd:index:Pinned",
    "-instance": "aws:ec2/instance:Instance",
    "-data-attachment": "aws:ec2/volumeAttachment:VolumeAttachment",
    "-first-login": "etcd:index:FirstLogin",
    "-address": "etcd:index:Address",
    "-address-place": "etcd:index:Pinned",
    "-address-eni": "aws:ec2/networkInterface:NetworkInterface",
    "-address-host-key": "tls:index/privateKey:PrivateKey",
}
SHARED = {
    "etcd-ec2": "etcd:index:Ec2Hosts",
    "etcd-ec2-aws": "pulumi:providers:aws",
    "etcd-ec2-placement": "etcd:index:Placement",
    "etcd-ec2-preflight": "etcd:index:InstancePreflight",
    "etcd-ec2-login": "etcd:index:LoginKey",
    "etcd-ec2-login-key": "tls:index/privateKey:PrivateKey",
    "etcd-ec2-login-pair": "aws:ec2/keyPair:KeyPair",
    "etcd-ec2-security": "etcd:index:SecurityGroup",
    "etcd-ec2-security-group": "aws:ec2/securityGroup:SecurityGroup",
    **{
        f"etcd-ec2-security-{rule}": "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
        for rule in ("peers", "members", "ssh-198.51.100.0-24")
    },
    **{
        f"etcd-ec2-security-out-{version}": "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
        for version in ("ipv4", "ipv6")
    },
}


@cache
def of_size(size: int) -> Deployment:
    return made(size)


@cache
def with_all() -> Deployment:
    return made(ec2=ALL_OPTIONS)


def tags(name: str, node: str | None = None) -> dict[str, str]:
    of_node = {"etcd-cluster-node": node} if node else {}
    return {"Name": name, "etcd-cluster": "etcd-cluster/dev/etcd", **of_node}


def of_hosts(deployment: Deployment) -> dict[str, str]:
    """Return what Ec2Hosts made."""
    parents = {each.name: each.parent_name for each in deployment.resources}

    def below(name: str) -> bool:
        return name == "etcd-ec2" or (name in parents and below(parents[name]))

    return {name: kind for name, kind in deployment.names.items() if below(name)}


@pytest.mark.parametrize("size", SIZES)
def test_every_resource_is_named_by_its_member_and_generation(size: int) -> None:
    nodes = {f"etcd-etcd-{each}-v1{part}": kind for each in range(1, size + 1) for part, kind in CHILDREN.items()}
    assert of_hosts(of_size(size)) == {**SHARED, **nodes}


def test_every_resource_on_aws_uses_the_provider_of_the_region() -> None:
    deployment = with_all()
    provider = deployment.one("etcd-ec2-aws")
    defaults_of_the_sdk = {"skipCredentialsValidation": "false", "skipRegionValidation": "true"}
    assert provider.inputs == {"region": "eu-central-1", **defaults_of_the_sdk}
    on_aws = [each for each in deployment.resources if each.type.startswith("aws:")]
    assert {each.provider for each in on_aws} == {f"{provider.urn}::id-etcd-ec2-aws"}


def test_the_cluster_is_the_same_as_on_hosts_that_exist() -> None:
    hosts = of_hosts(of_size(3))
    rest = {name: kind for name, kind in of_size(3).names.items() if name not in hosts}
    assert {"etcd", "etcd-preflight", "etcd-rollout", "etcd-health", "etcd-etcd-2-host"} <= rest.keys()
    assert not [name for name, kind in rest.items() if kind.startswith("aws:")]


# inputs


def test_a_network_interface_has_a_subnet_and_the_security_group() -> None:
    assert of_size(3).one(f"{NODE}-address-eni").inputs == {
        "description": "etcd-2 of the etcd cluster etcd",
        "subnetId": "subnet-00000002",
        "securityGroups": ["id-etcd-ec2-security-group"],
        "tags": tags("etcd-etcd-2", "etcd-2"),
    }


def test_nodes_are_spread_over_the_subnets() -> None:
    placement = of_size(5).one("etcd-ec2-placement").inputs
    assert placement == {"nodes": [f"etcd-{each}" for each in range(1, 6)], "places": list(SUBNETS), "given": {}}
    interfaces = of_size(5).of("NetworkInterface")
    assert [each.inputs["subnetId"][-1] for _, each in sorted(interfaces.items())] == ["1", "2", "3", "1", "2"]


def test_a_node_may_choose_its_subnet() -> None:
    deployment = made(nodes={"etcd-1": {"ec2": {"subnet_id": "subnet-00000003"}}, "etcd-2": {}})
    assert deployment.one("etcd-ec2-placement").inputs["given"] == {"etcd-1": "subnet-00000003"}
    assert deployment.one("etcd-etcd-1-v1-address-eni").inputs["subnetId"] == "subnet-00000003"
    assert deployment.one("etcd-etcd-1-v1-data").inputs["availabilityZone"] == "eu-central-1c"


def test_volumes_are_encrypted_gp3_in_the_zone_of_the_node() -> None:
    assert of_size(3).one(f"{NODE}-data").inputs == {
        "availabilityZone": "eu-central-1b",
        "type": "gp3",
        "size": 20,
        "iops": 3000,
        "throughput": 125,
        "encrypted": True,
        "tags": tags(f"{NODE}-data", "etcd-2"),
    }
    data, wal = (with_all().one(f"{NODE}-{each}").inputs for each in ("data", "wal"))
    assert (data["size"], data["iops"], data["throughput"], data["kmsKeyId"]) == (100, 6000, 500, KMS_KEY)
    assert (wal["size"], wal["iops"], wal["throughput"], wal["kmsKeyId"]) == (10, 3000, 125, KMS_KEY)
    assert data["encrypted"] is wal["encrypted"] is True


@pytest.mark.parametrize("purge", [True, False])
def test_volumes_outlive_everything_unless_the_data_shall_go(purge: bool) -> None:
    deployment = made(ec2={"wal_volume": {}}, purge_data_on_destroy=purge)
    volumes = deployment.of("Volume")
    assert len(volumes) == 6 and {each.retain_on_delete for each in volumes.values()} == {not purge}
    kept = {each.name for each in deployment.resources if each.retain_on_delete and each.name not in volumes}
    assert kept == set(deployment.of("VolumeAttachment")), "they end with their instance"


@pytest.mark.parametrize(
    ("image", "architecture", "instance_type", "ami"),
    [
        ("debian-12", "amd64", "m6i.large", "ami-debian-amd64"),
        ("debian-12", "arm64", "m7g.large", "ami-debian-arm64"),
        ("amazon-linux-2023", "amd64", "m6i.large", "ami-amazon-amd64"),
        ("amazon-linux-2023", "arm64", "m7g.large", "ami-amazon-arm64"),
    ],
)
def test_the_latest_image_of_the_architecture_is_pinned(
    image: str, architecture: str, instance_type: str, ami: str
) -> None:
    deployment = made(1, {"image": image, "architecture": architecture, "instance_type": instance_type})
    pin = deployment.one("etcd-etcd-1-v1-pin")
    assert pin.inputs["values"] == {
        "ami": ami,
        "instance_type": instance_type,
        "key_name": "pair etcd-ec2-login-pair",
        "root_volume_size": 10,
        "data_volume_id": volume_id("etcd-etcd-1-v1-data"),
        "wal_volume_id": "",
        "instance_profile": "",
        "placement_group": "",
    }
    assert (pin.inputs["in_use"], pin.inputs["forever"]) == ([], False)
    assert deployment.one("etcd-etcd-1-v1-instance").inputs["ami"] == ami
    assert deployment.one("etcd-preflight").inputs["architectures"] == {"etcd-1": architecture}


def test_an_image_of_ones_own_is_asked_for_nowhere() -> None:
    deployment = made(1, {"image": "ami-0123456789abcdef0"}, ssh={"user": "ops"})
    assert "aws:ssm/getParameter:getParameter" not in {token for token, _ in deployment.calls}
    assert deployment.one("etcd-etcd-1-v1-instance").inputs["ami"] == "ami-0123456789abcdef0"
    assert deployment.one("etcd-etcd-1-v1-first-login").inputs["connection"]["user"] == "ops"


def test_an_instance_takes_all_that_would_touch_it_from_its_pin() -> None:
    deployment = with_all()
    instance = deployment.one(f"{NODE}-instance")
    user_data = deployment.one(f"{NODE}-pin").inputs["secrets"]["user_data"]
    assert instance.inputs == {
        "ami": "ami-debian-amd64",
        "instanceType": "m6i.large",
        "keyName": "pair etcd-ec2-login-pair",
        "iamInstanceProfile": "members",
        "placementGroup": "group etcd-ec2-spread",
        "userData": user_data,
        "userDataReplaceOnChange": True,
        "primaryNetworkInterface": {"networkInterfaceId": f"id-{NODE}-address-eni"},
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "rootBlockDevice": {
            "volumeType": "gp3",
            "volumeSize": 12,
            "encrypted": True,
            "deleteOnTermination": True,
            "tags": {"Name": "etcd-etcd-2-root", "team": "storage"},
        },
        "disableApiTermination": True,
        "forceDestroy": True,
        "tags": {**tags("etcd-etcd-2", "etcd-2"), "team": "storage"},
    }
    assert instance.is_secret("userData") and not instance.is_secret("ami")
    # What is left is changed in place, without a stop; the metadata options and what protects it are constants.
    in_place = {"disableApiTermination", "forceDestroy", "metadataOptions", "tags", "userDataReplaceOnChange"}
    assert instance.inputs.keys() - instance.ignored == in_place
    assert instance.replacement_trigger == 1
    assert instance.delete_before_replace, "the network interface and the volumes can be at one instance only"
    plain = of_size(3).one(f"{NODE}-instance").inputs
    assert instance.inputs.keys() - plain.keys() == {"iamInstanceProfile", "placementGroup"}


def test_termination_protection_can_be_left_out() -> None:
    instance = made(1, {"termination_protection": False}).one("etcd-etcd-1-v1-instance").inputs
    assert (instance["disableApiTermination"], instance["forceDestroy"]) == (False, True)


def test_user_data_carries_the_first_key_and_the_volumes_and_never_the_final_key() -> None:
    pin = with_all().one(f"{NODE}-pin")
    assert (pin.inputs["node"], pin.inputs["setting"], pin.inputs["generation"]) == (
        "etcd-2",
        "nodes.etcd-2.ec2.generation",
        1,
    )
    user_data = pin.inputs["secrets"]["user_data"]
    assert pin.is_secret("secrets") and not pin.is_secret("values")
    assert f"OpenSSH key of {NODE}-g1-first-key" in user_data and f"{NODE}-address-host-key" not in user_data
    for purpose, folder in (("data", "/var/lib/etcd"), ("wal", "/var/lib/etcd-wal")):
        assert f"{volume_id(f'{NODE}-{purpose}')} {folder}" in user_data


def test_another_generation_is_another_text() -> None:
    def first_login(generation: int) -> tuple[str, str]:
        deployment = made(nodes={"etcd-1": {"ec2": {"generation": generation}}})
        return (
            deployment.one("etcd-etcd-1-v1-pin").inputs["secrets"]["user_data"],
            deployment.one("etcd-etcd-1-v1-first-login").inputs["first_key"],
        )

    assert first_login(1)[0] != first_login(2)[0] and first_login(1)[1] != first_login(2)[1]


def test_an_attachment_is_never_taken_off_since_that_stops_its_instance() -> None:
    for purpose, device in (("data", "/dev/sdf"), ("wal", "/dev/sdg")):
        attachment = with_all().one(f"{NODE}-{purpose}-attachment")
        assert attachment.inputs == {
            "deviceName": device,
            "instanceId": f"id-{NODE}-instance",
            "volumeId": volume_id(f"{NODE}-{purpose}"),
            "stopInstanceBeforeDetaching": True,
        }
        assert attachment.delete_before_replace and attachment.retain_on_delete


def test_an_existing_volume_is_attached_and_none_is_made() -> None:
    deployment = made(nodes={"etcd-1": {"ec2": {"data_volume_id": "vol-0123456789abcdef0"}}})
    assert not deployment.of("Volume")
    assert deployment.one("etcd-etcd-1-v1-data-attachment").inputs["volumeId"] == "vol-0123456789abcdef0"
    grown = deployment.one("etcd-etcd-1-v1-first-login").inputs["volumes"]
    assert grown == {"/var/lib/etcd": 0}, "nobody grows a volume that the settings name"
    assert "vol-0123456789abcdef0" in deployment.one("etcd-etcd-1-v1-pin").inputs["secrets"]["user_data"]


def test_both_volumes_of_a_member_may_exist() -> None:
    volumes = {"data_volume_id": "vol-00000001", "wal_volume_id": "vol-00000002"}
    deployment = made(ec2={"wal_volume": {}}, nodes={"etcd-1": {"ec2": volumes}})
    assert not deployment.of("Volume")
    assert deployment.one("etcd-etcd-1-v1-wal-attachment").inputs["volumeId"] == "vol-00000002"


def test_the_first_login_verifies_the_first_key_and_brings_the_final_one() -> None:
    deployment = with_all()
    login = deployment.one(f"{NODE}-first-login")
    inputs = login.inputs
    connection = inputs.pop("connection")
    assert inputs == {
        "node": "etcd-2",
        "first_key": f"ssh-ed25519 {NODE}-g1-first-key",
        "final_key": f"ssh-ed25519 {NODE}-address-host-key",
        "final_private_key": f"OpenSSH key of {NODE}-address-host-key",
        "instance_id": f"id-{NODE}-instance",
        "volumes": {"/var/lib/etcd": 100, "/var/lib/etcd-wal": 10},
        "seconds": 600,
    }
    assert (connection["host"], connection["user"], connection["host_key"]) == ("203.0.113.12", "admin", None)
    assert connection["private_key"] == "OpenSSH key of etcd-ec2-login-key"
    assert login.is_secret("connection") and login.is_secret("final_private_key")


# order of work


def test_an_instance_waits_for_the_look_at_the_members() -> None:
    deployment = of_size(3)
    look = deployment.one("etcd-ec2-preflight")
    for node in range(1, 4):
        assert look.urn in deployment.one(f"etcd-etcd-{node}-v1-instance").dependencies
        # A pin that took a generation which is refused could not give it back.
        assert look.urn in deployment.one(f"etcd-etcd-{node}-v1-pin").dependencies


def test_the_look_at_the_members_waits_for_addresses_and_keys_only() -> None:
    deployment = of_size(3)
    waits = {each.name: each.type for each in deployment.resources if each.urn in with_dependencies(deployment)}
    assert "aws:ec2/instance:Instance" not in waits.values() and "aws:ebs/volume:Volume" not in waits.values()
    assert {f"etcd-etcd-{node}-v1-address-eni" for node in range(1, 4)} <= waits.keys()


def with_dependencies(deployment: Deployment) -> set[str]:
    """Return all that the look at the members waits for."""
    by_urn = {each.urn: each for each in deployment.resources}
    found: set[str] = set()
    open_ = set(deployment.one("etcd-ec2-preflight").dependencies)
    while open_:
        urn = open_.pop()
        if urn in by_urn and urn not in found:
            found.add(urn)
            open_ |= by_urn[urn].dependencies
    return found


def test_the_look_knows_generations_members_and_final_keys() -> None:
    look = of_size(3).one("etcd-ec2-preflight")
    assert look.inputs["generations"] == {f"etcd-{each}": [1, 1] for each in range(1, 4)}
    assert look.inputs["connections"]["etcd-2"]["host_key"] == f"ssh-ed25519 {NODE}-address-host-key"
    assert look.inputs["connections"]["etcd-2"]["host"] == "10.0.0.12"
    assert look.inputs["members"]["etcd-2"]["address"] == "10.0.0.12"
    assert (look.inputs["command_seconds"], look.inputs["shutdown_seconds"]) == (60, 90)
    assert look.is_secret("connections")
    assert look.inputs["instances"] == {f"etcd-{each}": [] for each in range(1, 4)}
    assert look.inputs["volumes"]["etcd-2"] == {"data": {"mount_point": "/var/lib/etcd", "volume_id": ""}}
    assert look.inputs["vpc_cidr"] == ""
    wal = with_all().one("etcd-ec2-preflight").inputs["volumes"]["etcd-2"]["wal"]
    assert wal == {"mount_point": "/var/lib/etcd-wal", "volume_id": ""}


def test_the_way_in_is_there_before_a_host_is_and_until_it_is_gone() -> None:
    deployment = with_all()
    rules = deployment.of("SecurityGroupIngressRule") | deployment.of("SecurityGroupEgressRule")
    assert len(rules) == 8
    waits = deployment.one(f"{NODE}-address-eni").dependencies
    assert {each.urn for each in rules.values()} <= waits


def test_a_destroy_begins_with_what_is_protected() -> None:
    deployment = with_all()
    health = deployment.one("etcd-health")
    assert health.protect
    on_aws = [each for each in deployment.resources if each.type.startswith("aws:")]
    assert {each.name for each in on_aws if each.urn not in health.dependencies} == set()


def test_the_login_waits_for_the_volumes() -> None:
    login = with_all().one(f"{NODE}-first-login")
    assert {with_all().one(f"{NODE}-{each}-attachment").urn for each in ("data", "wal")} <= login.dependencies


def test_the_cluster_waits_for_every_first_login_and_pins_the_final_key() -> None:
    preflight = of_size(3).one("etcd-preflight")
    for node in range(1, 4):
        name = f"etcd-etcd-{node}-v1"
        assert of_size(3).one(f"{name}-first-login").urn in preflight.dependencies
        assert preflight.inputs["connections"][f"etcd-{node}"]["host_key"] == f"ssh-ed25519 {name}-address-host-key"


def test_nodes_wait_for_each_other_only_where_the_members_are_looked_at() -> None:
    deployment = of_size(3)
    others = [each.urn for each in deployment.resources if each.name.startswith(("etcd-etcd-1-v1", "etcd-etcd-3-v1"))]
    for each in deployment.resources:
        if each.name.startswith(NODE):
            assert not each.dependencies.intersection(others), each.name


# ways in


def test_a_public_address_is_for_ssh_and_certificates_and_not_for_members() -> None:
    deployment = with_all()
    assert deployment.one(f"{NODE}-address-eip").inputs == {
        "domain": "vpc",
        "networkInterface": f"id-{NODE}-address-eni",
        "tags": {**tags("etcd-etcd-2", "etcd-2"), "team": "storage"},
    }
    assert deployment.one("etcd-preflight").inputs["members"]["etcd-2"]["address"] == "10.0.0.12"
    assert deployment.one("etcd-preflight").inputs["connections"]["etcd-2"]["host"] == "203.0.113.12"
    for purpose in ("server", "peer"):
        request = deployment.one(f"etcd-etcd-2-certificates-{purpose}-request").inputs
        assert {"10.0.0.12", "203.0.113.12"} <= set(request["ipAddresses"])
        assert "etcd-2.db.example.net" in request["dnsNames"]


def test_a_private_address_is_all_there_is_by_default() -> None:
    deployment = of_size(3)
    assert not deployment.of("Eip") and not deployment.of("Record")
    assert deployment.one("etcd-preflight").inputs["connections"]["etcd-2"]["host"] == "10.0.0.12"


def test_a_name_in_route_53_follows_the_address_of_ssh() -> None:
    assert with_all().one("etcd-etcd-2-record").inputs == {
        "zoneId": "Z123",
        "name": "etcd-2.db.example.net",
        "type": "A",
        "ttl": 30,
        "records": ["203.0.113.12"],
    }


def test_an_existing_key_pair_brings_its_own_key() -> None:
    deployment = made(ec2={"key_name": "ops"}, ssh={"private_key": LOGIN_KEY})
    assert not deployment.of("KeyPair") and "ssh_private_key" not in deployment.outputs
    assert deployment.one(f"{NODE}-instance").inputs["keyName"] == "ops"
    connection = deployment.one(f"{NODE}-first-login").inputs["connection"]
    assert connection["private_key"].strip() == LOGIN_KEY.strip()


def test_a_generated_key_pair_is_put_on_each_instance() -> None:
    deployment = of_size(3)
    assert deployment.one("etcd-ec2-login-key").inputs == {"algorithm": "ED25519"}
    assert deployment.one("etcd-ec2-login-pair").inputs == {
        "publicKey": "ssh-ed25519 etcd-ec2-login-key\n",
        "tags": tags("etcd-ec2-login"),
    }


def test_a_bastion_is_the_way_to_new_instances_too() -> None:
    bastion = {"host": "203.0.113.1", "host_key": HOST_KEY, "private_key": LOGIN_KEY}
    deployment = made(ssh={"bastion": bastion})
    for name in (f"{NODE}-first-login", "etcd-etcd-2-host"):
        through = deployment.one(name).inputs["connection"]["bastion"]
        assert (through["host"], through["user"]) == ("203.0.113.1", "admin")
        assert through["private_key"].strip() == LOGIN_KEY.strip()


# outputs


def test_the_stack_names_instances_and_volumes() -> None:
    outputs = with_all().outputs
    assert outputs["instances"]["etcd-2"] == {
        "instance_id": f"id-{NODE}-instance",
        "data_volume_id": volume_id(f"{NODE}-data"),
        "wal_volume_id": volume_id(f"{NODE}-wal"),
        "private_address": "10.0.0.12",
        "ssh_address": "203.0.113.12",
    }
    assert "wal_volume_id" not in of_size(3).outputs["instances"]["etcd-2"]


def test_the_generated_key_is_a_secret_output() -> None:
    deployment = of_size(3)
    assert deployment.outputs["ssh_private_key"] == "OpenSSH key of etcd-ec2-login-key"
    assert marked(deployment.raw_outputs.fields["ssh_private_key"])


def test_no_key_stands_open_in_the_state() -> None:
    text = open_text(with_all())
    assert "ami-debian-amd64" in text, "the walk sees what is open"
    assert "OpenSSH key of" not in text and "key of " not in text
