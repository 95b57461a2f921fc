"""What other languages' programs are compiled with: the SDKs of the package, and the examples on them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.lab.conftest import MakeProgram
from tests.lab.harness import CHECKOUT
from tests.lab.sdks import write_sdks
from tests.unit.programs import needs

pytestmark = pytest.mark.lab

# With the CLI's own module, all that an SDK in Go is compiled with is there already.
MODULE = CHECKOUT / "dev/toolchain/cli"


@pytest.fixture
def sdks(make_program: MakeProgram) -> Path:
    """The folder of the SDKs."""
    return write_sdks(make_program([], {"name": "sdks", "runtime": "yaml"}))


def run(words: Sequence[str], folder: Path) -> None:
    """Run a compiler, which must succeed."""
    env = {**os.environ, "GOWORK": "off", "GOFLAGS": "-mod=mod"}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr


def go_module(sdks: Path) -> tuple[Path, str]:
    """Return the folder and the path of the module that the SDK in Go is."""
    root = next((sdks / "go").rglob("internal")).parents[1]
    path = re.search(r'"(\S+)/etcd/internal"', (root / "etcd/cluster.go").read_text())
    assert path
    return root, path[1]


def test_the_sdk_in_python_takes_a_cluster(sdks: Path) -> None:
    node = "pulumi_etcd.NodeArgs(address='192.0.2.1', ssh=pulumi_etcd.NodeSshArgs(host_key='ssh-ed25519 AAAA'))"
    # The SDK asks for its own version, as of an installed package.
    (sdks / "python/pulumi_etcd-0.1.0.dist-info").mkdir()
    (sdks / "python/pulumi_etcd-0.1.0.dist-info/METADATA").write_text("Name: pulumi_etcd\nVersion: 0.1.0\n")
    code = f"import pulumi_etcd; pulumi_etcd.ClusterArgs(nodes={{'etcd-1': {node}}}, client_port=2379)"
    run([sys.executable, "-c", code], sdks / "python")


@needs("go")
def test_the_sdk_in_go_compiles(sdks: Path) -> None:
    root, path = go_module(sdks)
    text = (MODULE / "go.mod").read_text()
    (root / "go.mod").write_text(re.sub(r"(?m)^module .*$", f"module {path}", text))
    shutil.copy(MODULE / "go.sum", root)
    run(["go", "vet", "./..."], root)


@pytest.mark.long
@needs("go")
def test_the_example_in_go_compiles(sdks: Path, tmp_path: Path) -> None:
    example = shutil.copytree(CHECKOUT / "examples/go", tmp_path / "example")
    root, path = go_module(sdks)
    (root / "go.mod").write_text(f"module {path}\n\ngo 1.25\n")
    with (example / "go.mod").open("a") as file:
        file.write(f"\nreplace {path} => {root}\n")
    run(["go", "mod", "tidy"], example)
    run(["go", "vet", "."], example)


@pytest.mark.long
@needs("npm")
def test_the_example_in_typescript_compiles(sdks: Path, tmp_path: Path) -> None:
    example = shutil.copytree(CHECKOUT / "examples/typescript", tmp_path / "example")
    shutil.copytree(sdks / "nodejs", example / "sdks/etcd")
    run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], example)
    run(["npx", "tsc", "-p", "sdks/etcd"], example)
    run(["npx", "tsc", "--noEmit", "-p", "."], example)
