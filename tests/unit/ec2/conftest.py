"""A host whose /etc, /mnt and volumes are a test's own, where this account may make such."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.ec2.ec2_host import BY_ID, MEGABYTES
from tests.unit.host_namespace import Namespace, host_namespace

# ssh-keygen asks for the name of its user.
SETUP = f"""
mkdir -p /dev/disk
mount -t tmpfs tmpfs /dev/disk
mkdir {BY_ID}
user=$(grep '^root:' /etc/passwd)
mount -t tmpfs tmpfs /etc
mount -t tmpfs tmpfs /mnt
printf '%s\\n' "$user" >/etc/passwd
printf '# first line\\n' >/etc/fstab
"""
SYSTEMCTL = """#!/bin/sh
printf '%s\\n' "$*" >>"{folder}/called"
case "$1" in is-active) grep -qx "$3" "{folder}/answers" ;; esac
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Namespace]:
    """Return a host with an almost empty /etc and /mnt; `answer` names the unit that is active."""
    with host_namespace(tmp_path) as made:
        made.out(SETUP)
        (tmp_path / "bin" / "systemctl").write_text(SYSTEMCTL.format(folder=tmp_path))
        yield made


@pytest.fixture
def attach(host: Namespace, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Return a function that attaches the volume `vol-ID`, blank at first, and returns its device."""
    devices: list[str] = []

    def make(volume: str) -> str:
        image = tmp_path / f"{volume}.img"
        with image.open("wb") as file:
            file.truncate(MEGABYTES << 20)
        done = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip("this account cannot make loop devices (root can)")
        device = done.stdout.strip()
        devices.append(device)
        serial = volume.replace("-", "")
        host.out(f'ln -sf "$1" {BY_ID}/nvme-Amazon_Elastic_Block_Store_{serial}', device)
        return device

    yield make
    host.run("umount -a -t ext4,xfs,vfat || :")
    for device in devices:
        subprocess.run(["losetup", "--detach", device], check=True)
