"""What makes a host itself: keys, names, addresses and a disk that holds them."""

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.lab.machine import Machine, Places
from dev.lab.networking.addresses import Addresses
from dev.lab.networking.network import has_ipv6
from dev.lab.storage import image
from dev.lab.system import LabError, locked, run, write

DISK_SIZE = "4G"
"""A host's root disk; the file is sparse, and a host can write no more than this on this machine."""

NAMED = 16
"""As many hosts are in /etc/hosts."""

ROOM = 3 << 30
"""Bytes that must be free where the disks are before another one is made."""


def make_lab_key(places: Places) -> None:
    """Make the key pair that opens every host of the lab, unless it is there."""
    places.access.mkdir(parents=True, exist_ok=True)
    places.access.chmod(0o700)
    with locked(places.folder / "keys.lock"):
        if not places.known_hosts.exists():
            write(places.known_hosts, "")
        _make_key(places.key, "lab")


def _make_key(path: Path, comment: str) -> None:
    if not path.with_name(f"{path.name}.pub").exists():
        path.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)


def host_key(machine: Machine) -> str:
    """Return the host's public ed25519 key, type and base64 only; it is made when it is missing."""
    path = machine.folder / "ssh_host_ed25519_key"
    machine.folder.mkdir(parents=True, exist_ok=True)
    with locked(machine.places.folder / "keys.lock"):
        _make_key(path, machine.name)
        key = " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])
        known = machine.places.known_hosts
        names = f"{machine.name},{machine.address},{machine.address6}"
        before = known.read_text() if known.exists() else ""
        after = merge_known_hosts(before, names, key)
        if after != before:
            write(known, after)
    return key


def merge_known_hosts(text: str, names: str, key: str) -> str:
    """Return a known_hosts text in which `names` (comma-separated) have `key` and no other."""
    kept = [line for line in text.splitlines() if line.split(" ")[0] != names]
    return "\n".join([*kept, f"{names} {key}"]) + "\n"


def render_hosts(addresses: Addresses) -> str:
    """Return /etc/hosts: h1 is a host's IPv4 address, h1-v6 its IPv6 address."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    for number in range(1, NAMED + 1):
        lines.append(f"{addresses.address(f'h{number}')} h{number}")
        lines.append(f"{addresses.address6(f'h{number}')} h{number}-v6")
    return "\n".join(lines) + "\n"


def render_network(addresses: Addresses, host: str, ipv6: bool) -> str:
    """Return the systemd-networkd file of a host's eth0: fixed addresses and no gateway."""
    lines = ["[Match]", "Name=eth0", "", "[Network]", f"Address={addresses.address(host)}/24"]
    if ipv6:
        # nobody else has the address; without the probes it is there at once
        lines += [f"Address={addresses.address6(host)}/64", "IPv6DuplicateAddressDetection=0"]
    return "\n".join([*lines, "LinkLocalAddressing=no", "IPv6AcceptRA=no"]) + "\n"


@dataclass(frozen=True)
class Launch:
    """What a host of a cloud starts with, in place of the lab's key and users.

    Attributes:
        files: Texts by path, such as cloud-init's user data; nobody but root may read them.
        recipe: The image.
    """

    files: Mapping[str, str]
    recipe: image.Recipe = image.CLOUD


def prepare(machine: Machine, launch: Launch | None = None) -> None:
    """Give a host its identity and its disk, unless it has them. Both survive every power off.

    Args:
        machine: The host.
        launch: Given for a host of a cloud. Then only what it says opens the host: neither the lab's key nor its
            users are there, and cloud-init makes the host keys.
    """
    if machine.prepared():
        return
    free = shutil.disk_usage(machine.places.folder).free
    if free < ROOM:
        raise LabError(f"{machine.places.folder} has {free >> 20} MiB free; a host's disk wants {ROOM >> 20} MiB")
    base = image.ensure(recipe=launch.recipe if launch else image.BASE)
    machine.folder.mkdir(parents=True, exist_ok=True)
    top = machine.folder / "seed"
    shutil.rmtree(top, ignore_errors=True)
    _seed_names(machine, top / "upper")
    if launch:
        for path, text in launch.files.items():
            write(top / "upper" / path.lstrip("/"), text, 0o600)
    else:
        host_key(machine)
        _seed_access(machine, top / "upper")
    _set_modes(top / "upper")
    (top / "work").mkdir()
    disk = machine.folder / "disk.img"
    disk.unlink(missing_ok=True)
    run("truncate", "-s", DISK_SIZE, disk)
    # -d fills the new file system from the folder, owners and modes included
    run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", top, disk)
    shutil.rmtree(top)
    write(machine.folder / "base", f"{base}\n")
    write(machine.folder / "ready", "")


def _seed_names(machine: Machine, root: Path) -> None:
    """Lay out what the host's own layer holds at first, over the image."""
    etc = root / "etc"
    write(etc / "hostname", f"{machine.name}\n")
    write(etc / "machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    write(etc / "hosts", render_hosts(machine.addresses))
    write(etc / "resolv.conf", "# there is no resolver in the lab\n")
    write(etc / "systemd/network/10-lab.network", render_network(machine.addresses, machine.name, has_ipv6()))


def _seed_access(machine: Machine, root: Path) -> None:
    """Lay out the host key and what opens the host."""
    for suffix, mode in (("", 0o600), (".pub", 0o644)):
        name = f"ssh_host_ed25519_key{suffix}"
        write(root / "etc/ssh" / name, (machine.folder / name).read_text(), mode)
    accepted = machine.places.key.with_name(f"{machine.places.key.name}.pub").read_text()
    for home, uid in (("root", 0), *((f"home/{user}", uid) for user, uid in image.USERS.items())):
        write(root / home / ".ssh/authorized_keys", accepted, 0o600)
        for path in (root / home, root / home / ".ssh", root / home / ".ssh/authorized_keys"):
            run("chown", f"{uid}:{uid}", path)


def _set_modes(root: Path) -> None:
    # our own umask must not decide what the host sees
    for folder in root.glob("**/"):
        private = folder.name == ".ssh" or folder.parent.name == "home" or folder == root / "root"
        folder.chmod(0o700 if private else 0o755)
