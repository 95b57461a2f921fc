"""Texts that the lab writes, and texts that it reads."""

import gzip
import io
import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from dev import releases
from dev.lab import packages
from dev.lab.__main__ import HOST_VERBS, parser
from dev.lab.networking.addresses import Addresses
from dev.lab.processes import cgroups, vdso
from dev.lab.storage import seed
from dev.lab.storage.disktable import DiskTable, check_path
from dev.lab.system import LabError, run, script


def test_hosts_names_every_host_by_both_addresses() -> None:
    lines = seed.render_hosts(Addresses(5)).splitlines()
    assert "198.18.5.11 h1" in lines
    assert "fd00:198:18:5::19 h9-v6" in lines


def test_the_network_file_has_no_gateway() -> None:
    text = seed.render_network(Addresses(5), "h2", ipv6=True)
    assert "Address=198.18.5.12/24" in text
    assert "Address=fd00:198:18:5::12/64" in text
    assert "Gateway" not in text
    assert "fd00" not in seed.render_network(Addresses(5), "h2", ipv6=False)


def test_a_new_host_key_replaces_the_hosts_old_one_only() -> None:
    text = "h1,a ssh-ed25519 OLD\nh11,b ssh-ed25519 KEEP\n"
    assert seed.merge_known_hosts(text, "h1,a", "ssh-ed25519 NEW") == ("h11,b ssh-ed25519 KEEP\nh1,a ssh-ed25519 NEW\n")


def test_an_archive_is_laid_out_as_upstreams_and_always_the_same() -> None:
    programs = {"etcdctl": b"two", "etcd": b"one"}
    packed = releases.pack("etcd-v1.2.3-linux-amd64", programs)
    assert packed == releases.pack("etcd-v1.2.3-linux-amd64", dict(reversed(programs.items())))
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as tar:
        assert {entry.name: entry.mode for entry in tar} == {
            "etcd-v1.2.3-linux-amd64": 0o755,
            "etcd-v1.2.3-linux-amd64/etcd": 0o755,
            "etcd-v1.2.3-linux-amd64/etcdctl": 0o755,
        }


def test_checksums_have_the_layout_of_the_pinned_ones() -> None:
    text = releases.render_checksums({"amd64": {"3.6.9": "aa", "3.6.16": "bb"}, "arm64": {"3.5.1": "cc"}})
    assert text.splitlines()[1:] == ["amd64:", "  3.6.16: bb", "  3.6.9: aa", "arm64:", "  3.5.1: cc"]


def test_the_wrapper_module_requires_each_program_at_the_version() -> None:
    text = releases.render_go_mod("3.7.3")
    assert re.findall(r"go\.etcd\.io/etcd/(\w+)/v3 v3\.7\.3", text) == ["server", "etcdctl", "etcdutl"]


def test_an_unknown_machine_type_is_named() -> None:
    assert releases.architecture("aarch64") == "arm64"
    with pytest.raises(LabError, match="riscv64"):
        releases.architecture("riscv64")


def test_cgroup_v2_is_found_beside_v1() -> None:
    text = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n"
    assert cgroups.parse_mounts(text) is None
    assert cgroups.parse_mounts(text + "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n") == Path(
        "/sys/fs/cgroup/unified"
    )


def test_disks_are_mounted_outer_first_and_kept_over_a_reread(tmp_path: Path) -> None:
    table = DiskTable(tmp_path)
    for path in ("/data/etcd/wal", "/data/", "/data-etcd"):
        table.add(path)
    table.set_boot("/data", False)
    again = DiskTable(tmp_path).disks()
    assert [(disk.path, disk.boot) for disk in again] == [
        ("/data", False), ("/data-etcd", True), ("/data/etcd/wal", True),
    ]  # fmt: skip
    assert len({disk.image for disk in again}) == 3
    table.remove("/data")
    with pytest.raises(LabError, match="no extra disk at /data"):
        table.find("/data")


def test_a_second_disk_at_a_mount_point_is_refused(tmp_path: Path) -> None:
    DiskTable(tmp_path).add("/data")
    with pytest.raises(LabError, match="already"):
        DiskTable(tmp_path).add("/data/")


@pytest.mark.parametrize("path", ["", "/", "data", "/a/../b", "/a//b", "/./a"])
def test_a_bad_mount_point_is_refused(path: str) -> None:
    with pytest.raises(LabError, match="want an absolute path"):
        check_path(path)


def test_what_is_missing_is_named_by_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name in ("ssh", "ssh-keygen") else name)
    assert packages.missing() == ["openssh-client"]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(LabError, match=r"missing system packages: openssh-client; .*packages --install"):
        packages.require()


def test_a_machine_without_root_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in (packages.unfit() or "")


def test_a_failed_command_is_reported_without_a_whole_script() -> None:
    with pytest.raises(LabError, match="`sh -c … x` failed with 3: why"):
        run("sh", "-c", "# a\n# b\necho why >&2; exit 3", "x")


def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(LabError, match=r"longer than 0\.1 s"):
        run("sleep", "5", timeout=0.1)


def test_every_verb_of_a_host_is_on_the_command_line() -> None:
    sample = {str: "/data", int: "5", float: "5"}
    for verb, (_, parameters, _) in HOST_VERBS.items():
        args = parser().parse_args([verb, "h1", *(sample[kind] for kind in parameters.values())])
        assert args.verb == verb
        assert args.host == "h1"
        assert all(getattr(args, name) is not None for name in parameters)


@pytest.mark.parametrize("name", ["image.sh", "fill.sh", "skew.sh", "unskew.sh", "mount.sh"])
def test_shell_scripts_parse(name: str) -> None:
    run("sh", "-n", "-c", script(name))


def test_jumps_in_the_clock_code_end_at_its_last_byte() -> None:
    for text in vdso.code(-7200).values():
        assert text.endswith(b"\xc3")
    gettime = vdso.code(5000)["__vdso_clock_gettime"]
    # jne behind `test eax, eax`, je and jne behind the comparisons of edi
    for at, target in ((10, b"\xc3"), (14, b"\x48\x81\x06"), (19, b"\xc3")):
        landing = at + 1 + gettime[at]
        assert gettime[landing:].startswith(target)
