"""Hosts on EC2: what follows from them, and what is refused before anything is called."""

from typing import Any

import pytest

from etcd_cluster.settings import Settings, SettingsError, load
from etcd_cluster.settings.model.ec2_fields import instance_architecture, is_nitro
from tests.unit.settings.settings_samples import LOGIN_KEY

SUBNET, OTHER = "subnet-0000000a", "subnet-0123456789abcdef0"
PAIR = {"key_name": "ops"}
OWN_VPC = {"subnet_ids": None, "address": "public", "vpc": {"zones": ["eu-central-1a", "eu-central-1b"]}}


def raw(ec2: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """Return settings that are right, with those given over them; None takes one of `ec2` out."""
    given = {
        "region": "eu-central-1",
        "instance_type": "m6i.large",
        "subnet_ids": [SUBNET, OTHER],
        "ssh_cidrs": ["198.51.100.0/24"],
        **(ec2 or {}),
    }
    return {
        "hosts": "ec2",
        "ec2": {key: value for key, value in given.items() if value is not None},
        "nodes": {"a": {}, "b": None, "c": {}},
        **settings,
    }


def loaded(ec2: dict[str, Any] | None = None, **settings: Any) -> Settings:
    return load(raw(ec2, **settings))[0]


def problems(ec2: dict[str, Any] | None = None, **settings: Any) -> list[str]:
    try:
        load(raw(ec2, **settings))
    except SettingsError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "ap-southeast-5", "eusc-de-east-1"])
def test_every_partitions_regions_are_known(region: str) -> None:
    vpc = {"subnet_ids": None, "vpc": {"zones": [f"{region}a"]}, "address": "public"}
    assert problems({"region": region, **vpc}) == []


def test_a_region_a_type_and_a_place_are_enough() -> None:
    settings = loaded()
    assert settings.ec2 is not None and settings.ec2.image == "debian-12"
    assert [node.address for node in settings.nodes.values()] == [None, None, None]
    assert load(raw())[1] == []


@pytest.mark.parametrize(("image", "user"), [("debian-12", "admin"), ("amazon-linux-2023", "ec2-user")])
def test_the_account_is_the_images(image: str, user: str) -> None:
    settings = loaded({"image": image})
    assert settings.ssh.user == user
    assert settings.connection("a").user == user and settings.connection("a").sudo


def test_an_account_that_is_named_stays() -> None:
    own = loaded({"image": "ami-0123456789abcdef0"}, ssh={"user": "ops"})
    assert own.ssh.user == "ops"
    assert loaded(ssh={"user": "root"}).ssh.user == "root"


def test_without_hosts_on_ec2_the_account_is_root() -> None:
    settings, _ = load(
        {"nodes": {"a": {"address": "192.0.2.1"}}, "ssh": {"private_key": LOGIN_KEY, "host_key_policy": "accept-new"}}
    )
    assert settings.ssh.user == "root"


def test_a_wal_volume_has_its_directory() -> None:
    assert loaded().paths.wal_dir is None
    assert loaded({"wal_volume": {}}).paths.wal_dir == "/var/lib/etcd-wal"
    assert loaded({"wal_volume": {}}, paths={"wal_dir": "/srv/wal"}).paths.wal_dir == "/srv/wal"


def test_every_node_knows_its_architecture() -> None:
    nodes = {"a": {}, "b": {"architecture": "arm64", "ec2": {"instance_type": "m7g.large"}}}
    assert [node.architecture for node in loaded(nodes=nodes).nodes.values()] == ["amd64", "arm64"]


def test_an_existing_key_pair_needs_its_key() -> None:
    assert loaded(PAIR, ssh={"private_key": LOGIN_KEY}).connection("a").private_key == LOGIN_KEY
    assert loaded(PAIR, ssh={"agent": True}).connection("a").agent
    assert "ssh.private_key_file: missing;" in problems(PAIR)[0]


def test_numbers_may_be_text_as_the_command_line_leaves_them() -> None:
    settings = loaded(
        {
            "data_volume": {"size": "40"},
            "snapshots": {"role_arn": "arn:aws:iam::123456789012:role/d", "every_hours": "6"},
        }
    )
    assert settings.ec2 is not None and settings.ec2.data_volume.size == 40
    assert settings.ec2.snapshots is not None and settings.ec2.snapshots.every_hours == 6


# what is refused


@pytest.mark.parametrize(
    ("ec2", "settings", "expected"),
    [
        ({"region": None}, {}, "ec2.region: missing; expected AWS region."),
        (
            {"region": "Frankfurt"},
            {},
            'ec2.region: invalid value "Frankfurt"; expected an AWS region, such as eu-central-1.',
        ),
        ({"subnet_ids": None}, {}, "ec2.subnet_ids: missing; expected ec2.subnet_ids or ec2.vpc."),
        (
            {"vpc": {"zones": ["eu-central-1a"]}, "address": "public"},
            {},
            "ec2.subnet_ids: cannot be set together with ec2.vpc.",
        ),
        ({"subnet_ids": [SUBNET, SUBNET]}, {}, "ec2.subnet_ids: a subnet is listed twice."),
        ({"ssh_cidrs": ["10.0.0.0/8", "10.0.0.0/8"]}, {}, "ec2.ssh_cidrs: 10.0.0.0/8 is listed twice."),
        ({"client_cidrs": ["::1/128", "::1/128"]}, {}, "ec2.client_cidrs: ::1/128 is listed twice."),
        (
            {"subnet_ids": ["vpc-1"]},
            {},
            'ec2.subnet_ids[0]: invalid value "vpc-1"; expected the id of a subnet: subnet-…',
        ),
        ({**OWN_VPC, "address": None}, {}, 'ec2.address: invalid value "private"; expected public, with ec2.vpc.'),
        (
            {**OWN_VPC, "vpc": {"zones": ["us-east-1a"]}},
            {},
            'ec2.vpc.zones: invalid value "us-east-1a"; expected zones of eu-',
        ),
        ({**OWN_VPC, "vpc": {"zones": []}}, {}, "ec2.vpc.zones: no zones; expected one or more."),
        ({**OWN_VPC, "vpc": {"zones": ["eu-central-1a"], "cidr": "8.8.0.0/16"}}, {}, "expected a private IPv4 network"),
        ({**OWN_VPC, "vpc": {"zones": ["eu-central-1a"], "cidr": "10.0.0.0/8"}}, {}, "expected a private IPv4 network"),
        ({**OWN_VPC, "vpc": {}}, {}, "ec2.vpc.zones: missing; expected the availability zones"),
        (
            {"instance_type": "m7g.large"},
            {},
            'ec2.instance_type: invalid value "m7g.large"; expected an instance type of amd64',
        ),
        (
            {"architecture": "arm64"},
            {},
            'ec2.instance_type: invalid value "m6i.large"; expected an instance type of arm64',
        ),
        ({"instance_type": "m4.large"}, {}, "expected an instance type of the Nitro system"),
        ({"instance_type": "large"}, {}, "expected an EC2 instance type that runs Linux"),
        ({"instance_type": "mac2.metal"}, {}, "expected an EC2 instance type that runs Linux"),
        (
            {"image": "ubuntu"},
            {},
            'ec2.image: invalid value "ubuntu"; expected debian-12, amazon-linux-2023, or the id',
        ),
        ({"image": "ami-0123456789abcdef0"}, {}, "ssh.user: missing; expected the account that the image's"),
        ({"ssh_cidrs": None}, {}, "ec2.ssh_cidrs: missing; expected the networks that SSH comes from."),
        ({"ssh_cidrs": ["0.0.0.0/0"]}, {}, 'ec2.ssh_cidrs: invalid value "0.0.0.0/0"; expected specific networks.'),
        ({"client_cidrs": ["::/0"]}, {}, 'ec2.client_cidrs: invalid value "::/0"; expected specific networks.'),
        ({"client_cidrs": ["10.0.0.1/8"]}, {}, "It has bits set behind its prefix. Write 10.0.0.0/8."),
        ({"client_cidrs": ["10.0.0.1"]}, {}, "For one address, write /32 or /128 behind it."),
        (
            {"security_group_ids": ["sg-00000001"]},
            {},
            "ec2.ssh_cidrs: cannot be set together with ec2.security_group_ids",
        ),
        ({}, {"ssh": {"port": 2222}}, "ssh.port: invalid value 2222; expected 22 with debian-12."),
        ({}, {"ssh": {"agent": True}}, "ssh.agent: must not be set without ec2.key_name."),
        ({}, {"ssh": {"private_key": LOGIN_KEY}}, "ssh.private_key: must not be set without ec2.key_name."),
        (
            {},
            {"ssh": {"bastion": {"host": "192.0.2.1"}, "host_key_policy": "accept-new"}},
            "ssh.bastion.private_key_file: missing; expected a key for the bastion.",
        ),
        (
            {"data_volume": {"iops": 16000}},
            {},
            "ec2.data_volume.iops: invalid value 16000; expected at most 10000 with 20 GiB.",
        ),
        (
            {"data_volume": {"throughput": 1000}},
            {},
            "ec2.data_volume.throughput: invalid value 1000; expected at most 750 with 3000 iops.",
        ),
        (
            {"data_volume": {"iops": 2999}},
            {},
            "ec2.data_volume.iops: invalid value 2999; expected a whole number from 3000 to",
        ),
        (
            {"data_volume": {"size": 12}},
            {},
            "ec2.data_volume.size: invalid value 12; expected at least 13 GiB for these options",
        ),
        ({"data_volume": {"size": 65537}}, {}, "expected a whole number of GiB from 1 to 65536."),
        (
            {"wal_volume": {"size": 1}},
            {"etcd": {"max-wals": "20"}},
            "ec2.wal_volume.size: invalid value 1; expected at least 3 GiB for these options. etcd keeps `max-wals`",
        ),
        ({}, {"paths": {"wal_dir": "/srv/wal"}}, "paths.wal_dir: must not be set without ec2.wal_volume."),
        (
            {"root_volume_size": 7},
            {},
            "ec2.root_volume_size: invalid value 7; expected a whole number of GiB from 8 to",
        ),
        (
            {"spread_placement": True, "placement_group": "p"},
            {},
            "ec2.spread_placement: cannot be set together with ec2.placement_group.",
        ),
        (
            {"spread_placement": True, "subnet_ids": [SUBNET]},
            {"nodes": {f"n{number}": {} for number in range(9)}},
            "ec2.spread_placement: cannot be used for more than 7 nodes a zone.",
        ),
        ({"tags": {"Name": "x"}}, {}, 'ec2.tags: invalid value "Name"; expected up to 128 letters'),
        ({"tags": {"team": "a#b"}}, {}, 'ec2.tags.team: invalid value "a#b"; expected up to 256 letters'),
        (
            {"route53": {"zone_id": "x", "domain": "a.example"}},
            {},
            'ec2.route53.zone_id: invalid value "x"; expected the id',
        ),
        ({"snapshots": {"role_arn": "dlm"}}, {}, 'ec2.snapshots.role_arn: invalid value "dlm"; expected the ARN of'),
        (
            {"snapshots": {"role_arn": "arn:aws:iam::123456789012:role/d", "every_hours": 5}},
            {},
            "ec2.snapshots.every_hours: invalid value 5; expected 1, 2, 3, 4, 6, 8, 12 or 24 hours.",
        ),
        ({}, {"nodes": {"a": {"address": "192.0.2.1"}}}, "nodes.a.address: must not be set with hosts: ec2."),
        ({}, {"nodes": {"a": {"ssh": {"host": "192.0.2.1"}}}}, "nodes.a.ssh.host: must not be set with hosts: ec2."),
        (
            {},
            {"nodes": {"a": {"ec2": {"zone": "eu-central-1a"}}}},
            'nodes.a.ec2.zone: invalid value "eu-central-1a"; ex',
        ),
        ({}, {"nodes": {"a": {"ec2": {"subnet_id": "subnet-0000000c"}}}}, "expected one of ec2.subnet_ids."),
        (
            {},
            {"nodes": {"a": {"ec2": {"generation": 0}}}},
            "nodes.a.ec2.generation: invalid value 0; expected a whole number",
        ),
        (
            {"wal_volume": {}},
            {"nodes": {"a": {"ec2": {"data_volume_id": "vol-00000001"}}}},
            "nodes.a.ec2.wal_volume_id: must be set where data_volume_id and ec2.wal_volume are, and only there.",
        ),
        (
            {},
            {"nodes": {"a": {"ec2": {"data_volume_id": "vol-00000001", "wal_volume_id": "vol-00000002"}}}},
            "nodes.a.ec2.wal_volume_id: must be set where data_volume_id and ec2.wal_volume are, and only there.",
        ),
        (
            {},
            {"nodes": {name: {"ec2": {"data_volume_id": "vol-00000001"}} for name in "ab"}},
            'nodes.a.ec2.data_volume_id: invalid value "vol-00000001"; expected a volume of its own.',
        ),
        (
            {},
            {"nodes": {"a": {"ec2": {"instance_type": "m7g.large"}}}},
            'nodes.a.ec2.instance_type: invalid value "m7g.large"',
        ),
        ({"instancetype": "m6i.large"}, {}, 'ec2.instancetype: unknown setting; did you mean "ec2.instance_type"?'),
    ],
)
def test_what_cannot_work_is_named(ec2: dict[str, Any], settings: dict[str, Any], expected: str) -> None:
    found = problems(ec2, **settings)
    assert any(expected in line for line in found), found


def test_each_mistake_is_told_once() -> None:
    found = problems({"region": "Frankfurt", **OWN_VPC})
    assert len(found) == 1, found


def test_without_ec2_the_settings_of_ec2_are_refused() -> None:
    found = problems(hosts="ssh", nodes={"a": {"address": "192.0.2.1", "ec2": {"generation": 2}}})
    assert [line.partition(" without")[0] for line in found if "ec2" in line] == [
        "ec2: must not be set",
        "nodes.a.ec2: must not be set",
    ]


def test_without_ec2_every_node_names_its_address() -> None:
    found = problems(hosts="ssh", nodes={"a": {}, "b": None})
    assert [line.partition(";")[0] for line in found if "address" in line] == [
        "nodes.a.address: missing",
        "nodes.b.address: missing",
    ]


def test_hosts_on_ec2_say_how() -> None:
    given = raw()
    del given["ec2"]
    with pytest.raises(SettingsError) as caught:
        load(given)
    assert [str(problem).partition(";")[0] for problem in caught.value.problems] == ["ec2: missing"]


def test_what_is_open_to_the_world_is_said_so() -> None:
    assert problems({"open_to_the_world": True, "ssh_cidrs": ["0.0.0.0/0", "::/0"]}) == []


def test_the_quota_decides_what_a_data_volume_has_to_hold() -> None:
    assert problems({"data_volume": {"size": 17}}, etcd={"quota-backend-bytes": str(8 * 2**30)}) == []
    assert "at least 17 GiB" in problems({"data_volume": {"size": 16}}, etcd={"quota-backend-bytes": str(8 * 2**30)})[0]
    # The WAL lies elsewhere.
    assert problems({"data_volume": {"size": 16}, "wal_volume": {}}, etcd={"quota-backend-bytes": str(8 * 2**30)}) == []


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        *((name, "amd64") for name in ("m6i.large", "c5.xlarge", "t3.medium", "m7i-flex.large", "g5.xlarge")),
        *((name, "amd64") for name in ("gr6.4xlarge", "u7i-12tb.224xlarge", "m7a.medium", "i7ie.large")),
        *((name, "arm64") for name in ("m7g.large", "t4g.small", "c7gn.large", "im4gn.large", "is4gen.medium")),
        *((name, "arm64") for name in ("x2gd.medium", "g5g.xlarge", "hpc7g.4xlarge", "i8g.large", "a1.large")),
    ],
)
def test_a_types_name_tells_its_architecture(name: str, architecture: str) -> None:
    assert instance_architecture(name) == architecture
    assert is_nitro(name)


def test_types_before_nitro_are_known() -> None:
    names = ("m4.large", "t2.micro", "i3.large", "i3.metal", "i3en.large")
    assert [name for name in names if is_nitro(name)] == ["i3.metal", "i3en.large"]
