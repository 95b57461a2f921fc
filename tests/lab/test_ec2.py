"""Hosts on EC2, from nothing to destroy: the lab's stand-in for AWS starts a host of the lab for each instance."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.lab.hosts import Host, Lab
from dev.lab.storage import image
from dev.standins.aws.account import Account
from dev.standins.aws.hosts import LabHosts
from dev.standins.aws.instance import Instance
from dev.standins.aws.volume import VolumeAttachment
from tests.lab.conftest import MakeStack, Measure
from tests.lab.harness import Stack
from tests.lab.outside import Client, Writer

pytestmark = pytest.mark.lab

SECONDS = 420.0
ZONES = ("a", "b", "c")


class Cloud:
    """A stack with its hosts on EC2, and the account that they are in."""

    def __init__(self, site: Lab, make_stack: MakeStack, nodes: int = 3, **ec2: Any) -> None:
        self.site = site
        self.stack: Stack = make_stack([])
        self.stack.config |= {
            "hosts": "ec2",
            "nodes": {f"etcd-{number}": {} for number in range(1, nodes + 1)},
            "ec2": {
                "region": "eu-central-1",
                "instance_type": "m6i.large",
                "subnet_ids": [f"subnet-0000000{zone}" for zone in ZONES],
                "data_volume": {"size": 4},
                "ssh_cidrs": [site.addresses.network],
                "client_cidrs": [site.addresses.network],
                **ec2,
            },
            # the volumes of the lab are small
            "etcd": {"quota-backend-bytes": "200000000"},
            # a key is generated, and the images tell the user
            "ssh": {},
        }
        self.stack.variables["ETCD_CLUSTER_LAB_AWS"] = site.name
        self.account = Account(site.folder / "aws", site.addresses.network)

    def up(self) -> str:
        """Run `pulumi up`, which must succeed, and know the hosts from then on."""
        said = self.stack.up(seconds=SECONDS).stdout
        self.know_hosts()
        return said

    def know_hosts(self) -> None:
        """Take the hosts from the outputs."""
        self.stack.hosts = {node: self.host(each["private_address"]) for node, each in self.instances().items()}

    def host(self, address: str) -> Host:
        """Return the lab's host with an address."""
        return self.site.host(f"h{int(address.rpartition('.')[2]) - 10}")

    def instances(self) -> dict[str, dict[str, str]]:
        """Return what the outputs say about each instance."""
        found = self.stack.output("instances")
        assert isinstance(found, dict)
        return found

    def node(self, name: str, **settings: Any) -> None:
        """Set what the stack file says about a node."""
        self.stack.config["nodes"][name] = settings

    def healthy(self, *nodes: str) -> None:
        """Assert that these and no others are members, all healthy."""
        assert {member["name"]: member["healthy"] for member in self.stack.output("members")} == dict.fromkeys(
            nodes, True
        )

    def terminate(self, instance: str) -> None:
        """Terminate an instance outside, as a user does with the `aws` command line."""
        world = self.account, LabHosts(self.site.name)
        Instance(lambda: world).remove({"id": instance, "forceDestroy": True})

    def members(self) -> dict[str, str]:
        """Return the members' ids by name."""
        return {member["name"]: member["id"] for member in self.stack.output("members")}


MakeCloud = Callable[..., Cloud]


@pytest.fixture
def make_cloud(site: Lab, make_stack: MakeStack) -> Iterator[MakeCloud]:
    """Makes a stack on EC2 with an account of its own; what it left in the account is gone at the end."""
    image.ensure(recipe=image.CLOUD)
    made: list[Cloud] = []

    def make(nodes: int = 3, **ec2: Any) -> Cloud:
        made.append(Cloud(site, make_stack, nodes, **ec2))
        return made[-1]

    yield make
    for cloud in made:
        for host in site.hosts:
            host.kill()
        for file in cloud.account.folder.glob("*.img"):
            file.unlink()
        cloud.account.clear()


def unchanged(said: str) -> bool:
    """Return whether an `up` changed nothing; print which resources it did change."""
    changes = said.partition("Resources:")[2]
    same = bool(changes) and not any(word in changes for word in ("created", "updated", "replaced", "deleted"))
    if not same:
        print("\n".join(line for line in said.splitlines() if line.lstrip().startswith(("~", "+", "-"))))
    return same


def test_from_an_account_to_a_cluster_and_back(make_cloud: MakeCloud, tools: Path, measure: Measure) -> None:
    cloud = make_cloud()
    cloud.up()
    cloud.healthy("etcd-1", "etcd-2", "etcd-3")
    first = cloud.instances()
    for node, host in cloud.stack.hosts.items():
        assert host.run("findmnt -no SOURCE,FSTYPE /var/lib/etcd").stdout.endswith("ext4\n")
        # the key that stands in user data is no longer the host's
        assert "PRIVATE KEY" in host.run("cat /var/lib/cloud/instance/user-data.txt").stdout
        shown = host.run("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub").stdout.strip()
        assert shown not in host.run("cat /var/lib/cloud/instance/user-data.txt").stdout
        assert host.run("ls /etc/ssh/ssh_host_*_key").stdout == "/etc/ssh/ssh_host_ed25519_key\n", node
    zones = [entry["zone"] for entry in cloud.account.entries("instance").values()]
    assert sorted(zones) == [f"eu-central-1{zone}" for zone in ZONES]

    client = Client(cloud.stack, tools)
    client.put("before", "all")
    pids = cloud.stack.pids()
    assert unchanged(cloud.up())
    assert cloud.stack.pids() == pids

    # one more node, then one instance replaced with its volume
    cloud.node("etcd-4")
    cloud.up()
    cloud.healthy("etcd-1", "etcd-2", "etcd-3", "etcd-4")
    assert {node: each for node, each in cloud.instances().items() if node in first} == first
    assert {node: pid for node, pid in cloud.stack.pids().items() if node in pids} == pids

    ids, pids = cloud.members(), cloud.stack.pids()
    cloud.node("etcd-2", ec2={"generation": 2})
    client = Client(cloud.stack, tools)
    with Writer(client) as writer:
        cloud.up()
        measure("an instance replaced with its volume", writer)
    writer.served_all(client)
    cloud.healthy("etcd-1", "etcd-2", "etcd-3", "etcd-4")
    assert cloud.members() == ids
    after = cloud.instances()
    assert after["etcd-2"]["instance_id"] != first["etcd-2"]["instance_id"]
    kept = ("data_volume_id", "private_address", "ssh_address")
    assert all(after["etcd-2"][name] == first["etcd-2"][name] for name in kept)
    assert {node: after[node] for node in ("etcd-1", "etcd-3")} == {node: first[node] for node in ("etcd-1", "etcd-3")}
    assert all(cloud.stack.pids()[node] == pids[node] for node in ("etcd-1", "etcd-3", "etcd-4"))
    assert client.get("before") == "all"

    cloud.stack.destroy()
    assert cloud.account.entries("instance") == {}
    assert cloud.account.entries("network-interface") == {}
    assert len(cloud.account.entries("volume")) == 4


@pytest.mark.long
def test_a_node_leaves_with_its_instance_and_a_reboot_brings_all_back(make_cloud: MakeCloud, tools: Path) -> None:
    cloud = make_cloud(4)
    cloud.up()
    first = cloud.instances()
    Client(cloud.stack, tools).put("before", "all")
    del cloud.stack.config["nodes"]["etcd-2"]
    cloud.up()
    cloud.healthy("etcd-1", "etcd-3", "etcd-4")
    left = cloud.instances()
    assert left == {node: first[node] for node in ("etcd-1", "etcd-3", "etcd-4")}
    assert set(cloud.account.entries("instance")) == {each["instance_id"] for each in left.values()}
    assert first["etcd-2"]["data_volume_id"] in cloud.account.entries("volume")

    host = cloud.stack.hosts["etcd-3"]
    host.reboot()
    assert host.run("findmnt -no FSTYPE /var/lib/etcd").stdout == "ext4\n"
    assert unchanged(cloud.up())
    cloud.healthy("etcd-1", "etcd-3", "etcd-4")
    assert Client(cloud.stack, tools).get("before") == "all"


@pytest.mark.long
def test_an_instance_gives_way_to_one_with_new_volumes(make_cloud: MakeCloud, tools: Path, measure: Measure) -> None:
    cloud = make_cloud()
    cloud.up()
    ids, first = cloud.members(), cloud.instances()
    client = Client(cloud.stack, tools)
    cloud.node("etcd-3", ec2={"volume_generation": 2}, replaces=ids["etcd-3"])
    with Writer(client) as writer:
        cloud.up()
        measure("an instance replaced without its volume", writer)
    writer.served_all(client)
    cloud.healthy("etcd-1", "etcd-2", "etcd-3")
    now, after = cloud.members(), cloud.instances()
    assert now["etcd-3"] != ids["etcd-3"]
    assert {node: now[node] for node in ("etcd-1", "etcd-2")} == {node: ids[node] for node in ("etcd-1", "etcd-2")}
    assert all(after["etcd-3"][name] != first["etcd-3"][name] for name in first["etcd-3"])
    assert first["etcd-3"]["data_volume_id"] in cloud.account.entries("volume")
    assert set(cloud.account.entries("instance")) == {each["instance_id"] for each in after.values()}


@pytest.mark.long
def test_a_failed_up_is_resumed_by_the_next(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(wal_volume={"size": 2})
    quota = "api error VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 4"
    cloud.account.fail(Instance.token, "create", "etcd-2", quota)
    fault = "api error InternalError: An internal error occurred"
    cloud.account.fail(VolumeAttachment.token, "create", "etcd-3", fault)
    # the engine begins nothing new after an error, so one run may meet one fault or both
    said, made = "", set()
    while cloud.account.load()["faults"]:
        said += cloud.stack.refused(seconds=SECONDS)
        assert made <= set(cloud.account.entries("instance"))
        made = set(cloud.account.entries("instance"))
    assert quota in said
    assert fault in said
    cloud.up()
    cloud.healthy("etcd-1", "etcd-2", "etcd-3")
    assert made <= set(cloud.account.entries("instance"))
    assert len(cloud.account.entries("instance")) == 3
    for host in cloud.stack.hosts.values():
        assert host.run("findmnt -no TARGET /var/lib/etcd-wal").stdout == "/var/lib/etcd-wal\n"
        assert ".wal" in host.run("find /var/lib/etcd-wal -name '*.wal'").stdout
    assert unchanged(cloud.up())


@pytest.mark.long
def test_two_instances_at_once_are_refused_in_the_preview(make_cloud: MakeCloud) -> None:
    cloud = make_cloud()
    cloud.up()
    pids, calls = cloud.stack.pids(), len(cloud.account.calls())
    for node in ("etcd-1", "etcd-2"):
        cloud.node(node, ec2={"generation": 2})
    done = cloud.stack.preview()
    assert done.returncode != 0
    assert "the instances of etcd-1, etcd-2 would be replaced in one run" in done.stdout
    assert "Traceback" not in done.stdout
    assert cloud.stack.pids() == pids
    assert len(cloud.account.calls()) == calls


@pytest.mark.long
def test_a_newer_image_or_type_replaces_nothing_by_itself(make_cloud: MakeCloud) -> None:
    cloud = make_cloud()
    cloud.up()
    first, pids = cloud.instances(), cloud.stack.pids()
    with cloud.account.change() as account:
        account["entries"]["ami-0000000c"] = account["entries"]["ami-0000000a"]
        account["parameters"]["/aws/service/debian/release/12/latest/amd64"] = "ami-0000000c"
    cloud.stack.config["ec2"]["instance_type"] = "m6i.xlarge"
    said = cloud.up()
    assert "m6i.xlarge" in said
    assert cloud.instances() == first
    assert cloud.stack.pids() == pids
    cloud.node("etcd-1", ec2={"generation": 2})
    cloud.up()
    now = cloud.account.entries("instance")[cloud.instances()["etcd-1"]["instance_id"]]["inputs"]
    assert (now["ami"], now["instanceType"]) == ("ami-0000000c", "m6i.xlarge")
    assert sum(entry["inputs"]["ami"] == "ami-0000000c" for entry in cloud.account.entries("instance").values()) == 1


@pytest.mark.long
def test_subnets_of_different_vpcs_are_named_and_nothing_is_made(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(subnet_ids=["subnet-0000000a", "subnet-0000000d"])
    said = cloud.stack.refused()
    assert "subnet-0000000d in vpc-00000002" in said
    assert cloud.account.calls() == []


@pytest.mark.long
def test_no_setting_and_no_change_outside_stops_an_instance(
    make_cloud: MakeCloud, tools: Path, measure: Measure
) -> None:
    cloud = make_cloud(wal_volume={"size": 2})
    cloud.up()
    first, pids = cloud.instances(), cloud.stack.pids()
    client = Client(cloud.stack, tools)
    with Writer(client) as writer:
        wal = cloud.stack.config["ec2"].pop("wal_volume")
        done = cloud.stack.preview()
        assert done.returncode != 0
        assert "Traceback" not in done.stdout
        for said in (done.stdout, cloud.stack.refused(seconds=SECONDS)):
            assert all(f"{node}: `ec2.wal_volume` cannot be taken out" in said for node in first)
        cloud.stack.config["ec2"]["wal_volume"] = wal
        cloud.stack.config["paths"] = {"data_dir": "/srv/etcd"}
        assert "`paths.data_dir` cannot become /srv/etcd" in cloud.stack.refused(seconds=SECONDS)
        del cloud.stack.config["paths"]

        # what a refresh finds changed replaces nobody
        outside = {"userData": "#!/bin/sh\n", "instanceType": "m6i.xlarge", "rootBlockDevice": {"volumeSize": 40}}
        for each in first.values():
            cloud.account.set(each["instance_id"], changed_outside=outside)
        assert unchanged(cloud.up())
        assert cloud.instances() == first
        assert cloud.stack.pids() == pids

        # and a raised generation replaces its own instance alone
        cloud.node("etcd-2", ec2={"generation": 2})
        cloud.up()
        measure("an instance replaced with data and WAL volumes", writer)
    writer.served_all(client)
    assert cloud.account.calls_of("StopInstances") == []
    cloud.healthy("etcd-1", "etcd-2", "etcd-3")
    now = cloud.instances()
    assert now["etcd-2"]["instance_id"] != first["etcd-2"]["instance_id"]
    assert {name: now["etcd-2"][name] for name in ("data_volume_id", "wal_volume_id")} == {
        name: first["etcd-2"][name] for name in ("data_volume_id", "wal_volume_id")
    }
    assert {node: now[node] for node in ("etcd-1", "etcd-3")} == {node: first[node] for node in ("etcd-1", "etcd-3")}
    assert ".wal" in cloud.stack.hosts["etcd-2"].run("find /var/lib/etcd-wal -name '*.wal'").stdout
    cloud.stack.destroy()
    assert cloud.account.entries("instance") == {}
    assert cloud.account.calls_of("StopInstances") == []


@pytest.mark.long
def test_what_ec2_refused_is_corrected_and_what_a_lost_run_made_is_named(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(instance_type="m6i.4xlarge")
    cloud.account.exhaust("m6i.4xlarge", *(f"eu-central-1{zone}" for zone in ZONES))
    said = cloud.stack.refused(seconds=SECONDS)
    assert "InsufficientInstanceCapacity" in said
    assert "correct `ec2.instance_type` and run it" in said
    assert cloud.account.entries("instance") == {}

    # another type for all of them at once, of which one zone has none
    cloud.stack.config["ec2"]["instance_type"] = "m6i.large"
    cloud.account.exhaust("m6i.large", "eu-central-1c")
    while len(cloud.account.entries("instance")) < 2:
        assert "capacity in the Availability Zone you requested (eu-central-1c)" in cloud.stack.refused(seconds=SECONDS)
    made = set(cloud.account.entries("instance"))

    # so another zone for that node; the run dies before it can note the instance
    cloud.node("etcd-3", ec2={"subnet_id": "subnet-0000000a"})
    cloud.account.lose(Instance.token, "create", "etcd-3")
    cloud.stack.refused(seconds=SECONDS)
    [lost] = set(cloud.account.entries("instance")) - made
    said = cloud.stack.refused(seconds=SECONDS)
    assert f"etcd-3: EC2 has made an instance of it that the state does not know: {lost}" in said
    assert f"aws ec2 terminate-instances --region eu-central-1 --instance-ids {lost}" in said
    assert set(cloud.account.entries("instance")) == {*made, lost}
    cloud.terminate(lost)
    cloud.up()
    cloud.healthy("etcd-1", "etcd-2", "etcd-3")
    found = cloud.account.entries("instance")
    assert made < set(found) and len(found) == 3
    assert {entry["inputs"]["instanceType"] for entry in found.values()} == {"m6i.large"}
    assert found[cloud.instances()["etcd-3"]["instance_id"]]["zone"] == "eu-central-1a"
    assert unchanged(cloud.up())
