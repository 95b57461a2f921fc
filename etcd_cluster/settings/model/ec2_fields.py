"""The types of single settings of EC2."""

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from etcd_cluster.settings.model.fields import matching, whole
from etcd_cluster.settings.problems import InvalidValue

_ID = r"-[0-9a-f]{8}(?:[0-9a-f]{9})?"


def _instance_type(value: Any) -> str:
    if not isinstance(value, str) or not INSTANCE_TYPE.fullmatch(value) or value.startswith("mac"):
        raise InvalidValue("an EC2 instance type that runs Linux, such as m6i.large")
    if not is_nitro(value):
        raise InvalidValue(
            "an instance type of the Nitro system, such as m6i.large or m7g.large",
            "Older types show a volume under a name that does not tell which volume it is.",
            "Choose a type of a later generation.",
        )
    return value


def _network(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    allowed = "an IPv4 or IPv6 network in CIDR notation, such as 10.0.0.0/8"
    if not isinstance(value, str) or "/" not in value:
        raise InvalidValue(
            allowed, action="For one address, write /32 or /128 behind it." if isinstance(value, str) else ""
        )
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        pass
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise InvalidValue(allowed) from None
    raise InvalidValue(allowed, "It has bits set behind its prefix.", f"Write {network}.")


def _cidr(value: Any) -> str:
    return str(_network(value))


def _vpc_cidr(value: Any) -> str:
    network = _network(value)
    if network.version != 4 or not network.is_private or not 16 <= network.prefixlen <= 24:
        raise InvalidValue(
            "a private IPv4 network from /16 to /24",
            "It is split into 16 subnets, and EC2 takes networks from /16 to /28.",
            "Take one that no network you connect to uses, such as 10.60.0.0/16.",
        )
    return str(network)


def _image(value: Any) -> str:
    if value in ("debian-12", "amazon-linux-2023") or (isinstance(value, str) and re.fullmatch("ami" + _ID, value)):
        return str(value)
    raise InvalidValue("debian-12, amazon-linux-2023, or the id of an image: ami-…")


def _hours(value: Any) -> int:
    # https://docs.aws.amazon.com/dlm/latest/APIReference/API_CreateRule.html
    if str(value) not in ("1", "2", "3", "4", "6", "8", "12", "24") or isinstance(value, bool):
        raise InvalidValue("1, 2, 3, 4, 6, 8, 12 or 24 hours", "A lifecycle policy knows no other intervals.")
    return int(value)


def _identity(kind: str, what: str) -> BeforeValidator:
    return matching(kind + _ID, f"the id of {what}: {kind}-…")


InstanceType = Annotated[str, BeforeValidator(_instance_type)]
Cidr = Annotated[str, BeforeValidator(_cidr)]
VpcCidr = Annotated[str, BeforeValidator(_vpc_cidr)]
Image = Annotated[str, BeforeValidator(_image)]
Region = Annotated[str, matching(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]", "an AWS region, such as eu-central-1")]
Zone = Annotated[
    str, matching(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9][a-p]", "an availability zone of the region, such as eu-central-1a")
]
SubnetId = Annotated[str, _identity("subnet", "a subnet")]
SecurityGroupId = Annotated[str, _identity("sg", "a security group")]
VolumeId = Annotated[str, _identity("vol", "an EBS volume")]
HostedZoneId = Annotated[str, matching(r"Z[A-Z0-9]{1,31}", "the id of a Route 53 hosted zone: Z…")]
RoleArn = Annotated[
    str, matching(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,576}", "the ARN of an IAM role: arn:aws:iam::…")
]
KmsKey = Annotated[
    str, matching(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+", "the ARN of a KMS key: arn:aws:kms:…")
]
Ec2Name = Annotated[
    str, matching(r"[ -~]{1,255}", "up to 255 printable ASCII characters, the name of what exists in EC2")
]
TagKey = Annotated[
    str,
    matching(
        r"(?!aws:|Name\Z|etcd-cluster(?:-node)?\Z)[\w +=.:/@-]{1,128}",
        "up to 128 letters, digits, spaces and the characters _ . : / = + - @, not Name, etcd-cluster or aws:…",
        "AWS takes no others, and those named are set by the program or by AWS.",
    ),
]
TagValue = Annotated[
    str,
    matching(r"[\w +=.:/@-]{0,256}", "up to 256 letters, digits, spaces and the characters _ . : / = + - @, in quotes"),
]
Hours = Annotated[int, BeforeValidator(_hours)]
Generation = Annotated[int, whole(1, 1_000_000)]


INSTANCE_TYPE = re.compile(r"(?P<family>[a-z]+)(?P<generation>[0-9]+)(?P<attributes>[a-z]*)(?:-[a-z0-9]+)*\.[a-z0-9-]+")

# All types before Nitro: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-hypervisors.html (Xen)
_BEFORE_NITRO = "c1 c3 c4 cc2 cr1 d2 f1 g2 g3 g3s h1 hs1 i2 i3 m1 m2 m3 m4 p2 p3 r3 r4 t1 t2 x1 x1e"
BEFORE_NITRO = frozenset(_BEFORE_NITRO.split())
NITRO_DESPITE_FAMILY = frozenset({"i3.metal"})


def instance_architecture(name: str) -> Literal["amd64", "arm64"]:
    """Return what a type's processor is: Graviton types carry a g right behind the number of their generation."""
    match = INSTANCE_TYPE.fullmatch(name)
    assert match, name
    if match["family"] + match["generation"] == "a1":
        return "arm64"
    # im4gn and is4gen too; in g5 or gr6 the g stands before the number and means a graphics processor.
    return "arm64" if match["attributes"].startswith("g") else "amd64"


def is_nitro(name: str) -> bool:
    """Tell whether volumes of a type are NVMe devices that carry their volume's id."""
    return name.partition(".")[0] not in BEFORE_NITRO or name in NITRO_DESPITE_FAMILY
