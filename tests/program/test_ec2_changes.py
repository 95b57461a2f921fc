"""What a change of the settings touches: the instances of the nodes that it names, and no other."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.program.cloud import SUBNETS, Ec2, config
from tests.program.recording import Deployment, deploy

NODES = [f"etcd-{number}" for number in range(1, 6)]
# These change in place, without a stop of the instance.
IN_PLACE = {"tags", "disableApiTermination"}


def after(cloud: Ec2, *, nodes: dict[str, Any] | None = None, **ec2: Any) -> Deployment:
    """Run the program once more on the same state."""
    return deploy(config(ec2=ec2, **({} if nodes is None else {"nodes": nodes})), cloud)


def of_nodes(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Return the inputs that touch an instance: its own, and those of what it stands on."""
    kinds = ("Instance", "NetworkInterface", "VolumeAttachment")
    found = {name: each for kind in kinds for name, each in deployment.of(kind).items()}
    return {
        name: {key: _without_tags(value) for key, value in each.inputs.items() if key not in IN_PLACE}
        for name, each in found.items()
    }


def _without_tags(value: Any) -> Any:
    # The engine ignores a change of the system's disk, and its tags are the only input that is not pinned.
    return {key: inner for key, inner in value.items() if key != "tags"} if isinstance(value, dict) else value


def touched(before: Deployment, later: Deployment) -> set[str]:
    """Return the nodes of which an instance, an address or an attachment comes, goes or changes."""
    old, new = of_nodes(before), of_nodes(later)
    names = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    return {node for node in NODES for name in names if name.startswith(f"etcd-{node}-v")}


generations = st.integers(1, 2)
node = st.fixed_dictionaries(
    {"ec2": st.fixed_dictionaries({"generation": generations, "volume_generation": generations})}
)
node_lists = st.dictionaries(st.sampled_from(NODES), node, min_size=1, max_size=5)


def raised(before: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Return `later` with no generation below the one before, which is refused."""
    result = copy.deepcopy(later)
    for name in before.keys() & later.keys():
        own, old = result[name]["ec2"], before[name]["ec2"]
        own["volume_generation"] = max(own["volume_generation"], old["volume_generation"])
        if own["volume_generation"] == old["volume_generation"]:
            own["generation"] = max(own["generation"], old["generation"])
    return result


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=node_lists, wanted=node_lists)
def test_a_change_of_the_nodes_touches_the_instances_of_those_that_changed(
    before: dict[str, Any], wanted: dict[str, Any]
) -> None:
    later = raised(before, wanted)
    cloud = Ec2()
    first = after(cloud, nodes=before)
    second = after(cloud, nodes=later)
    assert touched(first, second) == {name for name in NODES if before.get(name) != later.get(name)}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "instance_type": st.just("m7i.large"),
            "image": st.just("amazon-linux-2023"),
            "root_volume_size": st.just(40),
            "instance_profile": st.just("members"),
            "placement_group": st.just("racks"),
            "data_volume": st.just({"size": 200, "iops": 6000}),
            "subnet_ids": st.just([*SUBNETS][::-1]),
            "termination_protection": st.just(False),
            "tags": st.just({"team": "storage"}),
        },
    ),
    chosen=st.sampled_from([None, *NODES[:3]]),
)
def test_a_change_of_the_settings_waits_for_a_generation(changes: dict[str, Any], chosen: str | None) -> None:
    cloud = Ec2()
    first = after(cloud)
    nodes: dict[str, Any] = {name: {} for name in NODES[:3]}
    if chosen is not None:
        nodes[chosen] = {"ec2": {"generation": 2}}
    second = after(cloud, nodes=nodes, **changes)
    assert touched(first, second) == ({chosen} if chosen else set())


def test_a_newer_image_replaces_nothing_until_a_generation_is_raised() -> None:
    cloud = Ec2()
    first = after(cloud)
    cloud.images = {name: f"{image}-newer" for name, image in cloud.images.items()}
    assert not touched(first, after(cloud))
    raised_one = after(cloud, nodes={**dict.fromkeys(NODES[:3]), "etcd-2": {"ec2": {"generation": 2}}})
    assert touched(first, raised_one) == {"etcd-2"}
    assert raised_one.one("etcd-etcd-2-v1-instance").inputs["ami"] == "ami-debian-amd64-newer"
    assert raised_one.one("etcd-etcd-1-v1-instance").inputs["ami"] == "ami-debian-amd64"


def test_the_user_hears_which_settings_wait_for_a_generation() -> None:
    cloud = Ec2()
    after(cloud)
    after(cloud, instance_type="m7i.large")
    assert any("m6i.large" in word and "nodes.etcd-2.ec2.generation" in word for word in cloud.words), cloud.words


@pytest.mark.parametrize("generation", [1, 2])
def test_a_raised_generation_keeps_volumes_address_and_final_key(generation: int) -> None:
    def kept(deployment: Deployment) -> dict[str, Any]:
        names = ("-data", "-address-eni", "-address-host-key", "-address-place")
        found = {name: deployment.one(f"etcd-etcd-2-v1{name}").inputs for name in names}
        found["-address-place"].pop("in_use")
        return found

    cloud = Ec2()
    first = after(cloud)
    second = after(cloud, nodes={**dict.fromkeys(NODES[:3]), "etcd-2": {"ec2": {"generation": generation}}})
    assert kept(first) == kept(second)
    changed = (
        first.one("etcd-etcd-2-v1-instance").inputs["userData"]
        != (second.one("etcd-etcd-2-v1-instance").inputs["userData"])
    )
    assert changed == (generation == 2), "user data carries the generation, so that a raised one always replaces"


def test_settings_that_ec2_refused_can_be_corrected_before_an_instance_is_there() -> None:
    cloud = Ec2()
    first = after(cloud, image="amazon-linux-2023", instance_type="x2idn.32xlarge")
    cloud.instances.clear()
    moved = {**dict.fromkeys(NODES[:3]), "etcd-2": {"ec2": {"subnet_id": "subnet-00000003"}}}
    second = after(cloud, nodes=moved)
    assert first.one("etcd-etcd-1-v1-instance").inputs["instanceType"] == "x2idn.32xlarge"
    for name, each in second.of("Instance").items():
        assert (each.inputs["ami"], each.inputs["instanceType"]) == ("ami-debian-amd64", "m6i.large"), name
    assert second.one("etcd-etcd-2-v1-address-eni").inputs["subnetId"] == "subnet-00000003"
    assert second.one("etcd-etcd-2-v1-data").inputs["availabilityZone"] == "eu-central-1c"


def test_a_lost_instance_comes_back_where_its_volumes_are() -> None:
    cloud = Ec2()
    after(cloud)
    after(cloud)
    del cloud.instances["etcd-2"]
    moved = {**dict.fromkeys(NODES[:3]), "etcd-2": {"ec2": {"subnet_id": "subnet-00000003"}}}
    second = after(cloud, nodes=moved, instance_type="m7i.large")
    assert second.one("etcd-etcd-2-v1-address-eni").inputs["subnetId"] == "subnet-00000002"
    assert second.one("etcd-etcd-2-v1-data").inputs["availabilityZone"] == "eu-central-1b"
    types = {name: each.inputs["instanceType"] for name, each in second.of("Instance").items()}
    assert list(types.values()).count("m7i.large") == 1 and types["etcd-etcd-2-v1-instance"] == "m7i.large"


def test_a_raised_volume_generation_stands_beside_the_old_one() -> None:
    cloud = Ec2()
    first = after(cloud)
    second = after(cloud, nodes={**dict.fromkeys(NODES[:3]), "etcd-2": {"ec2": {"volume_generation": 2}}})
    own = {name for name in first.names if name.startswith("etcd-etcd-2-v1")}
    assert own and not own & second.names.keys(), "nothing of the old one is changed in place"
    assert second.one("etcd-preflight").inputs["members"]["etcd-2"]["address"] == "10.0.0.22"
    assert second.one("etcd-ec2-preflight").inputs["generations"]["etcd-2"] == [2, 1]


def test_a_setting_of_the_place_waits_for_a_volume_generation() -> None:
    cloud = Ec2()
    first = after(cloud)
    moved = {**dict.fromkeys(NODES[:3]), "etcd-2": {"ec2": {"subnet_id": "subnet-00000003"}}}
    assert not touched(first, after(cloud, nodes=moved))
    assert any("nodes.etcd-2.ec2.volume_generation" in word for word in cloud.words), cloud.words
    moved["etcd-2"]["ec2"]["volume_generation"] = 2
    second = after(cloud, nodes=moved)
    assert second.one("etcd-etcd-2-v2-address-eni").inputs["subnetId"] == "subnet-00000003"


def test_volumes_grow_in_place_and_the_host_is_told() -> None:
    cloud = Ec2()
    first = after(cloud)
    second = after(cloud, data_volume={"size": 200})
    assert not touched(first, second)
    assert second.one("etcd-etcd-2-v1-data").inputs["size"] == 200
    assert second.one("etcd-etcd-2-v1-first-login").inputs["volumes"] == {"/var/lib/etcd": 200}
