"""What all parts of a host share: its names, its folders, and commands run inside it."""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.lab.networking.addresses import Addresses
from dev.lab.processes.identity import Identity, PidFile
from dev.lab.system import LabError, script

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Places:
    """Where a lab keeps its things.

    Attributes:
        folder: The lab's own folder, below the cache.
    """

    folder: Path

    @property
    def access(self) -> Path:
        """What a client needs to get into the hosts: key, known_hosts, sums of the releases."""
        return self.folder / "access"

    @property
    def key(self) -> Path:
        """The private key whose public half every user of every host accepts."""
        return self.access / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The host keys, as ssh reads them."""
        return self.access / "known_hosts"

    def host(self, name: str) -> Path:
        """What outlives a power off: disks, identity."""
        return self.folder / "hosts" / name

    def run(self, name: str) -> Path:
        """What belongs to one power on: pid files, console."""
        return self.folder / "run" / name


class Machine:
    """One host of a lab. The parts of `lab.hosts.Host` build on this."""

    def __init__(self, name: str, addresses: Addresses, places: Places) -> None:
        self.name = name
        self.addresses = addresses
        self.places = places
        self.address = addresses.address(name)
        self.address6 = addresses.address6(name)
        self.machine = addresses.machine(name)
        self.folder = places.host(name)
        self.state = places.run(name)
        self.leader_file = PidFile(self.state / "leader.pid")

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.address}>"

    def is_running(self) -> bool:
        """Return whether the host is powered on (its PID 1 lives)."""
        return self.leader_file.live() is not None

    def leader(self) -> Identity:
        """Return the host's PID 1 as this machine sees it; raise a LabError when the host is off."""
        found = self.leader_file.live()
        if not found:
            raise LabError(f"{self.name} is off")
        return found

    def prepared(self) -> bool:
        """Return whether the host has its identity and its disk."""
        return (self.folder / "ready").exists()

    def base(self) -> Path:
        """Return the base image that the host was made from."""
        return Path((self.folder / "base").read_text().strip())

    def enter_command(self) -> list[str]:
        """Return the words that run what follows them inside the host, as root."""
        return ["nsenter", "-t", str(self.leader().pid), "-m", "-u", "-i", "-n", "-p", "-C", "--"]

    def run(
        self,
        command: str,
        stdin: str | None = None,
        user: str = "root",
        check: bool = True,
        timeout: float = 60,
        args: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run shell text inside the host, not by ssh, so it works without network and sshd.

        Args:
            command: Given to `sh -eu -c` with a login-like environment; the first failing command ends it.
            stdin: Text for its standard input, which is empty without it.
            user: Who runs it.
            check: Raise when the exit status is not 0.
            timeout: Seconds after which it is killed.
            args: `$1` and so on.

        Raises:
            LabError: The host is off, the command failed (with `check`) or took too long.
        """
        home = "/root" if user == "root" else f"/home/{user}"
        environment = [f"HOME={home}", f"USER={user}", f"LOGNAME={user}", f"PATH={PATH}", "LANG=C.UTF-8"]
        # env follows runuser, which would set some of these itself
        words = ["runuser", "-u", user, "--", "env", "-i", f"--chdir={home}", *environment]
        return self._inside([*words, "sh", "-eu", "-c", command, "sh", *args], stdin, check, timeout)

    def run_script(self, name: str, *args: str, timeout: float = 60) -> str:
        """Run a script of `lab/shell` inside the host as root and return what it printed."""
        return self._inside(["sh", "-eu", "-c", script(name), name, *args], None, True, timeout).stdout

    def _inside(
        self, words: list[str], stdin: str | None, check: bool, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        process = subprocess.Popen(
            [*self.enter_command(), *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # a group of its own: nsenter forks, and a time-out must end what it forked too
            start_new_session=True,
        )  # fmt: skip
        try:
            out, err = process.communicate(stdin or "", timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise LabError(f"{self.name}: a command took longer than {timeout:g} s: {(err or out)[-2000:]}") from None
        done = subprocess.CompletedProcess(words, process.returncode, out, err)
        if check and done.returncode != 0:
            raise LabError(f"{self.name}: a command failed with {done.returncode}: {(err or out).strip()[-2000:]}")
        return done
