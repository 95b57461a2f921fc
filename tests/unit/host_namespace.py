"""A mount namespace in which the host scripts run: `/run` and `/etc/systemd/system` are empty and its own.

`systemctl` is a stand-in that notes how it was called and answers what the test puts into `answers`.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_SETUP = """
mount -t tmpfs tmpfs /run
mkdir -p /etc/systemd/system
mount -t tmpfs tmpfs /etc/systemd/system
mount --bind "$1/uptime" /proc/uptime
echo ready
exec cat
"""
_SYSTEMCTL = """#!/bin/sh
printf '%s\\n' "$*" >>"{folder}/called"
case "$*" in *--value*) cat "{folder}/answers" ;; show*MainPID*) echo MainPID=0 ;; esac
"""


@dataclass(frozen=True)
class Namespace:
    """Runs scripts as root, away from the machine's own files."""

    pid: int
    folder: Path

    def run(
        self, script: str, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a script as `etcd.ssh` does; `arguments` become `$1`…"""
        path = f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "sh", "-euc", f"umask 077\n{script}", "sh", *arguments],
            input=stdin,
            capture_output=True,
            timeout=60,
            env={"PATH": path, "LC_ALL": "C", **(variables or {})},
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def out(self, script: str, *arguments: str, stdin: bytes = b"") -> str:
        """Return what a script printed that must succeed."""
        done = self.run(script, *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def set_uptime(self, seconds: int) -> None:
        """Let the host be up for so long."""
        (self.folder / "uptime").write_text(f"{seconds}.00 0.00\n")

    def answer(self, text: str) -> None:
        """Let `systemctl show --value` print this."""
        (self.folder / "answers").write_text(f"{text}\n")

    @property
    def called(self) -> list[str]:
        """The calls of systemctl so far."""
        path = self.folder / "called"
        return path.read_text().splitlines() if path.exists() else []


@contextmanager
def host_namespace(folder: Path) -> Iterator[Namespace]:
    """Make a namespace until the block ends; the test is skipped where this account may not."""
    (folder / "bin").mkdir()
    systemctl = folder / "bin" / "systemctl"
    systemctl.write_text(_SYSTEMCTL.format(folder=folder))
    systemctl.chmod(0o755)
    (folder / "uptime").write_text("1000.00 0.00\n")
    (folder / "answers").write_text("")
    with subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _SETUP, "sh", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        made = Namespace(process.pid, folder)
        assert process.stdin is not None and process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            pytest.skip("this account cannot make a mount namespace; run the tests as root to have these too")
        yield made
        process.stdin.close()
        process.wait(10)
