"""Slots: each lab on this machine has a number of its own, and with it its own networks and names."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from dev.lab.processes.identity import Identity
from dev.lab.system import LabError, locked, write

COUNT = 64
DEFAULT_LAB = "dev"
"""The lab that slot 0 is kept for."""

REGISTRY = Path("/var/lib/etcd-cluster-lab")
"""Machine-wide, not in the cache: bridges and addresses are, too, and labs of other caches need others."""


@dataclass(frozen=True)
class Slot:
    """One registered lab.

    Attributes:
        number: 0 to 63; it is in the lab's addresses and in the names of its interfaces.
        folder: Where the lab keeps its keys, disks and pid files.
        owner: The process whose end makes the lab rubbish; None for a lab that is kept.
    """

    number: int
    folder: Path
    owner: Identity | None = None

    def abandoned(self) -> bool:
        """Return whether the process that wanted the lab is gone."""
        return self.owner is not None and not self.owner.alive()

    def render(self) -> str:
        """Return the text of the slot's file."""
        owner = str(self.owner) if self.owner else None
        return json.dumps({"folder": str(self.folder), "owner": owner}) + "\n"

    @classmethod
    def parse(cls, number: int, text: str) -> "Slot":
        """Read what `render` wrote."""
        entry = json.loads(text)
        return cls(number, Path(entry["folder"]), Identity.parse(entry["owner"] or ""))


def check_name(name: str) -> None:
    """Raise a LabError unless `name` is 1 to 32 lower-case letters, digits and hyphens."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name):
        raise LabError(f"lab name {name!r}: want 1 to 32 lower-case letters, digits and hyphens")


class Registry:
    """The slots in use. Safe under several processes."""

    def __init__(self, folder: Path = REGISTRY) -> None:
        self.folder = folder
        self.lock = folder / "lock"

    def slots(self) -> list[Slot]:
        """Return the registered slots, by number."""
        found = []
        for number in range(COUNT):
            try:
                found.append(Slot.parse(number, self._file(number).read_text()))
            except FileNotFoundError:
                continue
        return found

    def take(self, name: str, folder: Path, owner: Identity | None = None) -> Slot:
        """Return the slot of the lab in `folder`, taking the lowest free one when it has none.

        Args:
            name: The lab's name; slot 0 is for "dev" alone.
            folder: The lab's folder, which identifies it.
            owner: Noted for a new lab, or in place of a former owner. A lab that is kept stays so.

        Raises:
            LabError: A bad name, or no slot is free.
        """
        check_name(name)
        with locked(self.lock):
            slots = {slot.number: slot for slot in self.slots()}
            for slot in slots.values():
                if slot.folder == folder:
                    keep = owner is None or slot.owner is None
                    return slot if keep else self._save(Slot(slot.number, folder, owner))
            wanted = [0] if name == DEFAULT_LAB else list(range(1, COUNT))
            # a folder that was deleted by hand holds no lab any more; its slot is cleaned by the sweep only
            free = [number for number in wanted if number not in slots]
            if not free:
                users = ", ".join(str(slots[number].folder) for number in wanted[:3])
                raise LabError(
                    f"no slot is free for the lab {name}: taken by {users}; "
                    "`python -m dev.lab sweep` frees what is left over, `python -m dev.lab --lab NAME destroy` one lab"
                )
            folder.mkdir(parents=True, exist_ok=True)  # under the lock: a slot without its folder is swept
            return self._save(Slot(free[0], folder, owner))

    def free(self, number: int) -> None:
        """Give a slot back. Everything that carries its number must be gone."""
        self._file(number).unlink(missing_ok=True)

    def _save(self, slot: Slot) -> Slot:
        write(self._file(slot.number), slot.render())
        return slot

    def _file(self, number: int) -> Path:
        return self.folder / f"slot-{number}.json"
