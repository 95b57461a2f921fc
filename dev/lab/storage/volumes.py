"""Volumes: disks that are plugged into a host and out of it again, as a cloud's are. The host mounts them itself."""

import json
import re
from pathlib import Path

from dev.lab.machine import Machine
from dev.lab.system import LabError, locked, run, script, write


def loops(image: Path) -> list[str]:
    """Return the loop devices that an image file is attached to."""
    return run("losetup", "-j", image, "-n", "-O", "NAME").stdout.split()


class VolumeTable:
    """Reads and writes `volumes.json` in a host's folder: image files by the name the host sees them under."""

    def __init__(self, host: Path) -> None:
        self.file = host / "volumes.json"

    def images(self) -> dict[str, Path]:
        """Return the image files by name."""
        if not self.file.exists():
            return {}
        return {name: Path(image) for name, image in json.loads(self.file.read_text()).items()}

    def save(self, images: dict[str, Path]) -> None:
        """Write the table."""
        write(self.file, json.dumps({name: str(image) for name, image in images.items()}, indent=1) + "\n")


class Volumed(Machine):
    """The part of a host that is the volumes plugged into it."""

    @property
    def volumes(self) -> VolumeTable:
        """The volumes plugged in, whether the host is on or off."""
        return VolumeTable(self.folder)

    def attach(self, name: str, image: Path) -> None:
        """Plug a volume in: the host finds it as /dev/disk/by-id/`name`, now when it is on, and at every boot.

        Args:
            name: Letters, digits, `_`, `-` and `.`.
            image: The image file, which bounds what the host can write.
        """
        if not re.fullmatch(r"[\w.-]+", name):
            raise LabError(f"volume name {name!r}: want letters, digits, _, - and .")
        known = self.volumes.images()
        if name in known:
            raise LabError(f"{self.name} has a volume {name} already")
        self.volumes.save(known | {name: image})
        if self.is_running():
            show(self.leader().pid, name, self.plug(image))

    def detach(self, name: str) -> None:
        """Plug a volume out. Raises a LabError when the host has it mounted."""
        known = self.volumes.images()
        image = known.pop(name, None)
        if image is None:
            raise LabError(f"{self.name} has no volume {name}")
        for device in loops(image):
            if self.is_running():
                if self.uses(device):
                    raise LabError(f"{self.name} has {device} mounted")
                words = ("sh", "-eu", "-c", script("unplug.sh"), "unplug.sh", device.removeprefix("/dev/loop"), name)
                # with its processes too: umount asks /proc what is mounted
                run("nsenter", "-t", str(self.leader().pid), "-m", "-p", "--", *words)
            run("losetup", "-d", device)
        self.volumes.save(known)

    def uses(self, device: str) -> bool:
        """Return whether the host has the loop device mounted."""
        number = f"7:{device.removeprefix('/dev/loop')}"
        mounts = Path(f"/proc/{self.leader().pid}/mountinfo").read_text().splitlines()
        return any(line.split()[2] == number for line in mounts)

    def plug(self, image: Path) -> str:
        """Return the loop device of an image, attaching it when it has none."""
        with locked(self.places.folder / "loops.lock"):
            found = loops(image)
            return found[0] if found else run("losetup", "-f", "--show", image).stdout.strip()

    def unplug_all(self) -> None:
        """Give the loop devices back; the host is off. They stay in its table."""
        for image in self.volumes.images().values():
            for device in loops(image):
                run("losetup", "-d", device)


def show(leader: int, name: str, device: str) -> None:
    """Make the loop device appear in the host whose PID 1 is `leader`."""
    words = ("sh", "-eu", "-c", script("plug.sh"), "plug.sh", device.removeprefix("/dev/loop"), name)
    run("nsenter", "-t", str(leader), "-m", "--", *words)
