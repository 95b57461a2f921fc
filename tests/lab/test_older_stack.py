"""A stack and hosts that an older version of this program made go on with this one."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.lab import harness
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.outside import Client, Writer

pytestmark = pytest.mark.lab

# The last commit in which the core was called `etcd` and the provider `plugin`.
OLDER = "a7b9cbee15e8"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Return a checkout of the older version."""
    packed = subprocess.run(
        ["git", "archive", OLDER], cwd=harness.CHECKOUT, capture_output=True, timeout=60, check=False
    )
    if packed.returncode:
        pytest.skip(f"commit {OLDER} is not in this checkout; `git fetch --unshallow` brings it")
    folder = tmp_path / "older"
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    (folder / ".venv").symlink_to(harness.CHECKOUT / ".venv")
    return folder


@pytest.mark.long
def test_an_older_stack_goes_on(
    older: Path, fresh: MakeHosts, make_stack: MakeStack, tools: Path, measure: Measure
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "CHECKOUT", older)
        stack = make_stack(fresh(3))
        assert "path: ./plugin" in (stack.folder / "project" / "Pulumi.yaml").read_text(), "not the older program"
        stack.up()
        stack.config["etcd"] = {"heartbeat-interval": "260"}
        stack.up()
    pids, client = stack.pids(), Client(stack, tools)
    said = stack.preview("--expect-no-changes")
    assert said.returncode == 0, said.stdout[-6000:]
    assert "Steps that are due" not in said.stdout
    with Writer(client) as writer:
        stack.up()
        assert stack.pids() == pids
        stack.config["etcd"] = {"heartbeat-interval": "270"}
        stack.up()
        measure("a change by the newer program", writer)
    writer.served_all(client)
    assert [member["healthy"] for member in stack.output("members")] == [True] * 3
    assert stack.preview("--expect-no-changes").returncode == 0
    stack.destroy()
