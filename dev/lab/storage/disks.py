"""Extra disks of a host, and disks that fill up or turn read-only."""

from dev.lab.machine import Machine
from dev.lab.processes.identity import PidFile
from dev.lab.storage import seed
from dev.lab.storage.disktable import Disk, DiskTable
from dev.lab.storage.volumes import loops
from dev.lab.system import LabError, locked, run, script


class Disked(Machine):
    """The part of a host that is its disks."""

    @property
    def disks(self) -> DiskTable:
        """The host's extra disks."""
        return DiskTable(self.folder)

    def disk(self, path: str, megabytes: int) -> None:
        """Add an ext4 disk at `path`, now when the host is on, and at every boot.

        Args:
            path: Mount point inside the host; made when it is missing.
            megabytes: Size in MiB, 8 to 4096; the file is sparse.
        """
        if not 8 <= megabytes <= 4096:
            raise LabError(f"a disk of {megabytes} MiB: want 8 to 4096")
        seed.prepare(self)
        disk = self.disks.add(path)
        disk.image.unlink(missing_ok=True)
        run("truncate", "-s", f"{megabytes}M", disk.image)
        run("mkfs.ext4", "-q", "-m", "0", disk.image)
        if self.is_running():
            self._mount(disk)

    def undisk(self, path: str) -> None:
        """Take a disk away for good, with what is on it."""
        disk = self.disks.find(path)
        if self.is_running() and self._mounted(path):
            self.unmount(path)
        self.disks.remove(path)
        disk.image.unlink(missing_ok=True)

    def mount(self, path: str) -> None:
        """Mount a disk again: now when the host is on and it is not mounted, and at every boot."""
        disk = self.disks.find(path)
        self.disks.set_boot(path, True)
        if self.is_running() and not self._mounted(path):
            self._mount(disk)

    def unmount(self, path: str) -> None:
        """Unmount a disk now. It is mounted again at the next boot, unless `forget_mount` is called."""
        disk = self.disks.find(path)
        self.run('umount -- "$1"', args=[disk.path])
        # a disk mounted at boot is held by the supervisor's mount namespace too
        supervisor = PidFile(self.state / "supervisor.pid").live()
        outside = self.folder / "root" / disk.path.lstrip("/")
        if supervisor:
            enter = ("nsenter", "-t", str(supervisor.pid), "-m", "--")
            if run(*enter, "mountpoint", "-q", outside, check=False).returncode == 0:
                run(*enter, "umount", outside)

    def forget_mount(self, path: str) -> None:
        """Leave the disk unmounted from the next boot on; its mount point is then a folder of the root disk."""
        self.disks.set_boot(path, False)

    def fill(self, path: str, leave_kb: int = 0) -> None:
        """Fill the file system at `path`, `/` or an extra disk, but for `leave_kb` KiB."""
        self.run_script("fill.sh", path, str(leave_kb), timeout=120)

    def unfill(self, path: str) -> None:
        """Remove what `fill` wrote."""
        self.run('rm -f -- "$1/.lab-fill" "$1/.lab-fill-rest"', args=[path.rstrip("/")])

    def remount_ro(self, path: str) -> None:
        """Turn the extra disk at `path` read-only as a failing disk does, open files or not.

        It is writable again after `unmount` and `mount`, or a reboot.
        """
        disk = self.disks.find(path)
        # `abort` is ext4's own way to play a fatal error; a plain `ro` is refused while files are open
        self.run('mount -o remount,errors=remount-ro,abort -- "$1"', args=[disk.path])

    def _mounted(self, path: str) -> bool:
        return self.run('mountpoint -q -- "$1"', args=[path], check=False).returncode == 0

    def _mount(self, disk: Disk) -> None:
        with locked(self.places.folder / "loops.lock"):
            # one device an image: two mounts through two devices would ruin the file system
            found = loops(disk.image)
            device = found[0] if found else run("losetup", "-f", "--show", disk.image).stdout.strip()
            try:
                number = device.removeprefix("/dev/loop")
                words = ("sh", "-eu", "-c", script("mount.sh"), "mount.sh", number, disk.path)
                run("nsenter", "-t", str(self.leader().pid), "-m", "--", *words)
            finally:
                if not found:
                    run("losetup", "-d", device)  # takes effect when the last mount goes
