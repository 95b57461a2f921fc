"""The cluster in programs of other languages."""

import copy
import json
import re
import shutil
from typing import Any

import pytest
import yaml

from dev.lab.hosts import Lab
from tests.lab.conftest import MakeHosts, MakeProgram
from tests.lab.harness import CHECKOUT, VERSION, Program, untouched
from tests.lab.sdks import schema_of
from tests.lab.traces import inventory

pytestmark = pytest.mark.lab


def example(site: Lab) -> dict[str, Any]:
    """Return the example, with the lab's plugin, version and releases."""
    program: dict[str, Any] = yaml.safe_load((CHECKOUT / "examples/yaml/Pulumi.yaml").read_text())
    program["packages"]["etcd"] = str(CHECKOUT / "provider")
    properties = program["resources"]["main"]["properties"]
    properties["version"] = VERSION
    properties |= {"protectCluster": False, "purgeDataOnDestroy": True}
    properties["binaries"] = {"url": site.releases_url, "checksumsFile": "checksums.yaml"}
    return program


def lay_files(program: Program, site: Lab) -> None:
    """Put the files that the example names into its folder."""
    addresses = (f"{node} {host.address}\n" for node, host in program.hosts.items())
    (program.project / "hosts.txt").write_text("".join(addresses))
    for file in (site.private_key, site.known_hosts, site.places.access / "checksums.yaml"):
        shutil.copy(file, program.project / file.name)


def test_a_program_in_yaml_creates_changes_and_removes_a_cluster(
    site: Lab, fresh: MakeHosts, make_program: MakeProgram
) -> None:
    hosts = fresh(3)
    before = [inventory(host) for host in hosts]
    text = example(site)
    program = make_program(hosts, text)
    lay_files(program, site)

    # No address is known before the resources that have them exist; all else is checked.
    said = program.preview().stdout
    assert "The steps follow once the hosts exist" in said
    assert all(untouched(host) for host in hosts)
    main = text["resources"]["main"]["properties"]
    main["clientPort"] = 0
    refused = program.preview()
    assert refused.returncode != 0 and "Traceback" not in refused.stdout
    assert "etcd:index:Cluster resource 'main' has a problem: clientPort: invalid value 0; " in refused.stdout
    del main["clientPort"]

    program.up()
    members = program.output("members")
    assert [member["name"] for member in members] == ["etcd-1", "etcd-2", "etcd-3"]
    assert all(member["healthy"] and member["version"] == VERSION and member["dbSize"] > 0 for member in members)
    assert program.output("endpoints") == [f"https://{host.address}:2379" for host in hosts]
    assert program.output("leader") in program.hosts
    assert "BEGIN CERTIFICATE" in program.output("caCertificate")
    assert "PRIVATE KEY" in program.output("clients")["admin"]["privateKey"]
    assert all("PRIVATE KEY" not in file.read_text(errors="replace") for file in program.state_files)
    pids = program.pids()
    assert program.preview("--expect-no-changes").returncode == 0

    main["etcd"]["heartbeat-interval"] = 300
    planned = program.preview().stdout
    assert planned.count("heartbeat-interval 250 → 300") == 3
    assert program.pids() == pids
    program.up()
    assert all(member["healthy"] for member in program.output("members"))
    assert all(pid not in (0, pids[node]) for node, pid in program.pids().items())
    assert program.preview("--expect-no-changes").returncode == 0

    # What a refresh sees counts too: a stopped member is started again.
    hosts[0].run("systemctl stop etcd")
    assert "start etcd-1 on the data that is there" in program.preview().stdout
    program.up()
    assert all(member["healthy"] for member in program.output("members"))

    said = program.destroy().stdout
    # The hosts are removed after everything that is on them.
    removed = [said.index(f"main-etcd-{number}-host deleted") for number in (1, 2, 3)]
    assert said.index("main-rollout deleted") < min(removed)
    assert max(removed) < min(match.start() for match in re.finditer(r"local:Command host-\d deleting", said))
    assert not any(inventory(host) ^ known for host, known in zip(hosts, before, strict=True))


@pytest.mark.long
def test_two_clusters_of_one_program_have_nothing_to_do_with_each_other(
    site: Lab, fresh: MakeHosts, make_program: MakeProgram
) -> None:
    """Their nodes have the same names; what a provider remembers of a run is one cluster's."""
    hosts = fresh(2)
    text = example(site)
    cluster = text["resources"]["main"]
    for name, host in zip(("first", "second"), hosts, strict=True):
        own = copy.deepcopy(cluster)
        own["properties"]["nodes"] = {"etcd-1": {"address": host.address}}
        text["resources"][name] = own
    for name in ("main", "host-1", "host-2", "host-3"):
        del text["resources"][name]
    text["outputs"] = {name: f"${{{name}.clusterId}}" for name in ("first", "second")}
    program = make_program(hosts, text)
    lay_files(program, site)
    program.up()
    ids, pids = program.outputs(), program.pids()
    assert len(set(ids.values())) == 2

    second = text["resources"]["second"]["properties"]
    second["etcd"]["heartbeat-interval"] = 300
    second["paths"] = {"dataDir": "/srv/etcd"}
    program.up()
    after = program.pids()
    assert after["etcd-1"] == pids["etcd-1"] and after["etcd-2"] not in (0, pids["etcd-2"])
    assert program.outputs() == ids
    assert program.preview("--expect-no-changes").returncode == 0

    del text["resources"]["second"], text["outputs"]["second"]
    program.up()
    assert program.pids() == {"etcd-1": pids["etcd-1"], "etcd-2": 0}
    assert untouched(hosts[1])
    program.destroy()


def test_the_package_is_added_from_the_plugins_folder(make_program: MakeProgram) -> None:
    """The CLI checks the schema with Pulumi's own, and writes what a program in YAML needs."""
    program = make_program([], {"name": "adding", "runtime": "yaml"})
    done = program.run("package", "add", str(CHECKOUT / "provider"))
    assert done.returncode == 0, done.stdout
    assert yaml.safe_load((program.project / "Pulumi.yaml").read_text())["packages"] == {
        "etcd": str(CHECKOUT / "provider")
    }
    schema = schema_of(program)
    schema["resources"]["etcd:index:Cluster"]["inputProperties"]["nodes"]["type"] = "map"
    (program.project / "wrong.json").write_text(json.dumps(schema))
    done = program.run("package", "get-schema", "wrong.json")
    assert done.returncode != 0, "the CLI checks no schema"
