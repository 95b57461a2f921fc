"""Power on, power off, and everything between."""

import contextlib
import shutil
import socket
import time
from pathlib import Path

from dev.lab.networking import network
from dev.lab.processes import cgroups
from dev.lab.processes.identity import PidFile
from dev.lab.storage import seed
from dev.lab.storage.volumes import Volumed
from dev.lab.system import LabError, detach, locked, run, tail, until

POWER_OFF_SIGNAL = 38
"""SIGRTMIN+4: systemd as PID 1 starts poweroff.target."""


class Powered(Volumed):
    """The part of a host that is its power supply."""

    @property
    def host_key(self) -> str:
        """The public ed25519 host key: type and base64, no comment."""
        return seed.host_key(self)

    @property
    def lock(self) -> Path:
        """The lock that is held while the host changes between on and off."""
        return self.places.folder / "locks" / self.name

    def start(self, wait: bool = True, deadline: float = 60) -> None:
        """Power the host on; nothing happens when it is on.

        Args:
            wait: Return when ssh answers, else when its PID 1 runs.
            deadline: Seconds for ssh to answer.
        """
        with locked(self.lock):
            if not self.is_running():
                self.clear()
                seed.prepare(self)
                self.state.mkdir(parents=True, exist_ok=True)
                network.plug(self.addresses, self.name)
                words = (self.folder, self.state, self.base(), self.machine, self.name)
                detach("dev.lab.processes.supervisor", *words, log=self.state / "supervisor.log", unshare=True)
                self._wait_for_leader()
        if wait:
            self.wait_for_ssh(deadline)

    def _wait_for_leader(self) -> None:
        failed = self.state / "failed"
        supervisor = PidFile(self.state / "supervisor.pid")
        until(lambda: self.is_running() or failed.exists() or (supervisor.path.exists() and not supervisor.live()), 30)
        if not self.is_running():
            logs = [tail(self.state / name) for name in ("failed", "supervisor.log", "console.log")]
            self.clear()
            raise LabError(f"{self.name} did not start: " + "\n".join(filter(None, logs)))

    def stop(self, deadline: float = 30) -> None:
        """Shut the host down as its administrator would; power it off hard after `deadline` seconds."""
        with locked(self.lock):
            leader = self.leader()
            (self.state / "poweroff").touch()
            leader.send(POWER_OFF_SIGNAL)
            leader.gone(deadline)
            self.clear()

    def kill(self) -> None:
        """Power the host off hard; nothing happens when it is off.

        The cable goes first: other hosts see silence, no FIN and no RST. What a host wrote and did not
        fsync is kept all the same, because this machine's page cache survives.
        """
        with locked(self.lock):
            self.clear()

    def clear(self) -> None:
        """Remove every process, cable and control group of the host, from this run or from a broken one."""
        if self.state.is_dir():
            (self.state / "poweroff").touch()
        if network.exists(self.machine):
            # by the relay too: its frames under way must not arrive
            run("ip", "link", "set", self.machine, "down")
        if leader := self.leader_file.live():
            leader.send(9)
            leader.gone(10)
        for name in ("nspawn", "supervisor", "relay"):
            file = PidFile(self.state / f"{name}.pid")
            process = file.live()
            if process and (name == "relay" or not process.gone(3)):
                process.send(9)
                process.gone(5)
        cgroups.remove(self.machine)
        self.unplug_all()
        network.unplug(self.addresses, self.name)
        with contextlib.suppress(FileNotFoundError):
            Path("/run/systemd/nspawn/propagate", self.machine).rmdir()
        for left in ("leader.pid", "nspawn.pid", "supervisor.pid", "relay.pid", "poweroff", "failed"):
            (self.state / left).unlink(missing_ok=True)

    def reboot(self, deadline: float = 60) -> None:
        """Reboot from inside, cleanly, and return when ssh answers again."""
        before = self.leader()
        self.run("systemctl reboot --no-block")
        if not until(lambda: self.leader_file.live() not in (None, before), deadline):
            raise LabError(f"{self.name} did not come back within {deadline:g} s")
        self.wait_for_ssh(deadline)

    def reset(self) -> None:
        """Throw the host's disks away; the next start gives it fresh ones. It keeps its host key.

        Raises:
            LabError: The host is on.
        """
        with locked(self.lock):
            if self.is_running():
                raise LabError(f"{self.name} is on; stop or kill it before its disks are thrown away")
            self.clear()
            for path in self.folder.glob("*"):
                if path.is_dir():
                    shutil.rmtree(path)
                elif not path.name.startswith("ssh_host_"):
                    path.unlink()

    def wait_for_ssh(self, deadline: float = 60) -> None:
        """Return when sshd greets on port 22; raise a LabError after `deadline` seconds."""
        end = time.monotonic() + deadline

        def greets() -> bool:
            try:
                with socket.create_connection((self.address, 22), timeout=1) as link:
                    return link.recv(4) == b"SSH-"
            except OSError:
                if not PidFile(self.state / "supervisor.pid").live():
                    raise LabError(f"{self.name} went off: {tail(self.state / 'console.log')}") from None
                return False

        if not until(greets, end - time.monotonic(), 0.05):
            raise LabError(f"{self.name}: no ssh on {self.address} after {deadline:g} s")
