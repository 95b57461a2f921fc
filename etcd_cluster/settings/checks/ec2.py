"""Checks of what is said about EC2, with the rest of the settings."""

from collections import Counter
from collections.abc import Iterator

from etcd_cluster.settings.checks.volumes import check_volumes
from etcd_cluster.settings.model import Node, Settings
from etcd_cluster.settings.model.ec2 import LOGIN_USERS, Ec2
from etcd_cluster.settings.model.ec2_fields import instance_architecture
from etcd_cluster.settings.problems import Path, SettingProblem, display_value, invalid, missing, problem

WORLD = ("0.0.0.0/0", "::/0")
# What EC2 takes into one spread placement group in one zone.
MOST_SPREAD = 7


def check_ec2(settings: Settings) -> Iterator[SettingProblem]:
    """Yield what does not fit hosts on EC2, or is said of EC2 though the hosts exist."""
    ec2 = settings.ec2
    if settings.hosts == "ssh":
        yield from _check_unused(settings)
        return
    if ec2 is None:
        yield missing(
            ("ec2",),
            "a mapping with region, instance_type, and subnet_ids or vpc",
            "With hosts: ec2 the program makes the hosts.",
            "Set ec2, or leave hosts out to use hosts that exist.",
            involves=(("hosts",), ("ec2",)),
        )
        return
    yield from _check_place(ec2)
    yield from _check_access(settings, ec2)
    yield from _check_login(settings, ec2)
    yield from check_volumes(settings, ec2)
    for name, node in settings.nodes.items():
        yield from _check_node(name, node, ec2)
    if ec2.spread_placement:
        yield from _check_spread(settings, ec2)


def _check_unused(settings: Settings) -> Iterator[SettingProblem]:
    why = "The hosts exist already, as hosts: ssh says, and nothing would read it."
    if settings.ec2 is not None:
        yield problem(
            ("ec2",),
            "must not be set without hosts: ec2",
            why,
            "Set hosts to ec2, or remove it.",
            involves=(("hosts",),),
        )
    for name, node in settings.nodes.items():
        if "ec2" in node.model_fields_set:
            yield problem(
                ("nodes", name, "ec2"),
                "must not be set without hosts: ec2",
                why,
                "Set hosts to ec2, or remove it.",
                involves=(("hosts",),),
            )


def _check_place(ec2: Ec2) -> Iterator[SettingProblem]:
    if bool(ec2.subnet_ids) == (ec2.vpc is not None):
        yield problem(
            ("ec2", "subnet_ids"),
            "cannot be set together with ec2.vpc" if ec2.vpc else "missing; expected ec2.subnet_ids or ec2.vpc",
            "Instances lie in existing subnets, or in a VPC that is made for them.",
            "Remove one of them." if ec2.vpc else "Set ec2.subnet_ids to subnets of your VPC, or ec2.vpc.",
            involves=(("ec2", "vpc"),),
        )
    if len(set(ec2.subnet_ids)) < len(ec2.subnet_ids):
        yield problem(("ec2", "subnet_ids"), "a subnet is listed twice", action="Remove the second one.")
    if ec2.vpc is None:
        return
    zones = ec2.vpc.zones
    key: Path = ("ec2", "vpc", "zones")
    if not zones or len(set(zones)) < len(zones):
        yield problem(
            key, "a zone is listed twice" if zones else "no zones; expected one or more", action="Correct the list."
        )
    for zone in zones:
        if zone[:-1] != ec2.region:
            yield invalid(
                key,
                display_value(key, zone),
                f"zones of {ec2.region}",
                "ec2.region says where everything is made.",
                "Correct the zone or the region.",
                involves=(("ec2", "region"),),
            )
    if ec2.address == "private":
        yield invalid(
            ("ec2", "address"),
            '"private"',
            "public, with ec2.vpc",
            "Nothing outside a new VPC reaches a private address in it, and without a NAT gateway no instance there"
            " reaches the internet.",
            "Set it to public, or give subnet_ids of a VPC with a way in and out.",
            involves=(("ec2", "vpc"),),
        )


def _check_access(settings: Settings, ec2: Ec2) -> Iterator[SettingProblem]:
    lists = {
        "client_cidrs": ec2.client_cidrs,
        "client_security_group_ids": ec2.client_security_group_ids,
        "ssh_cidrs": ec2.ssh_cidrs,
    }
    for name, entries in lists.items():
        key = ("ec2", name)
        if entries and ec2.security_group_ids:
            yield problem(
                key,
                "cannot be set together with ec2.security_group_ids",
                "Rules are written only for the security group that is created where none is set.",
                "Remove it, or ec2.security_group_ids.",
                involves=(("ec2", "security_group_ids"),),
            )
        for network in (each for each, times in Counter(entries).items() if times > 1):
            yield problem(key, f"{network} is listed twice", action="Remove the second one.")
        for world in set(entries).intersection(WORLD):
            if not ec2.open_to_the_world:
                yield invalid(
                    key,
                    display_value(key, world),
                    "specific networks",
                    "It opens the port to the whole internet.",
                    "Name the networks that need it, or set ec2.open_to_the_world to true.",
                    involves=(("ec2", "open_to_the_world"),),
                )
    if not ec2.security_group_ids and not ec2.ssh_cidrs:
        yield missing(
            ("ec2", "ssh_cidrs"),
            "the networks that SSH comes from",
            "The program itself works over SSH, from this machine or from ssh.bastion.",
            "Add this machine's network, or the bastion's.",
            involves=(("ec2", "security_group_ids"),),
        )
    if settings.ssh.port != 22 and ec2.image in LOGIN_USERS:
        yield invalid(
            ("ssh", "port"),
            str(settings.ssh.port),
            f"22 with {ec2.image}",
            "Its SSH server listens there.",
            "Leave it out, or use an image of your own.",
            involves=(("ec2", "image"),),
        )


def _check_login(settings: Settings, ec2: Ec2) -> Iterator[SettingProblem]:
    if ec2.image not in LOGIN_USERS and "user" not in settings.ssh.model_fields_set:
        yield missing(
            ("ssh", "user"),
            "the account that the image's cloud-init makes",
            "It is known only of debian-12 and amazon-linux-2023.",
            "Set it.",
            involves=(("ec2", "image"),),
        )


def _check_node(name: str, node: Node, ec2: Ec2) -> Iterator[SettingProblem]:
    here: Path = ("nodes", name)
    why = "This program creates the host, with its address and its host key."
    for key, value in (
        ((*here, "address"), node.address),
        ((*here, "ssh", "host"), node.ssh.host),
        ((*here, "ssh", "host_key"), node.ssh.host_key),
    ):
        if value is not None:
            yield problem(key, "must not be set with hosts: ec2", why, "Remove it.", (("hosts",),))
    type_key: Path = (*here, "ec2", "instance_type") if node.ec2.instance_type else ("ec2", "instance_type")
    instance_type = node.ec2.instance_type or ec2.instance_type
    is_of, wanted = instance_architecture(instance_type), node.architecture or ec2.architecture
    if is_of != wanted:
        yield invalid(
            type_key,
            display_value(type_key, instance_type),
            f"an instance type of {wanted}, the architecture of {name}",
            f"Its processors are {is_of}, and the image and etcd's archive would be of the other.",
            f"Choose another type, or set {'nodes.' + name if node.ec2.instance_type else 'ec2'}.architecture"
            f" to {is_of}.",
            involves=(("ec2", "architecture"), (*here, "architecture"), ("ec2", "instance_type")),
        )
    places = {
        "subnet_id": (node.ec2.subnet_id, ec2.subnet_ids, "ec2.subnet_ids"),
        "zone": (node.ec2.zone, ec2.vpc.zones if ec2.vpc else (), "ec2.vpc.zones"),
    }
    for what, (place, known, where) in places.items():
        if place is not None and place not in known:
            key = (*here, "ec2", what)
            yield invalid(
                key,
                display_value(key, place),
                f"one of {where}",
                "Nodes are created only in those that are listed." if known else f"{where} is not set.",
                f"Correct it, or add it to {where}." if known else "Remove it.",
                involves=(("ec2", "subnet_ids"), ("ec2", "vpc")),
            )


def _check_spread(settings: Settings, ec2: Ec2) -> Iterator[SettingProblem]:
    key: Path = ("ec2", "spread_placement")
    if ec2.placement_group is not None:
        yield problem(
            key,
            "cannot be set together with ec2.placement_group",
            "An instance is in one placement group.",
            "Remove one of them.",
            involves=(("ec2", "placement_group"),),
        )
    places = len(ec2.vpc.zones) if ec2.vpc else len(ec2.subnet_ids)
    if places and len(settings.nodes) > MOST_SPREAD * places:
        yield problem(
            key,
            f"cannot be used for more than {MOST_SPREAD} nodes a zone",
            "EC2 spreads no more than that in one zone.",
            "Add a zone, or remove nodes.",
            involves=(("nodes",), ("ec2", "vpc"), ("ec2", "subnet_ids")),
        )
