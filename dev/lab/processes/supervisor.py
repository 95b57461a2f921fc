"""The process around one running host: its mounts, its control group, systemd-nspawn, its console.

Runs in a mount namespace of its own, so the host's mounts and loop devices go when it goes, however it ends.
Arguments: host folder, run folder, base image, machine name, host name.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from dev.lab.processes.identity import PidFile
from dev.lab.storage.disktable import DiskTable
from dev.lab.storage.volumes import VolumeTable, loops, show
from dev.lab.system import LabError, locked, run, until, write

CGROUPS = Path("/sys/fs/cgroup")
REBOOT = 133
"""nspawn's exit status when the host asked to reboot and --keep-unit is given."""

CONSOLE_BYTES = 1 << 20


class Supervisor:
    """One host from power on to power off, over any number of reboots."""

    def __init__(self, host: Path, state: Path, base: Path, machine: str, name: str) -> None:
        self.host, self.state, self.base, self.machine, self.name = host, state, base, machine, name
        self.disk, self.root = host / "disk", host / "root"
        self.group = CGROUPS / "lab" / machine

    def serve(self) -> None:
        """Boot the host, and boot it again as long as it asks for that."""
        PidFile(self.state / "supervisor.pid").save(os.getpid())
        self._enter_group()
        self._mount_root()
        while True:
            self._mount_disks()
            status = self._boot()
            print(f"nspawn ended with {status}", flush=True)
            if status != REBOOT or (self.state / "poweroff").exists():
                return

    def _enter_group(self) -> None:
        # a pure v2 tree, as on a real Debian 12, whatever this machine itself runs
        run("mount", "-t", "cgroup2", "none", CGROUPS)
        for folder in ("supervisor", "host"):
            (self.group / folder).mkdir(parents=True, exist_ok=True)
        (self.group / "supervisor" / "cgroup.procs").write_text(str(os.getpid()))

    def _mount_root(self) -> None:
        self.disk.mkdir(exist_ok=True)
        self.root.mkdir(exist_ok=True)
        _mount_image(self.host / "disk.img", self.disk)
        layers = f"lowerdir={self.base},upperdir={self.disk}/upper,workdir={self.disk}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, self.root)

    def _mount_disks(self) -> None:
        for disk in DiskTable(self.host).disks():
            at = self.root / disk.path.lstrip("/")
            mounted = at.is_mount()
            if disk.boot and not mounted:
                # the host may have mounted it itself before its reboot; two mounts of one image would ruin it
                _wait_until_free(disk.image)
                at.mkdir(parents=True, exist_ok=True)
                _mount_image(disk.image, at)
            elif mounted and not disk.boot:
                run("umount", at)

    def _plug(self) -> dict[str, str]:
        """Return the loop devices of the volumes plugged in, by the name that the host sees."""
        found: dict[str, str] = {}
        with locked(self.host.parent.parent / "loops.lock"):
            for name, image in VolumeTable(self.host).images().items():
                devices = loops(image)
                found[name] = devices[0] if devices else run("losetup", "-f", "--show", image).stdout.strip()
        return found

    def _boot(self) -> int:
        volumes = self._plug()
        process = subprocess.Popen(
            [
                "systemd-nspawn", "--quiet", "--boot", f"--directory={self.root}",
                f"--machine={self.machine}", f"--hostname={self.name}",
                # no machined here; a group of its own instead
                "--register=no", "--keep-unit",
                f"--network-namespace-path=/run/netns/{self.machine}", "--capability=CAP_NET_ADMIN",
                # without bpf, IPAddressDeny= and the like do nothing and say nothing
                "--system-call-filter=bpf",
                # there before PID 1 is, for what fstab mounts
                *(f"--bind={device}" for device in volumes.values()),
                "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=read-only",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            # net.* sysctls writable; the others belong to the whole machine
            env=os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            preexec_fn=lambda: _move_to(self.group / "host"),  # this process has one thread
        )  # fmt: skip
        assert process.stdout is not None
        PidFile(self.state / "nspawn.pid").save(process.pid)
        until(lambda: process.poll() is not None or _leader(process.pid) is not None, 10)
        leader = _leader(process.pid)
        if leader:
            for name, device in volumes.items():
                show(leader, name, device)
            PidFile(self.state / "leader.pid").save(leader)
        self._keep_console(process.stdout)
        status = process.wait()
        if not leader:
            raise LabError(f"systemd-nspawn ended with {status} before the host had a PID 1")
        return status

    def _keep_console(self, stream: IO[bytes]) -> None:
        """Copy the host's console to a file until it ends; a talkative host must not fill this machine."""
        path = self.state / "console.log"
        with path.open("wb") as log:
            while chunk := os.read(stream.fileno(), 65536):
                if log.tell() + len(chunk) > CONSOLE_BYTES:
                    log.seek(0)
                    log.truncate()
                log.write(chunk)
                log.flush()


def _mount_image(image: Path, at: Path) -> None:
    run("mount", "-o", "loop,discard", image, at)
    if not at.is_mount():  # writes below it would go to this machine's own disk
        raise LabError(f"{image} did not get mounted at {at}")


def _move_to(group: Path) -> None:
    (group / "cgroup.procs").write_text("0")


def _wait_until_free(image: Path) -> None:
    if not until(lambda: not loops(image), 10):
        raise LabError(f"{image} is still in use")


def _leader(nspawn: int) -> int | None:
    """Return the pid of nspawn's child that is PID 1 of a pid namespace of its own, None without one."""
    try:
        children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split()
        for child in children:
            for line in Path(f"/proc/{child}/status").read_text().splitlines():
                key, _, value = line.partition(":")
                if key == "NSpid" and len(value.split()) == 2 and value.split()[1] == "1":
                    return int(child)
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def main(argv: list[str]) -> int:
    """Run one host. What went wrong is left in the file `failed` of the run folder."""
    host, state, base = (Path(word) for word in argv[:3])
    try:
        Supervisor(host, state, base, argv[3], argv[4]).serve()
    except (LabError, OSError) as error:
        write(state / "failed", f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
