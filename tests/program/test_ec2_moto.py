"""The calls that stand behind the program's resources, made to moto: an EC2 that nobody here wrote.

The program runs on mocks whose resources of AWS are made in moto's server on loopback, so each id that a resource
hands on is one that moto gave. `NOT_COVERED` says what moto does not do; a test fails when it begins to.
"""

import base64
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import asyncssh
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from moto.server import ThreadedMotoServer
from pulumi.runtime.mocks import MockResourceArgs

from tests.program.cloud import ALL_OPTIONS, OWN_VPC, Ec2, config
from tests.program.recording import Deployment, deploy

REGION = "eu-central-1"
PUBLIC_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key()
Client = Any
DEBIAN = "/aws/service/debian/release/12/latest/amd64"
# What the program needs and moto does not do: the call, and the words of its refusal.
NOT_COVERED: dict[str, tuple[Callable[["Aws"], object], str]] = {
    "CreatePlacementGroup": (
        lambda aws: aws("ec2").create_placement_group(GroupName="spread", Strategy="spread"),
        "500 Internal Server Error",
    ),
    "CreateLifecyclePolicy": (
        lambda aws: aws("dlm").create_lifecycle_policy(
            ExecutionRoleArn="arn:aws:iam::123456789012:role/snapshots",
            Description="snapshots",
            State="ENABLED",
            PolicyDetails={"ResourceTypes": ["VOLUME"]},
        ),
        "500 Internal Server Error",
    ),
    "GetParameter of Debian's images": (
        lambda aws: aws("ssm").get_parameter(Name=DEBIAN),
        "ParameterNotFound",
    ),
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Serve moto on loopback until the module's tests have ended."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    assert isinstance(server._thread, threading.Thread)
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    server._thread.join(10)
    assert not server._thread.is_alive()


class Aws:
    """The clients of one account on moto."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[str, Client] = {}

    def __call__(self, service: str) -> Client:
        """Return the client of a service."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self._endpoint,
                aws_access_key_id="key",
                aws_secret_access_key="none",
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[service]


@pytest.fixture
def aws(endpoint: str) -> Aws:
    """Return an account in which nothing was made yet."""
    with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST"), timeout=10):
        return Aws(endpoint)


def tagged(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tags as EC2 takes them at the making of a resource."""
    pairs = [{"Key": key, "Value": value} for key, value in given["tags"].items()]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": pairs}]}


def renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the inputs under the names of the API; one that is not named is an error of this test."""
    return {names[key]: value for key, value in given.items() if key in names and value is not None}


def capital(value: Any) -> Any:
    """Return camelCase keys as the API writes them, at every depth."""
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: capital(inner) for key, inner in value.items()}
    return [capital(inner) for inner in value] if isinstance(value, list) else value


class Moto(Ec2):
    """A region whose resources moto has."""

    def __init__(self, aws: Aws, vpcs: Mapping[str, str]) -> None:
        super().__init__(vpcs=vpcs)
        self.aws = aws

    def answer(self, token: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Ask moto."""
        if token == "aws:ec2/getSubnet:getSubnet":
            [subnet] = self.aws("ec2").describe_subnets(SubnetIds=[args["id"]])["Subnets"]
            return {**args, "vpcId": subnet["VpcId"], "availabilityZone": subnet["AvailabilityZone"]}
        if token == "aws:ssm/getParameter:getParameter":
            value = self.aws("ssm").get_parameter(Name=args["name"])["Parameter"]["Value"]
            return {**args, "insecureValue": value, "value": value}
        if token == "aws:ec2/getInstances:getInstances":
            tags = [{"Name": f"tag:{key}", "Values": [value]} for key, value in args["instanceTags"].items()]
            states = {"Name": "instance-state-name", "Values": args["instanceStateNames"]}
            found = self.aws("ec2").describe_instances(Filters=[*tags, states])["Reservations"]
            return {**args, "ids": [one["InstanceId"] for each in found for one in each["Instances"]]}
        raise AssertionError(f"nobody answers {token}")

    def outputs(self, args: MockResourceArgs) -> dict[str, Any]:
        """Make the resource in moto."""
        if not args.typ.startswith("aws:"):
            return super().outputs(args)
        return MAKERS[args.typ](self.aws, args.inputs)


def _vpc(aws: Aws, given: Any) -> dict[str, Any]:
    ec2 = aws("ec2")
    made = ec2.create_vpc(CidrBlock=given["cidrBlock"], **tagged("vpc", given))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=made, EnableDnsSupport={"Value": given["enableDnsSupport"]})
    ec2.modify_vpc_attribute(VpcId=made, EnableDnsHostnames={"Value": given["enableDnsHostnames"]})
    return {"id": made}


def _gateway(aws: Aws, given: Any) -> dict[str, Any]:
    made = aws("ec2").create_internet_gateway(**tagged("internet-gateway", given))["InternetGateway"]
    aws("ec2").attach_internet_gateway(InternetGatewayId=made["InternetGatewayId"], VpcId=given["vpcId"])
    return {"id": made["InternetGatewayId"]}


def _subnet(aws: Aws, given: Any) -> dict[str, Any]:
    names = {"vpcId": "VpcId", "cidrBlock": "CidrBlock", "availabilityZone": "AvailabilityZone"}
    made = aws("ec2").create_subnet(**renamed(given, names), **tagged("subnet", given))["Subnet"]["SubnetId"]
    on_launch = {"Value": given["mapPublicIpOnLaunch"]}
    aws("ec2").modify_subnet_attribute(SubnetId=made, MapPublicIpOnLaunch=on_launch)
    return {"id": made}


def _routes(aws: Aws, given: Any) -> dict[str, Any]:
    made = aws("ec2").create_route_table(VpcId=given["vpcId"], **tagged("route-table", given))["RouteTable"]
    for route in given["routes"]:
        names = {"cidrBlock": "DestinationCidrBlock", "gatewayId": "GatewayId"}
        aws("ec2").create_route(RouteTableId=made["RouteTableId"], **renamed(route, names))
    return {"id": made["RouteTableId"]}


def _association(aws: Aws, given: Any) -> dict[str, Any]:
    return {"id": aws("ec2").associate_route_table(**capital(given))["AssociationId"]}


def _group(aws: Aws, given: Any) -> dict[str, Any]:
    # The engine names what has no name.
    made = aws("ec2").create_security_group(
        GroupName=given.get("name") or f"group-{given['tags']['Name']}",
        Description=given["description"],
        VpcId=given["vpcId"],
        **tagged("security-group", given),
    )["GroupId"]
    # The provider takes away the rule that EC2 adds by itself.
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    aws("ec2").revoke_security_group_egress(GroupId=made, IpPermissions=everything)
    return {"id": made}


def _rule(direction: str) -> Callable[[Aws, Any], dict[str, Any]]:
    def make(aws: Aws, given: Any) -> dict[str, Any]:
        permission = renamed(given, {"ipProtocol": "IpProtocol", "fromPort": "FromPort", "toPort": "ToPort"})
        described = {"Description": given["description"]}
        for key, many, one in (
            ("cidrIpv4", "IpRanges", "CidrIp"),
            ("cidrIpv6", "Ipv6Ranges", "CidrIpv6"),
            ("referencedSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ):
            if given.get(key):
                permission[many] = [{one: given[key], **described}]
        call = getattr(aws("ec2"), f"authorize_security_group_{direction}")
        made = call(
            GroupId=given["securityGroupId"], IpPermissions=[permission], **tagged("security-group-rule", given)
        )
        return {"id": made["SecurityGroupRules"][0]["SecurityGroupRuleId"]}

    return make


def _pair(aws: Aws, given: Any) -> dict[str, Any]:
    name = given["tags"]["Name"]
    # The key of the mocks is no key.
    aws("ec2").import_key_pair(KeyName=name, PublicKeyMaterial=PUBLIC_KEY, **tagged("key-pair", given))
    return {"id": name, "keyName": name}


def _interface(aws: Aws, given: Any) -> dict[str, Any]:
    names = {"subnetId": "SubnetId", "description": "Description", "securityGroups": "Groups"}
    made = aws("ec2").create_network_interface(**renamed(given, names), **tagged("network-interface", given))
    made = made["NetworkInterface"]
    return {"id": made["NetworkInterfaceId"], "privateIp": made["PrivateIpAddress"]}


def _elastic_ip(aws: Aws, given: Any) -> dict[str, Any]:
    made = aws("ec2").allocate_address(Domain=given["domain"], **tagged("elastic-ip", given))
    aws("ec2").associate_address(AllocationId=made["AllocationId"], NetworkInterfaceId=given["networkInterface"])
    return {"id": made["AllocationId"], "publicIp": made["PublicIp"]}


def _volume(aws: Aws, given: Any) -> dict[str, Any]:
    names = {
        "availabilityZone": "AvailabilityZone",
        "size": "Size",
        "type": "VolumeType",
        "iops": "Iops",
        "throughput": "Throughput",
        "encrypted": "Encrypted",
        "kmsKeyId": "KmsKeyId",
    }
    return {"id": aws("ec2").create_volume(**renamed(given, names), **tagged("volume", given))["VolumeId"]}


def _placement_group(_: Aws, given: Any) -> dict[str, Any]:
    # See NOT_COVERED.
    name = given["tags"]["Name"]
    return {"id": name, "name": name}


def _instance(aws: Aws, given: Any) -> dict[str, Any]:
    names = {"ami": "ImageId", "instanceType": "InstanceType", "keyName": "KeyName", "userData": "UserData"}
    more: dict[str, Any] = {}
    if given.get("placementGroup"):
        more["Placement"] = {"GroupName": given["placementGroup"]}
    if given.get("iamInstanceProfile"):
        more["IamInstanceProfile"] = {"Name": given["iamInstanceProfile"]}
    interface = given["primaryNetworkInterface"]["networkInterfaceId"]
    root = renamed(
        given["rootBlockDevice"],
        {
            "volumeType": "VolumeType",
            "volumeSize": "VolumeSize",
            "encrypted": "Encrypted",
            "deleteOnTermination": "DeleteOnTermination",
        },
    )
    [made] = aws("ec2").run_instances(
        MinCount=1,
        MaxCount=1,
        DisableApiTermination=given["disableApiTermination"],
        MetadataOptions=capital(given["metadataOptions"]),
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface}],
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": root}],
        **renamed(given, names),
        **more,
        **tagged("instance", given),
    )["Instances"]
    return {"id": made["InstanceId"]}


def _attachment(aws: Aws, given: Any) -> dict[str, Any]:
    names = {"deviceName": "Device", "volumeId": "VolumeId", "instanceId": "InstanceId"}
    aws("ec2").attach_volume(**renamed(given, names))
    return {"id": f"attachment of {given['volumeId']}"}


def _record(aws: Aws, given: Any) -> dict[str, Any]:
    records = [{"Value": value} for value in given["records"]]
    wanted = {"Name": given["name"], "Type": given["type"], "TTL": given["ttl"], "ResourceRecords": records}
    changes = [{"Action": "CREATE", "ResourceRecordSet": wanted}]
    # The ids that moto gives lack the letter that those of Route 53 begin with.
    zone = given["zoneId"].removeprefix("Z")
    aws("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    return {"id": given["name"]}


def _snapshots(_: Aws, given: Any) -> dict[str, Any]:
    # See NOT_COVERED.
    return {"id": given["description"]}


MAKERS: dict[str, Callable[[Aws, Any], dict[str, Any]]] = {
    "aws:ec2/vpc:Vpc": _vpc,
    "aws:ec2/internetGateway:InternetGateway": _gateway,
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:ec2/routeTable:RouteTable": _routes,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:ec2/securityGroup:SecurityGroup": _group,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
    "aws:ec2/keyPair:KeyPair": _pair,
    "aws:ec2/networkInterface:NetworkInterface": _interface,
    "aws:ec2/eip:Eip": _elastic_ip,
    "aws:ebs/volume:Volume": _volume,
    "aws:ec2/placementGroup:PlacementGroup": _placement_group,
    "aws:ec2/instance:Instance": _instance,
    "aws:ec2/volumeAttachment:VolumeAttachment": _attachment,
    "aws:route53/record:Record": _record,
    "aws:dlm/lifecyclePolicy:LifecyclePolicy": _snapshots,
}


IMAGE = {"image": "amazon-linux-2023"}


def own_vpc() -> dict[str, Any]:
    return {**OWN_VPC, **IMAGE}


def existing_vpc(aws: Aws) -> dict[str, Any]:
    """Make what `ALL_OPTIONS` takes for granted, and return the settings that name it."""
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
        for number, zone in enumerate("abc")
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    clients = ec2.create_security_group(GroupName="clients", Description="clients", VpcId=vpc)["GroupId"]
    zone = aws("route53").create_hosted_zone(Name="db.example.net", CallerReference="1")["HostedZone"]["Id"]
    aws("iam").create_instance_profile(InstanceProfileName="members")
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    return {
        **ALL_OPTIONS,
        **IMAGE,
        "subnet_ids": [each["Subnet"]["SubnetId"] for each in subnets],
        "client_security_group_ids": [clients],
        "route53": {"zone_id": "Z" + zone.rpartition("/")[2], "domain": "db.example.net", "ttl": 30},
        "data_volume": {"size": 100, "iops": 6000, "throughput": 500, "kms_key_id": key},
        "wal_volume": {"size": 10, "kms_key_id": key},
    }


def run(aws: Aws, size: int, options: dict[str, Any]) -> Deployment:
    return deploy(config(size, options), Moto(aws, {}))


def instances(aws: Aws) -> dict[str, Any]:
    """Return the instances by name."""
    reservations = aws("ec2").describe_instances()["Reservations"]
    found = [instance for each in reservations for instance in each["Instances"]]
    return {next(tag["Value"] for tag in each["Tags"] if tag["Key"] == "Name"): each for each in found}


def test_a_cluster_in_a_vpc_of_its_own_is_accepted(aws: Aws) -> None:
    run(aws, 2, own_vpc())
    ec2, made = aws("ec2"), instances(aws)
    assert set(made) == {"etcd-etcd-1", "etcd-etcd-2"}
    subnets = {each["SubnetId"]: each for each in ec2.describe_subnets()["Subnets"]}
    zones = [subnets[each["SubnetId"]]["AvailabilityZone"] for _, each in sorted(made.items())]
    assert zones == ["eu-central-1a", "eu-central-1c"]
    assert {each["State"]["Name"] for each in made.values()} == {"running"}
    for instance in made.values():
        [interface] = instance["NetworkInterfaces"]
        assert interface["PrivateIpAddress"] == instance["PrivateIpAddress"]


def test_every_option_is_accepted(aws: Aws) -> None:
    run(aws, 1, existing_vpc(aws))
    ec2 = aws("ec2")
    [instance] = instances(aws).values()
    options = {key: instance["MetadataOptions"][key] for key in ("HttpTokens", "HttpPutResponseHopLimit")}
    assert options == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    wanted = {"InstanceId": instance["InstanceId"], "Attribute": "disableApiTermination"}
    kept = ec2.describe_instance_attribute(**wanted)["DisableApiTermination"]["Value"]
    assert kept is False, "moto forgets what RunInstances says of it; once it does not, expect True here"
    ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], DisableApiTermination={"Value": True})
    assert ec2.describe_instance_attribute(**wanted)["DisableApiTermination"]["Value"] is True
    wanted["Attribute"] = "userData"
    text = base64.b64decode(ec2.describe_instance_attribute(**wanted)["UserData"]["Value"]).decode()
    assert text.startswith("#cloud-config\n# etcd-1, generation 1\n")
    volumes = {each["Size"]: each for each in ec2.describe_volumes()["Volumes"] if each["Size"] in (10, 100)}
    assert (volumes[100]["Iops"], volumes[100]["Throughput"], volumes[100]["VolumeType"]) == (6000, 500, "gp3")
    for volume in volumes.values():
        assert volume["Encrypted"] is True
        assert [each["InstanceId"] for each in volume["Attachments"]] == [instance["InstanceId"]]
    attached = volumes[10]["VolumeId"]
    ec2.detach_volume(VolumeId=attached, InstanceId=instance["InstanceId"])
    [detached] = ec2.describe_volumes(VolumeIds=[attached])["Volumes"]
    assert detached["State"] == "available"


@pytest.mark.parametrize("call", NOT_COVERED)
def test_moto_still_does_not_cover(aws: Aws, call: str) -> None:
    make, words = NOT_COVERED[call]
    with pytest.raises((ClientError, ResponseParserError), match=words):
        make(aws)
