"""Where instances lie and who reaches them, and what is made once for all."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.program.cloud import ALL_OPTIONS, OWN_VPC, ROLE, SUBNETS, Ec2, config, made
from tests.program.recording import Deployment, deploy

ROOT = Path(__file__).parents[2]
GROUP = "id-etcd-ec2-security-group"


def tags(name: str) -> dict[str, str]:
    return {"Name": name, "etcd-cluster": "etcd-cluster/dev/etcd"}


def sources(deployment: Deployment) -> set[tuple[int, str]]:
    """Return the port of each rule of the security group and where it lets in from."""
    rules = deployment.of("SecurityGroupIngressRule").values()
    assert {(each.inputs["securityGroupId"], each.inputs["ipProtocol"]) for each in rules} == {(GROUP, "tcp")}
    assert all(each.inputs["fromPort"] == each.inputs["toPort"] for each in rules)
    kinds = ("cidrIpv4", "cidrIpv6", "referencedSecurityGroupId")
    return {(each.inputs["fromPort"], each.inputs[kind]) for each in rules for kind in kinds if kind in each.inputs}


def test_members_reach_each_other_and_ssh_comes_from_where_it_may() -> None:
    deployment = made()
    assert sources(deployment) == {(2380, GROUP), (2379, GROUP), (22, "198.51.100.0/24")}
    assert deployment.one("etcd-ec2-security-group").inputs == {
        "description": "Members of the etcd cluster etcd",
        "vpcId": "vpc-1",
        "tags": tags("etcd-ec2-security"),
    }
    assert deployment.one("etcd-ec2-security-peers").inputs == {
        "securityGroupId": GROUP,
        "description": "Members among themselves",
        "ipProtocol": "tcp",
        "fromPort": 2380,
        "toPort": 2380,
        "referencedSecurityGroupId": GROUP,
        "tags": tags("etcd-ec2-security-peers"),
    }


def test_clients_come_from_the_listed_networks_and_groups() -> None:
    rules = sources(made(ec2=ALL_OPTIONS, client_port=12379, peer_port=12380))
    assert rules - {(22, "198.51.100.0/24")} == {
        (12380, GROUP),
        (12379, GROUP),
        (12379, "sg-00000009"),
        (12379, "10.0.0.0/8"),
        (12379, "2001:db8::/32"),
    }


def test_nothing_is_open_to_the_world_unless_it_is_said_so() -> None:
    assert not [source for _, source in sources(made(ec2=ALL_OPTIONS)) if source.endswith("/0")]
    opened = {"client_cidrs": ["0.0.0.0/0", "::/0"], "open_to_the_world": True}
    assert {(2379, "0.0.0.0/0"), (2379, "::/0")} <= sources(made(ec2=opened))


def test_members_reach_everything() -> None:
    for version, key, network in (("ipv4", "cidrIpv4", "0.0.0.0/0"), ("ipv6", "cidrIpv6", "::/0")):
        assert made().one(f"etcd-ec2-security-out-{version}").inputs == {
            "securityGroupId": GROUP,
            "description": "Packages, releases and time",
            "ipProtocol": "-1",
            key: network,
            "tags": tags(f"etcd-ec2-security-out-{version}"),
        }


def test_security_groups_of_ones_own_are_taken_as_they_are() -> None:
    deployment = made(ec2={"security_group_ids": ["sg-00000001", "sg-00000002"], "ssh_cidrs": None})
    assert not [name for name in deployment.names if "security" in name]
    assert deployment.one("etcd-etcd-1-v1-address-eni").inputs["securityGroups"] == ["sg-00000001", "sg-00000002"]


# a VPC of its own


def test_a_vpc_of_its_own_has_a_subnet_in_each_zone_and_a_way_out() -> None:
    deployment = made(ec2=OWN_VPC)
    vpc = "id-etcd-ec2-vpc-network"
    assert deployment.one("etcd-ec2-vpc-network").inputs == {
        "cidrBlock": "10.60.0.0/16",
        "enableDnsSupport": True,
        "enableDnsHostnames": True,
        "tags": tags("etcd-ec2-vpc"),
    }
    assert deployment.one("etcd-ec2-vpc-gateway").inputs == {"vpcId": vpc, "tags": tags("etcd-ec2-vpc")}
    assert deployment.one("etcd-ec2-vpc-routes").inputs == {
        "vpcId": vpc,
        "routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "id-etcd-ec2-vpc-gateway"}],
        "tags": tags("etcd-ec2-vpc"),
    }
    for zone, cidr in (("eu-central-1a", "10.60.0.0/20"), ("eu-central-1c", "10.60.32.0/20")):
        assert deployment.one(f"etcd-ec2-vpc-{zone}").inputs == {
            "vpcId": vpc,
            "availabilityZone": zone,
            "cidrBlock": cidr,
            "mapPublicIpOnLaunch": False,
            "tags": tags(f"etcd-ec2-vpc-{zone}"),
        }
        assert deployment.one(f"etcd-ec2-vpc-{zone}-routes").inputs == {
            "subnetId": f"id-etcd-ec2-vpc-{zone}",
            "routeTableId": "id-etcd-ec2-vpc-routes",
        }
    assert deployment.one("etcd-ec2-security-group").inputs["vpcId"] == vpc
    assert "aws:ec2/getSubnet:getSubnet" not in {token for token, _ in deployment.calls}


def test_what_instances_lie_in_is_never_replaced_and_routes_of_others_stay() -> None:
    deployment = made(ec2=OWN_VPC)
    for name in ("network", "eu-central-1a", "eu-central-1c"):
        assert deployment.one(f"etcd-ec2-vpc-{name}").ignored == {"cidrBlock"}
    assert deployment.one("etcd-ec2-vpc-routes").ignored == {"routes"}
    assert deployment.one("etcd-ec2-preflight").inputs["vpc_cidr"] == "10.60.0.0/16"


def test_nodes_lie_in_the_zones_of_that_vpc() -> None:
    deployment = made(ec2=OWN_VPC)
    assert deployment.one("etcd-ec2-placement").inputs["places"] == ["eu-central-1a", "eu-central-1c"]
    assert deployment.one("etcd-etcd-2-v1-address-eni").inputs["subnetId"] == "id-etcd-ec2-vpc-eu-central-1c"
    assert deployment.one("etcd-etcd-2-v1-data").inputs["availabilityZone"] == "eu-central-1c"
    gateway = deployment.one("etcd-ec2-vpc-gateway").urn
    assert gateway in deployment.one("etcd-etcd-2-v1-address-eip").dependencies


def test_another_zone_moves_no_subnet() -> None:
    more = {**OWN_VPC, "vpc": {**OWN_VPC["vpc"], "zones": ["eu-central-1b", "eu-central-1a", "eu-central-1c"]}}
    before, after = made(ec2=OWN_VPC), made(ec2=more)
    for name, each in before.of("Subnet").items():
        assert after.one(name).inputs == each.inputs


# once for all


def test_a_spread_placement_group_is_made_when_asked_for() -> None:
    group = made(ec2=ALL_OPTIONS).one("etcd-ec2-spread")
    assert group.inputs == {"strategy": "spread", "tags": {**tags("etcd-ec2-spread"), "team": "storage"}}
    existing = made(ec2={"placement_group": "racks"})
    assert not existing.of("PlacementGroup")
    assert existing.one("etcd-etcd-1-v1-instance").inputs["placementGroup"] == "racks"


def test_snapshots_are_taken_of_all_volumes_with_the_clusters_tag() -> None:
    deployment = made(ec2=ALL_OPTIONS)
    policy = deployment.one("etcd-ec2-snapshots").inputs
    assert policy == {
        "description": "Snapshots of the volumes of the etcd cluster etcd",
        "executionRoleArn": ROLE,
        "state": "ENABLED",
        "policyDetails": {
            "policyType": "EBS_SNAPSHOT_MANAGEMENT",
            "resourceTypes": ["VOLUME"],
            "targetTags": {"etcd-cluster": "etcd-cluster/dev/etcd"},
            "schedules": [
                {
                    "name": "every 6 hours",
                    "createRule": {"interval": 6, "intervalUnit": "HOURS"},
                    "retainRule": {"count": 28},
                    "copyTags": True,
                }
            ],
        },
        "tags": {**tags("etcd-ec2-snapshots"), "team": "storage"},
    }
    for volume in deployment.of("Volume").values():
        assert policy["policyDetails"]["targetTags"].items() <= volume.inputs["tags"].items()
    assert not made().of("LifecyclePolicy")


# what cannot work


def failure(cloud: Ec2, **ec2: Any) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        deploy(config(ec2=ec2), cloud)
    return str(caught.value)


def test_subnets_of_different_vpcs_are_refused_before_anything_is_made() -> None:
    cloud = Ec2(vpcs={**dict.fromkeys(SUBNETS, "vpc-1"), "subnet-00000003": "vpc-2"})
    assert failure(cloud) == (
        "ec2.subnet_ids: expected subnets of one VPC, got subnet-00000001 in vpc-1, subnet-00000002 in vpc-1,"
        " subnet-00000003 in vpc-2. Members reach each other by their private addresses."
        " Leave only the subnets of one VPC."
    )
    assert cloud.made == [], "only the provider was there"


def test_a_subnet_without_ipv4_is_refused() -> None:
    cloud = Ec2(ipv6_only={"subnet-00000002"})
    assert failure(cloud).startswith('ec2.subnet_ids: "subnet-00000002" is for IPv6 only; expected subnets')
    assert cloud.made == []


def test_a_subnet_that_is_not_there_is_named() -> None:
    cloud = Ec2(vpcs={"subnet-00000001": "vpc-1"})
    text = failure(cloud)
    assert text.startswith('ec2.subnet_ids: "subnet-00000002" cannot be looked up in the region. EC2 answered: ')
    assert "no subnet subnet-00000002" in text and "ec2:DescribeSubnets" in text
    assert cloud.made == []


# what is loaded

SCRIPT = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
import recording
recording.deploy(recording.config())
print("pulumi_aws" in sys.modules)
import cloud
cloud.made(1)
print("pulumi_aws" in sys.modules)
"""


def test_the_sdk_of_aws_is_loaded_only_for_hosts_on_ec2() -> None:
    script = SCRIPT.format(root=str(ROOT), tests=str(ROOT / "tests/program"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "True"], done.stderr
