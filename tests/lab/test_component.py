"""The cluster in programs of other languages."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.lab.hosts import Host, Lab
from dev.toolchain import environment
from tests.lab.conftest import MakeHosts
from tests.lab.harness import CHECKOUT, VERSION, Program, untouched
from tests.lab.traces import inventory

pytestmark = pytest.mark.lab

MakeProgram = Callable[[Sequence[Host], dict[str, Any]], Program]


@pytest.fixture
def make_program(site: Lab, tmp_path: Path) -> Iterator[MakeProgram]:
    """Makes a stack of a program in YAML."""
    made: list[Program] = []

    def make(hosts: Sequence[Host], program: dict[str, Any]) -> Program:
        made.append(Program(tmp_path / f"program-{len(made)}", site, hosts, program))
        return made[-1]

    yield make
    for each in made:
        each.close()


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


def schema_of(program: Program) -> dict[str, Any]:
    """Return the package's schema as the CLI prints it."""
    done = program.run("package", "get-schema", str(CHECKOUT / "provider"))
    assert done.returncode == 0, done.stdout
    # Beside it stands that dependencies are installed.
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") : done.stdout.rindex("}") + 1])
    return found


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


def write_sdks(program: Program) -> Path:
    """Write the package's SDKs in Go, TypeScript and Python, and return their folder."""
    schema, folder = program.project / "schema.json", program.folder / "sdks"
    schema.write_text(json.dumps(schema_of(program)))
    if writer := shutil.which("sdks", path=environment()["PATH"]):
        subprocess.run([writer, schema, folder], check=True, timeout=60)
        return folder
    for language in ("go", "nodejs", "python"):
        done = program.run("package", "gen-sdk", "schema.json", "--language", language, "--out", str(folder))
        assert done.returncode == 0, done.stdout
    return folder


def test_the_sdks_of_the_package_compile(make_program: MakeProgram) -> None:
    folder = write_sdks(make_program([], {"name": "sdks", "runtime": "yaml"}))
    node = "pulumi_etcd.NodeArgs(address='192.0.2.1', ssh=pulumi_etcd.NodeSshArgs(host_key='ssh-ed25519 AAAA'))"
    # The SDK asks for its own version, as of an installed package.
    (folder / "python/pulumi_etcd-0.1.0.dist-info").mkdir()
    (folder / "python/pulumi_etcd-0.1.0.dist-info/METADATA").write_text("Name: pulumi_etcd\nVersion: 0.1.0\n")
    code = f"import pulumi_etcd; pulumi_etcd.ClusterArgs(nodes={{'etcd-1': {node}}}, client_port=2379)"
    subprocess.run([sys.executable, "-c", code], cwd=folder / "python", check=True, timeout=60)

    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go to compile the SDK in Go with")
    # With the CLI's own module, all that the SDK is compiled with is there already.
    module = CHECKOUT / "dev/toolchain/cli"
    root = next((folder / "go").rglob("internal")).parents[1]
    path = re.search(r'"(\S+)/etcd/internal"', (root / "etcd/cluster.go").read_text())
    assert path
    text = (module / "go.mod").read_text()
    (root / "go.mod").write_text(re.sub(r"(?m)^module .*$", f"module {path[1]}", text))
    shutil.copy(module / "go.sum", root)
    env = {**os.environ, "GOWORK": "off", "GOFLAGS": "-mod=mod"}
    done = subprocess.run([go, "vet", "./..."], cwd=root, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
