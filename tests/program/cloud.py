"""EC2 as the program tests know it: answers, ids and addresses that follow from names."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime.mocks import MockResourceArgs

from provider.resource import Context, Engine, Resource
from provider.resources.pinned import Pinned
from provider.resources.placement import Placement
from tests.program.recording import PINNED, Deployment, deploy

SUBNETS = {f"subnet-0000000{number}": f"eu-central-1{zone}" for number, zone in enumerate("abc", 1)}
IMAGES = {
    "/aws/service/debian/release/12/latest/amd64": "ami-debian-amd64",
    "/aws/service/debian/release/12/latest/arm64": "ami-debian-arm64",
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64": "ami-amazon-amd64",
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64": "ami-amazon-arm64",
}

KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
ROLE = "arn:aws:iam::123456789012:role/snapshots"
OWN_VPC: dict[str, Any] = {
    "subnet_ids": None,
    "address": "public",
    "vpc": {"cidr": "10.60.0.0/16", "zones": ["eu-central-1a", "eu-central-1c"]},
}
ALL_OPTIONS: dict[str, Any] = {
    "address": "public",
    "client_cidrs": ["10.0.0.0/8", "2001:db8::/32"],
    "client_security_group_ids": ["sg-00000009"],
    "data_volume": {"size": 100, "iops": 6000, "throughput": 500, "kms_key_id": KMS_KEY},
    "wal_volume": {"size": 10, "kms_key_id": KMS_KEY},
    "root_volume_size": 12,
    "spread_placement": True,
    "instance_profile": "members",
    "tags": {"team": "storage"},
    "route53": {"zone_id": "Z123", "domain": "db.example.net", "ttl": 30},
    "snapshots": {"role_arn": ROLE, "every_hours": 6, "keep": 28},
}


class Words(Engine):
    """An engine that keeps what it is told."""

    def __init__(self) -> None:
        self.words: list[str] = []

    async def log(self, urn: str, message: str, severity: Any, ephemeral: bool = False) -> None:
        """Keep a message."""
        self.words.append(message)


@dataclass
class Ec2:
    """A region with three subnets of one VPC."""

    vpcs: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(SUBNETS, "vpc-1"))
    ipv6_only: Collection[str] = ()
    """The subnets without IPv4."""
    images: Mapping[str, str] = field(default_factory=lambda: IMAGES)
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The inputs of resources of the own plugin, as its checks left them in the last run."""

    instances: dict[str, list[str]] = field(default_factory=dict)
    """The ids of the instances that were made, by node."""

    words: list[str] = field(default_factory=list)
    """What the own plugin told the user."""
    made: list[str] = field(default_factory=list)
    """The resources that the program registered, but for providers and those that other providers have."""

    def answer(self, token: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Answer `getSubnet` and `getParameter`."""
        match token:
            case "aws:ec2/getSubnet:getSubnet":
                if args["id"] not in self.vpcs:
                    raise KeyError(f"no subnet {args['id']}")
                found = {"vpcId": self.vpcs[args["id"]], "availabilityZone": SUBNETS[args["id"]]}
                return {**args, **found, "ipv6Native": args["id"] in self.ipv6_only}
            case "aws:ec2/getInstances:getInstances":
                return {**args, "ids": self.instances.get(args["instanceTags"]["etcd-cluster-node"], [])}
            case "aws:ssm/getParameter:getParameter":
                return {**args, "insecureValue": self.images[args["name"]], "value": self.images[args["name"]]}
        raise AssertionError(f"nobody answers {token}")

    def _checked(self, kind: type[Resource], name: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs as the own plugin's check leaves them, which sees those of the last run."""
        engine = Words()
        resource = kind(Context(engine=engine))
        inputs, failures = asyncio.run(resource.check(f"urn of {name}", self.state.get(name, {}), given))
        assert not failures, failures
        self.state[name] = inputs
        self.words += engine.words
        return inputs

    def outputs(self, args: MockResourceArgs) -> dict[str, Any]:
        """Return the outputs that the provider adds to the inputs of a resource."""
        name, given = args.name, args.inputs
        if not args.typ.startswith("pulumi:"):
            self.made.append(name)
        match args.typ:
            case "aws:ec2/instance:Instance":
                self.instances[given["tags"]["etcd-cluster-node"]] = [f"id-{name}"]
            case "etcd:index:Placement":
                return self._checked(Placement, name, given)
            case "etcd:index:Pinned":
                return self._checked(Pinned, name, given)
            case "etcd:index:FirstLogin":
                return {"host_key": given["final_key"]}
            case "aws:ec2/networkInterface:NetworkInterface":
                return {"privateIp": f"10.0.0.{address_of(name)}"}
            case "aws:ebs/volume:Volume":
                return {"id": volume_id(name)}
            case "aws:ec2/eip:Eip":
                return {"publicIp": f"203.0.113.{address_of(name)}"}
            case "aws:ec2/keyPair:KeyPair":
                return {"keyName": f"pair {name}"}
            case "aws:ec2/placementGroup:PlacementGroup":
                return {"name": f"group {name}"}
        return {}


def volume_id(name: str) -> str:
    """Return the id of a volume: its name as hexadecimal digits."""
    return f"vol-{name.encode().hex()}"


def address_of(name: str) -> int:
    """Return the last number of an address, from a name such as etcd-etcd-2-v1-address-eni."""
    node, generation = name.removeprefix("etcd-etcd-").split("-")[:2]
    return 10 * int(generation.removeprefix("v")) + int(node)


def config(size: int = 3, ec2: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return a stack's configuration of nodes on EC2, with changes."""
    given = {
        "region": "eu-central-1",
        "instance_type": "m6i.large",
        "subnet_ids": list(SUBNETS),
        "ssh_cidrs": ["198.51.100.0/24"],
        **(ec2 or {}),
    }
    nodes = {f"etcd-{number}": {} for number in range(1, size + 1)}
    return {
        "hosts": "ec2",
        "nodes": nodes,
        "ec2": {key: value for key, value in given.items() if value is not None},
        **PINNED,
        **changes,
    }


def made(size: int = 3, ec2: Mapping[str, Any] | None = None, **changes: Any) -> Deployment:
    """Run the program on a stack of instances."""
    return deploy(config(size, ec2, **changes), Ec2())
