"""The aws stand-in refuses what AWS refuses, and plans changes as terraform-provider-aws does. No host is started."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from dev.standins.aws import plugin as aws
from dev.standins.aws.account import Account
from dev.standins.resource_plugin import values
from tests.unit.dev.standins.standin_process import Made, Plugin, PluginError, plugin, standin

TOKENS = {kind.__name__: kind.token for kind in aws.RESOURCES}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVOQ7ZYq6dP9n8lM2bYgS0z5m6vY3b0q3v3m2o1J8lQ"
ZONE = "eu-central-1a"


class Aws:
    """The plugin, asked by kind of resource."""

    def __init__(self, running: Plugin, folder: Path) -> None:
        self.running = running
        self.folder = folder

    @property
    def account(self) -> Account:
        return Account(self.folder, "198.18.0.0/24")

    def of(self, kind: str) -> Plugin:
        return replace(self.running, token=TOKENS[kind])

    def invoke(self, token: str, **arguments: Any) -> dict[str, Any]:
        request = provider_pb2.InvokeRequest(tok=token, args=values.encode(arguments))
        return values.decode(getattr(self.running._call("Invoke", request), "return"))

    def interface(self, subnet: str = "subnet-0000000a", **inputs: Any) -> Made:
        return self.of("NetworkInterface").make({"subnetId": subnet} | inputs, "card")

    def instance(self, card: Made, **inputs: Any) -> Made:
        return self.of("Instance").make(instance_inputs(card) | inputs, "etcd-1-instance")

    def volume(self, zone: str = ZONE, **inputs: Any) -> Made:
        return self.of("Volume").make({"availabilityZone": zone, "size": 1, "type": "gp3"} | inputs)

    def attach(self, volume: Made, instance: Made, device: str = "/dev/sdf", **inputs: Any) -> Made:
        given = {"deviceName": device, "instanceId": instance.id, "volumeId": volume.id}
        return self.of("VolumeAttachment").make(given | inputs)


def instance_inputs(card: Made) -> dict[str, Any]:
    return {
        "ami": "ami-0000000a",
        "instanceType": "m6i.large",
        "primaryNetworkInterface": {"networkInterfaceId": card.id},
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plugin, Path]]:
    folder = tmp_path_factory.mktemp("account")
    with plugin(standin("aws"), {"region": "eu-central-1"}, ETCD_CLUSTER_LAB_AWS=str(folder)) as made:
        yield made, folder


@pytest.fixture
def cloud(running: tuple[Plugin, Path]) -> Aws:
    """The plugin, with nothing in its account but what is there at first."""
    made = Aws(*running)
    made.account.clear()
    return made


def test_another_region_is_refused(tmp_path: Path) -> None:
    running = plugin(standin("aws"), {"region": "us-east-1"}, ETCD_CLUSTER_LAB_AWS=f"{tmp_path}/")
    with pytest.raises(grpc.RpcError, match="account is in eu-central-1"), running:
        pass


def test_without_a_lab_the_first_call_says_what_to_set() -> None:
    with (
        plugin(standin("aws"), {"region": "eu-central-1"}, ETCD_CLUSTER_LAB_AWS="") as running,
        pytest.raises(PluginError, match="set ETCD_CLUSTER_LAB_AWS to a lab's name"),
    ):
        Aws(running, Path()).volume()


def test_unknown_fields_at_any_depth_and_wrong_types_are_failures(cloud: Aws) -> None:
    _, failures = cloud.of("Instance").check(
        {
            "ami": "ami-0000000a",
            "instanceType": "m6i.large",
            "primaryNetworkInterface": {"networkInterfaceId": "eni-1", "id": "x"},
            "metadataOptions": {"httpTokens": True},
            "colour": "red",
        }
    )
    assert set(failures) == {"primaryNetworkInterface.id", "metadataOptions.httpTokens", "colour"}


def test_inputs_that_belong_to_the_interface_conflict_with_it(cloud: Aws) -> None:
    given = {"ami": "a", "instanceType": "t3.small", "primaryNetworkInterface": {"networkInterfaceId": "eni-1"}}
    _, failures = cloud.of("Instance").check(given | {"subnetId": "subnet-1", "vpcSecurityGroupIds": []})
    assert set(failures) == {"subnetId", "vpcSecurityGroupIds"}


def test_an_interface_takes_a_free_address_of_its_subnet(cloud: Aws) -> None:
    first, second = cloud.interface(), cloud.interface()
    other = cloud.interface("subnet-0000000b")
    assert [made.plain["privateIp"] for made in (first, second, other)] == ["198.18.0.11", "198.18.0.12", "198.18.0.36"]
    cloud.of("NetworkInterface").delete({"id": first.id})
    assert cloud.interface().plain["privateIp"] == "198.18.0.11"
    with pytest.raises(PluginError, match=r"InvalidSubnetID.NotFound"):
        cloud.interface("subnet-00000099")


def test_an_interface_in_use_is_neither_given_away_nor_removed(cloud: Aws) -> None:
    card = cloud.interface()
    made = cloud.instance(card)
    assert made.plain["privateIp"] == card.plain["privateIp"]
    with pytest.raises(PluginError, match=rf"InvalidNetworkInterface.InUse.*{made.id}"):
        cloud.instance(card)
    with pytest.raises(PluginError, match="currently in use"):
        cloud.of("NetworkInterface").delete(card.state)
    cloud.of("Instance").delete(made.state)
    cloud.instance(card)


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"ami": "ami-00000099"}, r"InvalidAMIID.NotFound"),
        ({"instanceType": "m7g.large"}, r"'arm64' of the specified instance type does not match .*'x86_64'"),
        ({"keyName": "nobody"}, r"InvalidKeyPair.NotFound"),
        ({"placementGroup": "nowhere"}, r"InvalidPlacementGroup.Unknown"),
        ({"userData": "x" * 16385}, "limited to 16384 bytes"),
        ({"primaryNetworkInterface": {"networkInterfaceId": "eni-1"}}, r"InvalidNetworkInterfaceID.NotFound"),
    ],
)
def test_an_instance_that_aws_refuses_leaves_nothing(cloud: Aws, inputs: dict[str, Any], error: str) -> None:
    card = cloud.interface()
    with pytest.raises(PluginError, match=error):
        cloud.instance(card, **inputs)
    assert cloud.account.entries("instance") == {}
    cloud.instance(card)


def test_termination_protection_holds_unless_destruction_is_forced(cloud: Aws) -> None:
    made = cloud.instance(cloud.interface(), disableApiTermination=True)
    with pytest.raises(PluginError, match=r"OperationNotPermitted.*disableApiTermination"):
        cloud.of("Instance").delete(made.state)
    cloud.of("Instance").delete(made.state | {"forceDestroy": True})
    assert cloud.account.entries("instance") == {}


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"ami": "ami-0000000b"}, ["ami"]),
        ({"instanceType": "m6i.xlarge"}, []),
        ({"keyName": "other"}, ["keyName"]),
        ({"primaryNetworkInterface": {"networkInterfaceId": "x"}}, ["primaryNetworkInterface.networkInterfaceId"]),
        ({"rootBlockDevice": {"volumeSize": 12}}, []),
        ({"rootBlockDevice": {"encrypted": True}}, ["rootBlockDevice.encrypted"]),
        ({"metadataOptions": {"httpTokens": "required"}}, []),
        ({"iamInstanceProfile": "p"}, []),
        ({"disableApiTermination": True}, []),
        ({"tags": {"a": "b"}}, []),
        ({"userData": "new"}, []),
        ({"userData": "new", "userDataReplaceOnChange": True}, ["userData"]),
    ],
)
def test_what_replaces_an_instance(cloud: Aws, change: dict[str, Any], replaced: list[str]) -> None:
    card = cloud.interface()
    before = instance_inputs(card) | {"userData": "old", "rootBlockDevice": {"volumeSize": 10, "encrypted": False}}
    nested = {name: {**before.get(name, {}), **value} for name, value in change.items() if isinstance(value, dict)}
    made = cloud.instance(card, **before)
    diff = cloud.of("Instance").diff(made.state, before, before | change | nested)
    assert diff.changed
    assert diff.replaces == replaced
    assert not cloud.of("Instance").diff(made.state, before, before).changed


def test_an_update_keeps_what_aws_chose(cloud: Aws) -> None:
    card = cloud.interface()
    made = cloud.instance(card)
    changed = values.reveal(cloud.of("Instance").update(made.state, instance_inputs(card) | {"tags": {"a": "b"}}))
    assert changed["subnetId"] == "subnet-0000000a"
    assert changed["tagsAll"] == {"a": "b"}
    assert "tags" not in cloud.of("Instance").update(changed, instance_inputs(card))


def test_a_volume_is_attached_once_in_its_own_zone(cloud: Aws) -> None:
    instance, other = cloud.instance(cloud.interface()), cloud.instance(cloud.interface())
    volume = cloud.volume()
    attached = cloud.attach(volume, instance)
    with pytest.raises(PluginError, match="VolumeInUse"):
        cloud.attach(volume, other)
    with pytest.raises(PluginError, match="Attachment point is already in use"):
        cloud.attach(cloud.volume(), instance)
    with pytest.raises(PluginError, match=r"InvalidVolume.ZoneMismatch"):
        cloud.attach(cloud.volume("eu-central-1b"), other)
    with pytest.raises(PluginError, match=r"VolumeInUse.*currently attached"):
        cloud.of("Volume").delete(volume.state)
    cloud.of("VolumeAttachment").delete(attached.state)
    cloud.attach(volume, other)


def test_a_terminated_instance_frees_its_volumes(cloud: Aws) -> None:
    instance, volume = cloud.instance(cloud.interface()), cloud.volume()
    attached = cloud.attach(volume, instance)
    cloud.of("Instance").delete(instance.state)
    assert cloud.account.entries("volume")[volume.id]["at"] is None
    cloud.of("VolumeAttachment").delete(attached.state)
    cloud.of("Volume").delete(volume.state)


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"iops": 3500, "size": 6}, "iops of 3500 is too high"),
        ({"throughput": 800}, "Throughput of 800 is too high"),
        ({"type": "gp2", "throughput": 125}, "not supported for gp2"),
        ({"size": 17}, "VolumeLimitExceeded"),
    ],
)
def test_limits_of_volumes(cloud: Aws, inputs: dict[str, Any], error: str) -> None:
    with pytest.raises(PluginError, match=error):
        cloud.volume(**inputs)


def test_a_volume_grows_in_place_and_never_shrinks(cloud: Aws) -> None:
    given = {"availabilityZone": ZONE, "size": 2, "type": "gp3"}
    made = cloud.volume(size=2)
    volumes = cloud.of("Volume")
    assert volumes.diff(made.state, given, given | {"size": 3}).replaces == []
    assert volumes.diff(made.state, given, given | {"availabilityZone": "x"}).replaces == ["availabilityZone"]
    grown = volumes._call(
        "Update",
        provider_pb2.UpdateRequest(
            id=made.id, urn=volumes.urn("r"), olds=values.encode(made.state), news=values.encode(given | {"size": 3})
        ),
    )
    assert values.decode(grown.properties)["size"] == 3
    with pytest.raises(PluginError, match="cannot be smaller"):
        volumes.update(values.decode(grown.properties), given)


def test_a_group_in_use_stays_and_its_rules_are_checked(cloud: Aws) -> None:
    group = cloud.of("SecurityGroup").make({"vpcId": "vpc-00000001"}, "members")
    assert group.plain["name"].startswith("members-")
    rule = {"securityGroupId": group.id, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "10.0.0.0/8"}
    cloud.of("IngressRule").make(rule)
    with pytest.raises(PluginError, match=r"InvalidPermission.Duplicate"):
        cloud.of("IngressRule").make(rule)
    _, failures = cloud.of("IngressRule").check(rule | {"cidrIpv6": "::/0"})
    assert set(failures) == {"cidrIpv4"}
    cloud.interface(securityGroups=[group.id])
    with pytest.raises(PluginError, match="DependencyViolation"):
        cloud.of("SecurityGroup").delete(group.state)
    with pytest.raises(PluginError, match="does not exist in VPC 'vpc-00000002'"):
        cloud.interface("subnet-0000000d", securityGroups=[group.id])


def test_a_name_that_was_made_up_stays(cloud: Aws) -> None:
    made, _ = cloud.of("KeyPair").check({"publicKey": KEY}, "login")
    request = provider_pb2.CheckRequest(
        urn=cloud.of("KeyPair").urn("login"), news=values.encode({"publicKey": KEY}), olds=values.encode(made)
    )
    again = values.decode(cloud.running._call("Check", request).inputs)
    assert again["keyName"] == made["keyName"] != ""


def test_a_fault_is_met_as_often_as_asked(cloud: Aws) -> None:
    card = cloud.interface()
    message = "api error VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit"
    cloud.account.fail(TOKENS["Instance"], "create", "etcd-1", message)
    with pytest.raises(PluginError, match="VcpuLimitExceeded"):
        cloud.instance(card)
    cloud.instance(card)
    calls = [words[1:] for words in cloud.account.calls() if words[3] == "Instance"]
    assert (
        calls
        == [["begin", "create", "Instance", "etcd-1-instance"], ["end", "create", "Instance", "etcd-1-instance"]] * 2
    )


def test_what_is_gone_is_read_as_gone(cloud: Aws) -> None:
    volume = cloud.volume()
    assert cloud.of("Volume").read(volume.state, {"size": 1})
    cloud.account.drop(volume.id)
    assert cloud.of("Volume").read(volume.state, {"size": 1}) == {}


def test_functions_answer_from_the_account_and_check_their_arguments(cloud: Aws) -> None:
    name = "/aws/service/debian/release/12/latest/amd64"
    assert cloud.invoke("aws:ssm/getParameter:getParameter", name=name)["insecureValue"] == "ami-0000000a"
    assert cloud.invoke("aws:ec2/getSubnet:getSubnet", id="subnet-0000000d")["vpcId"] == "vpc-00000002"
    assert cloud.invoke("aws:ec2/getInstanceType:getInstanceType", instanceType="c7g.large")[
        "supportedArchitectures"
    ] == ["arm64"]
    with pytest.raises(PluginError, match=r"InvalidSubnetID.NotFound"):
        cloud.invoke("aws:ec2/getSubnet:getSubnet", id="subnet-00000001")
    with pytest.raises(PluginError, match="does not know the arguments colour"):
        cloud.invoke("aws:ec2/getSubnet:getSubnet", id="subnet-0000000a", colour="red")
    with pytest.raises(PluginError, match="does not know the function"):
        cloud.invoke("aws:s3/getBucket:getBucket")


def test_a_preview_makes_nothing_and_knows_no_ids(cloud: Aws) -> None:
    made = cloud.of("Volume").create({"availabilityZone": ZONE, "size": 1}, preview=True)
    assert values.is_unknown(made.state["arn"])
    assert made.state["size"] == 1
    assert cloud.account.entries("volume") == {}


def test_a_vpc_of_its_own(cloud: Aws) -> None:
    vpc = cloud.of("Vpc").make({"cidrBlock": "198.18.0.0/24"})
    subnet = cloud.of("Subnet").make({"vpcId": vpc.id, "cidrBlock": "198.18.0.16/28", "availabilityZone": ZONE})
    with pytest.raises(PluginError, match=r"InvalidSubnet.Range"):
        cloud.of("Subnet").make({"vpcId": vpc.id, "cidrBlock": "10.0.0.0/28", "availabilityZone": ZONE})
    assert cloud.interface(subnet.id).plain["privateIp"] == "198.18.0.20"
    with pytest.raises(PluginError, match="DependencyViolation"):
        cloud.of("Vpc").delete(vpc.state)


def test_detaching_a_volume_stops_its_instance_and_nothing_starts_it(cloud: Aws) -> None:
    instance, volume = cloud.instance(cloud.interface()), cloud.volume()
    attached = cloud.attach(volume, instance, stopInstanceBeforeDetaching=True)
    cloud.of("VolumeAttachment").delete(attached.state)
    assert cloud.account.calls_of("StopInstances") == [instance.id]
    assert cloud.account.calls_of("StartInstances") == []
    assert cloud.account.entries("instance")[instance.id]["state"] == "stopped"


def test_instances_are_found_by_tags_states_and_interface(cloud: Aws) -> None:
    card = cloud.interface()
    first = cloud.instance(card, tags={"node": "a"})
    cloud.instance(cloud.interface(), tags={"node": "b"})

    def found(**arguments: Any) -> list[str]:
        ids: list[str] = cloud.invoke("aws:ec2/getInstances:getInstances", **arguments)["ids"]
        return ids

    assert found(instanceTags={"node": "a"}) == [first.id]
    assert found(instanceTags={"node": "c"}) == []
    by_interface = [{"name": "network-interface.network-interface-id", "values": [card.id]}]
    assert found(filters=by_interface, instanceStateNames=["pending", "running"]) == [first.id]
    assert found(instanceStateNames=["stopped"]) == []


def test_a_zone_may_have_no_capacity_for_a_type(cloud: Aws) -> None:
    cloud.account.exhaust("m6i.large", ZONE)
    card = cloud.interface()
    with pytest.raises(PluginError, match=r"InsufficientInstanceCapacity.*m6i.large.*eu-central-1a"):
        cloud.instance(card)
    cloud.instance(card, instanceType="m6i.xlarge")
    cloud.instance(cloud.interface("subnet-0000000b"))


def test_a_refresh_finds_what_was_changed_outside(cloud: Aws) -> None:
    card = cloud.interface()
    given = instance_inputs(card) | {"userData": "old"}
    made = cloud.instance(card, **given)
    cloud.account.set(made.id, changed_outside={"userData": "new"})
    request = provider_pb2.ReadRequest(
        id=made.id,
        urn=cloud.of("Instance").urn("r"),
        properties=values.encode(made.state),
        inputs=values.encode(given),
    )
    response = cloud.of("Instance")._call("Read", request)
    assert values.decode(response.inputs)["userData"] == values.decode(response.properties)["userData"] == "new"


def test_a_call_may_be_lost_after_it_was_made(tmp_path: Path) -> None:
    with plugin(standin("aws"), {"region": "eu-central-1"}, ETCD_CLUSTER_LAB_AWS=str(tmp_path)) as running:
        cloud = Aws(running, tmp_path)
        card = cloud.interface()
        cloud.account.lose(TOKENS["Instance"], "create", "etcd-1")
        with pytest.raises(PluginError):
            cloud.instance(card)
    [lost] = cloud.account.entries("instance")
    assert cloud.account.entries("network-interface")[card.id]["instance"] == lost
    assert cloud.account.load()["faults"] == []
