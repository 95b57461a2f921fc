"""What the user reads beside EC2's own words."""

import pytest

from etcd_cluster.ec2.refusals import advice

IN_USE = "operation error EC2: RunInstances, api error InvalidNetworkInterface.InUse: Interface: [eni-1] in use."


def test_an_instance_that_the_state_does_not_know_is_named_with_the_way_to_remove_it() -> None:
    problem = advice("etcd-2", "eu-central-1", IN_USE, ["i-1"])
    assert problem is not None
    lines = str(problem).splitlines()
    assert lines[0].startswith("etcd-2: EC2 has made an instance of it that the state does not know: i-1. ")
    assert [line.strip() for line in lines if line.startswith("  ")] == [
        "aws ec2 modify-instance-attribute --region eu-central-1 --instance-id i-1 --no-disable-api-termination",
        "aws ec2 terminate-instances --region eu-central-1 --instance-ids i-1",
        "aws ec2 wait instance-terminated --region eu-central-1 --instance-ids i-1",
    ]
    assert lines[-1].startswith("Run them, then `pulumi up`")


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        ("api error InsufficientInstanceCapacity: no", "ec2.instance_type"),
        ("api error Unsupported: Your requested instance type is not supported in your zone", "ec2.instance_type"),
        ("api error InvalidAMIID.NotFound: The image id does not exist", "ec2.image"),
        ("api error InvalidBlockDeviceMapping: Volume of size 8GB is smaller than snapshot", "ec2.root_volume_size"),
        ("api error InvalidKeyPair.NotFound: The key pair does not exist", "ec2.key_name"),
    ],
)
def test_a_refused_setting_is_named(error: str, setting: str) -> None:
    assert f"correct `{setting}` and run it" in str(advice("etcd-2", "eu-central-1", error, []))


@pytest.mark.parametrize("error", [IN_USE, "api error UnauthorizedOperation: You are not authorized"])
def test_nothing_is_added_where_ec2_says_all(error: str) -> None:
    assert advice("etcd-2", "eu-central-1", error, []) is None
