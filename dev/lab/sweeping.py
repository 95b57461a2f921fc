"""Finds and removes what a killed run left on the machine, by the slot number that everything carries."""

import json
import re
from pathlib import Path

from dev.lab.machine import Machine
from dev.lab.networking import network
from dev.lab.networking.addresses import Addresses
from dev.lab.processes import cgroups
from dev.lab.storage import image
from dev.lab.system import run

_NAME = re.compile(r"lab-(\d{1,2})(?:-([hrp])(\d{1,2}))?")
_PLACES = (network.INTERFACES, Path("/run/netns"), Path("/run/systemd/nspawn/propagate"))


def parse_name(name: str) -> tuple[int, str | None] | None:
    """Return slot and host ("h3", or None for the lab itself) for the name of a thing of the lab, else None."""
    match = _NAME.fullmatch(name)
    if not match or int(match[1]) > 63:
        return None
    return int(match[1]), f"h{int(match[3])}" if match[2] else None


def _names() -> list[str]:
    folders = [*_PLACES, cgroups.root()]
    return [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]


def numbers_in_use() -> set[int]:
    """Return the slots that something on this machine carries the number of."""
    return {found[0] for name in _names() if (found := parse_name(name))}


def remove_remains(addresses: Addresses) -> None:
    """Kill every process in the slot's control groups, and remove its groups, namespaces, cables and bridge."""
    found = [parsed for name in _names() if (parsed := parse_name(name)) and parsed[0] == addresses.slot]
    for host in sorted({host for _, host in found if host}):
        cgroups.remove(addresses.machine(host))
        network.unplug(addresses, host)
        propagate = Path("/run/systemd/nspawn/propagate", addresses.machine(host))
        if propagate.is_dir():
            propagate.rmdir()
    cgroups.remove(addresses.bridge)
    network.unblock_all(image.built(), addresses)
    network.down(addresses)


def has_remains(machine: Machine) -> bool:
    """Return whether anything is left of a host's last run."""
    return (
        cgroups.group(machine.machine).exists()
        or network.exists(machine.machine)
        or Path("/run/netns", machine.machine).exists()
        or any(machine.state.glob("*.pid"))
        or bool(loops_below(machine.folder))
    )


def loops_below(folder: Path) -> list[str]:
    """Return the loop devices attached to files below a folder."""
    text = run("losetup", "--json", "--list", "--output", "NAME,BACK-FILE").stdout
    return parse_loops(text, folder)


def parse_loops(text: str, folder: Path) -> list[str]:
    """Return the device names in losetup's JSON whose file is below a folder; no devices is no text at all."""
    if not text.strip():
        return []
    devices = json.loads(text)["loopdevices"]
    # the kernel adds " (deleted)" to the name of a file that is gone
    return [d["name"] for d in devices if d["back-file"] and Path(d["back-file"]).is_relative_to(folder)]
