"""What is wrong in a script for hosts shows where it stands, with the parts and the variables that it is sent with."""

from pathlib import Path

import pytest

from dev import shell_lint
from etcd_cluster import scripts

PROBE = """# probe.sh: does nothing of use.
# uses: lib
# variables: config
write_file "$config/x" 644
echo "$undeclared"
"""


def test_a_variable_that_nothing_sets_is_found_at_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "FOLDER", tmp_path)
    (tmp_path / "probe.sh").write_text(PROBE)
    (found,) = shell_lint.check(["probe"])
    assert (found.path, found.line, found.code) == (tmp_path / "probe.sh", 5, 2154)
    assert "undeclared is referenced but not assigned" in found.message


def test_each_line_of_a_script_that_is_sent_is_known_in_its_file() -> None:
    text, origins = shell_lint.composed("activate")
    lines = text.splitlines()
    assert len(lines) == len(origins)
    for line, origin in zip(lines, origins, strict=True):
        if origin:
            path, number = origin
            assert path.read_text().splitlines()[number - 1] == line
    assert {origin[0].stem for origin in origins if origin} == {"guard", "lib", "created", "activate"}
