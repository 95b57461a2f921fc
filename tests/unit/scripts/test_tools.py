"""Every program that the scripts need on a host is looked for before anything is changed there."""

import re
import subprocess
from pathlib import Path

import pytest

from etcd_cluster import scripts
from tests.unit.sent_scripts import observe

FOLDER = scripts.FOLDER
# Scripts of EC2 instances have cloud images to run on; the others of these go on without what they may lack.
ELSEWHERE = {"volumes", "grow_file_systems", "boot_status", "host_key", "clock", "trial"}
# What POSIX systems, GNU coreutils, diffutils, findutils, util-linux, shadow, libc-bin and systemd call their programs.
PROGRAMS = """
awk base64 basename cat chmod chown cmp comm cp cut date dd df diff dirname du env expr file find flock gawk getent grep
groupadd groupdel groupmod gzip gunzip head hostname id install journalctl ln logger ls lsof mkdir mkfifo mktemp mount
mountpoint mv nohup numfmt od paste perl pgrep ps python python3 readlink realpath rev rm rmdir sed seq setsid sha256sum
shuf sleep sort ss stat stdbuf sync systemctl tac tail tar tee timeout touch tr truncate tty uname uniq useradd userdel
usermod wc which xargs xxd
"""
_BEFORE = r"(?:^|[;|&({!]|\$\(|\bthen|\bdo|\belse|\bif|\bwhile|-exec)\s*(?:[A-Z_]+=\S* )*"


def used(text: str) -> set[str]:
    """Return the programs that stand where a command begins."""
    code = re.sub(r"(^|\s)#.*", r"\1", text, flags=re.MULTILINE)
    return {
        name for name in PROGRAMS.split() if re.search(rf"{_BEFORE}{re.escape(name)}(?=[\s;)|]|$)", code, re.MULTILINE)
    }


def looked_for() -> set[str]:
    text = (FOLDER / "observe.sh").read_text().replace("\\\n", " ")
    return {name for line in re.findall(r"^for tool in (.*); do$", text, re.MULTILINE) for name in line.split()}


@pytest.mark.parametrize(
    "path", [path for path in sorted(FOLDER.rglob("*.sh")) if path.stem not in ELSEWHERE], ids=lambda path: path.stem
)
def test_every_program_that_a_script_runs_is_looked_for(path: Path) -> None:
    assert used(path.read_text()) - looked_for() == set()


def test_the_reading_of_scripts_finds_programs() -> None:
    assert used("if cmp -s a b; then tac <x | sort; fi\nx=$(stat -c %U y) # grep") == {"cmp", "tac", "sort", "stat"}


def test_a_host_without_a_program_that_the_look_needs_is_an_error_and_not_an_empty_host(tmp_path: Path) -> None:
    for name in ("awk", "cat"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-euc", observe("/none", depth="member"), "sh"],
        env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("it has no base64 basename cut date") and "sed" in done.stderr
