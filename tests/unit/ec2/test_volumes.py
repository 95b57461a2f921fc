"""The script that mounts volumes, run for real on loop devices where this account may make them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from etcd_cluster import scripts
from tests.unit.ec2.ec2_host import BY_ID, MEGABYTES
from tests.unit.host_namespace import Namespace

Attach = Callable[[str], str]


def prepare(host: Namespace, *arguments: str, seconds: int = 0) -> "subprocess.CompletedProcess[str]":
    return host.run(scripts.source("volumes").text, str(seconds), *arguments)


def content(device: str) -> bytes:
    return Path(device).read_bytes()


def test_a_blank_volume_gets_a_file_system_and_is_mounted(host: Namespace, attach: Attach) -> None:
    device = attach("vol-01")
    assert prepare(host, "vol-01", "/mnt/etcd/data").returncode == 0
    assert host.out("findmnt -n -o SOURCE,FSTYPE,TARGET /mnt/etcd/data").split() == [device, "ext4", "/mnt/etcd/data"]
    uuid = host.out('blkid -p -o value -s UUID "$1"', device)
    fstab = f"# first line\nUUID={uuid} /mnt/etcd/data ext4 defaults,nofail 0 2"
    assert host.out("cat /etc/fstab") == fstab
    assert host.out("stat -c %a /mnt/etcd/data /etc/fstab").split() == ["755", "644"]
    assert host.called == ["daemon-reload"]


def test_running_it_again_changes_nothing(host: Namespace, attach: Attach) -> None:
    attach("vol-01")
    attach("vol-02")
    both = ("vol-01", "/mnt/data", "vol-02", "/mnt/wal")
    assert prepare(host, *both).returncode == 0
    before = host.out("echo kept >/mnt/data/file; cat /etc/fstab; findmnt -n -l")
    assert prepare(host, *both).returncode == 0
    assert host.out("cat /etc/fstab; findmnt -n -l") == before
    assert host.out("cat /mnt/data/file") == "kept"
    assert len(host.called) == 2


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_volume_with_data_is_mounted_as_it_is(host: Namespace, attach: Attach, kind: str) -> None:
    if host.run(f"command -v mkfs.{kind} && grep -qw {kind} /proc/filesystems").returncode:
        pytest.skip(f"this machine has no {kind}")
    device = attach("vol-01")
    host.out(f'mkfs.{kind} -q "$1"; mkdir /mnt/x; mount "$1" /mnt/x; echo mine >/mnt/x/file; umount /mnt/x', device)
    assert prepare(host, "vol-01", "/mnt/data").returncode == 0
    assert host.out("cat /mnt/data/file") == "mine"


# One Linux partition from sector 2048 on, as printf writes it into the first entry of a partition table.
PARTITION = r"\200\0\0\0\203\0\0\0\0\010\0\0\0\040\0\0"
STRANGE: dict[str, tuple[str, str]] = {
    "vfat": ('mkfs.vfat "$1" >/dev/null', "holds vfat, not ext4 or xfs; it is not touched"),
    "swap": ('mkswap "$1" >/dev/null', "holds swap, not ext4 or xfs; it is not touched"),
    "an LVM volume": (
        "printf 'LABELONE%020dLVM2 001' 0 | dd of=\"$1\" bs=512 seek=1 conv=notrunc status=none",
        "it is not",
    ),
    "a partition table": (
        f"printf '{PARTITION}%048d\\125\\252' 0 | tr 0 '\\0' | dd of=\"$1\" bs=1 seek=446 conv=notrunc status=none",
        "is not empty, but has no",
    ),
    "bytes at its start": (
        'echo x | dd of="$1" bs=1 seek=3000000 conv=notrunc status=none',
        "is not empty, but has no",
    ),
    "bytes at its end": (
        f'echo x | dd of="$1" bs=1 seek={(MEGABYTES << 20) - 600} conv=notrunc status=none',
        "is not empty, but has no",
    ),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_volume_that_holds_anything_else_is_never_touched(host: Namespace, attach: Attach, kind: str) -> None:
    command, words = STRANGE[kind]
    tool = command.split()[0]
    if host.run('command -v "$1"', tool).returncode:
        pytest.skip(f"this machine has no {tool}")
    device = attach("vol-01")
    host.out(command, device)
    before = content(device)
    done = prepare(host, "vol-01", "/mnt/data")
    assert done.returncode == 1
    assert done.stderr.startswith("volume vol-01: ")
    assert words in done.stderr
    assert content(device) == before
    assert host.out("cat /etc/fstab; ls /mnt") == "# first line"


def test_two_signatures_that_contradict_each_other_are_not_touched(host: Namespace, attach: Attach) -> None:
    device = attach("vol-01")
    host.out('mkfs.ext4 -q "$1"; dd if="$1" of=/etc/head bs=1k count=4 status=none', device)
    host.out(
        'mkswap "$1" >/dev/null; dd if=/etc/head of="$1" bs=1k skip=1 seek=1 count=1 conv=notrunc status=none', device
    )
    before = content(device)
    assert prepare(host, "vol-01", "/mnt/data").returncode == 1
    assert content(device) == before


def test_a_volume_that_is_not_attached_is_waited_for_until_the_deadline(host: Namespace) -> None:
    done = prepare(host, "vol-01", "/mnt/data")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "volume vol-01: it was not attached within 0 s. Look at it in the EC2 console\n"


def test_a_volume_is_found_by_its_serial_number_without_udev(host: Namespace, attach: Attach) -> None:
    device = attach("vol-01")
    host.out(f"rm {BY_ID}/*; mkdir -p /mnt/block/nvme1n1/device; echo 'vol01   ' >/mnt/block/nvme1n1/device/serial")
    host.out('ln -s "$1" /dev/disk/nvme1n1', device)
    text = (
        scripts.source("volumes").text.replace("/sys/class/block/", "/mnt/block/").replace('"/dev/${', '"/dev/disk/${')
    )
    done = host.run(text, "0", "vol-01", "/mnt/data")
    assert (done.returncode, done.stderr) == (0, "")
    assert host.out("mountpoint --fs-devno /mnt/data") == host.out('mountpoint --devno "$1"', device)


def test_files_below_the_mount_point_are_not_hidden(host: Namespace, attach: Attach) -> None:
    attach("vol-01")
    host.out("mkdir /mnt/data; echo here >/mnt/data/file")
    done = prepare(host, "vol-01", "/mnt/data")
    assert (done.returncode, "/mnt/data is not empty" in done.stderr) == (1, True)
    assert host.out("cat /etc/fstab") == "# first line"


def test_another_device_at_the_mount_point_is_an_error(host: Namespace, attach: Attach) -> None:
    attach("vol-01")
    host.out("mkdir /mnt/data; mount -t tmpfs tmpfs /mnt/data")
    done = prepare(host, "vol-01", "/mnt/data")
    assert (done.returncode, "another device is mounted at /mnt/data" in done.stderr) == (1, True)


def test_another_line_in_fstab_is_an_error(host: Namespace, attach: Attach) -> None:
    attach("vol-01")
    host.out("echo 'LABEL=x /mnt/data ext4 defaults 0 2' >>/etc/fstab")
    done = prepare(host, "vol-01", "/mnt/data")
    assert done.returncode == 1
    assert "/etc/fstab mounts LABEL=x at /mnt/data, not this volume" in done.stderr
