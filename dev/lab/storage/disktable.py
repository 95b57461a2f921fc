"""The table of a host's extra disks, kept beside its root disk."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

from dev.lab.system import LabError, write


@dataclass(frozen=True)
class Disk:
    """An extra disk: an image file of this machine.

    Attributes:
        path: Where the host mounts it; absolute, normal.
        image: The image file; its size is the bound of what the host can write.
        boot: Whether the host mounts it at boot.
    """

    path: str
    image: Path
    boot: bool = True


def check_path(path: str) -> str:
    """Return `path` without a trailing slash; raise a LabError unless it is absolute, normal and not `/`."""
    parts = path.rstrip("/").split("/")
    if parts[0] != "" or len(parts) < 2 or any(part in ("", ".", "..") for part in parts[1:]):
        raise LabError(f"mount point {path!r}: want an absolute path such as /data, without . or ..")
    return "/".join(parts)


class DiskTable:
    """Reads and writes `disks.json` in a host's folder."""

    def __init__(self, host: Path) -> None:
        self.folder = host
        self.file = host / "disks.json"

    def disks(self) -> list[Disk]:
        """Return the disks; outer mount points first, so that they can be mounted in this order."""
        if not self.file.exists():
            return []
        entries = json.loads(self.file.read_text())
        disks = [Disk(entry["path"], Path(entry["image"]), entry["boot"]) for entry in entries]
        return sorted(disks, key=lambda disk: disk.path)

    def find(self, path: str) -> Disk:
        """Return the disk for a mount point; raise a LabError when there is none."""
        for disk in self.disks():
            if disk.path == check_path(path):
                return disk
        raise LabError(f"{self.folder.name} has no extra disk at {path}")

    def add(self, path: str) -> Disk:
        """Note a disk for a mount point and return it. Its image is still to be made."""
        path = check_path(path)
        if any(disk.path == path for disk in self.disks()):
            raise LabError(f"{self.folder.name} has a disk at {path} already")
        disk = Disk(path, self.folder / f"disk-{quote(path, safe='')}.img")
        self._save([*self.disks(), disk])
        return disk

    def remove(self, path: str) -> None:
        """Forget the disk for a mount point."""
        gone = self.find(path)
        self._save([disk for disk in self.disks() if disk != gone])

    def set_boot(self, path: str, boot: bool) -> None:
        """Note whether the disk is mounted at boot."""
        old = self.find(path)
        self._save([replace(disk, boot=boot) if disk == old else disk for disk in self.disks()])

    def _save(self, disks: list[Disk]) -> None:
        write(self.file, json.dumps([asdict(disk) | {"image": str(disk.image)} for disk in disks], indent=1) + "\n")
