"""The cluster in programs of other languages."""

from pathlib import Path

import pytest

from dev.lab.hosts import Lab
from tests.lab.harness import Program

pytestmark = pytest.mark.lab

TRIVIAL = """\
name: trivial
runtime: yaml
variables:
  nodes:
    fn::split: [",", "etcd-1,etcd-2"]
outputs:
  nodes: ${nodes}
"""


def test_the_toolchain_runs_programs_in_yaml(site: Lab, tmp_path: Path) -> None:
    program = Program(tmp_path / "stack", site, [], TRIVIAL)
    program.up()
    assert program.outputs() == {"nodes": ["etcd-1", "etcd-2"]}
    program.destroy()
