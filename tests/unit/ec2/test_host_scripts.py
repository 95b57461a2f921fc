"""The scripts of the first login and of the first boot, run for real on a host of the test's own."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest

from etcd_cluster import scripts
from etcd_cluster.ec2.first_boot import Boot
from tests.unit.host_namespace import Namespace

KEY = asyncssh.generate_private_key("ssh-ed25519")
PUBLIC = " ".join(KEY.export_public_key("openssh").decode().split()[:2])
AMAZON = "169.254.169.123"


def install(host: Namespace, private: bytes, public: str = PUBLIC) -> "subprocess.CompletedProcess[str]":
    return host.run(scripts.script("host_key", public=public), stdin=private)


@pytest.mark.parametrize("unit", ["ssh.service", "sshd.service", "none"])
def test_the_final_key_replaces_all_others(host: Namespace, unit: str) -> None:
    host.answer(unit)
    host.out("mkdir /etc/ssh; touch /etc/ssh/sshd_config")
    host.out("cd /etc/ssh; touch ssh_host_rsa_key ssh_host_rsa_key.pub ssh_host_ecdsa_key ssh_host_ed25519_key.pub")
    for _ in range(2):
        done = install(host, KEY.export_private_key("openssh"))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        names = ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "sshd_config"]
        assert host.out("ls -A /etc/ssh").split() == names
        assert host.out("stat -c %a /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub") == "600\n644"
        assert host.out("cat /etc/ssh/ssh_host_ed25519_key.pub") == PUBLIC
        assert host.out("ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key").startswith(PUBLIC)
    reloads = [call for call in host.called if call.startswith("reload")]
    assert reloads == ([] if unit == "none" else [f"reload {unit}"] * 2)


@pytest.mark.parametrize("broken", ["another key", "half a key", "nothing"])
def test_a_key_that_arrives_damaged_is_not_installed(host: Namespace, broken: str) -> None:
    host.out("mkdir /etc/ssh; echo first >/etc/ssh/ssh_host_ed25519_key")
    whole = KEY.export_private_key("openssh")
    text = {
        "another key": asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh"),
        "half a key": whole[: len(whole) // 2],
        "nothing": b"",
    }[broken]
    done = install(host, text)
    assert done.returncode == 1
    assert "the host key arrived damaged" in done.stderr
    assert host.out("cd /etc/ssh; ls -A; cat ssh_host_ed25519_key") == "ssh_host_ed25519_key\nfirst"
    assert host.called == []


def grown(host: Namespace, attach: Callable[[str], str], folder: Path) -> str:
    """Mount a volume at /mnt/data and let it grow to 2 GiB, the file system not yet; return its device."""
    device = attach("vol-01")
    host.out(scripts.source("volumes").text, "0", "vol-01", "/mnt/data")
    assert int(host.out("df -B 1M --output=size /mnt/data | tail -n 1")) < 32
    with (folder / "vol-01.img").open("r+b") as file:
        file.truncate(2 << 30)
    subprocess.run(["losetup", "--set-capacity", device], check=True)
    return device


def test_a_file_system_grows_with_its_volume(host: Namespace, attach: Callable[[str], str], tmp_path: Path) -> None:
    grown(host, attach, tmp_path)
    for _ in range(2):
        done = host.run(scripts.script("grow_file_systems", seconds=0, volumes="/mnt/data 2\n"))
        if "Permission denied to resize" in done.stderr:
            pytest.skip("this account cannot resize a mounted file system (CAP_SYS_RESOURCE)")
        assert (done.returncode, done.stderr) == (0, "")
        assert int(host.out("df -B 1M --output=size /mnt/data | tail -n 1")) > 1900


def test_resize2fs_is_told_the_device_of_the_volume_that_grew(
    host: Namespace, attach: Callable[[str], str], tmp_path: Path
) -> None:
    """Also where the kernel would refuse the resize itself."""
    device = grown(host, attach, tmp_path)
    tool = host.folder / "bin" / "resize2fs"
    tool.write_text('#!/bin/sh\necho "$*" >>"$0.called"\n')
    tool.chmod(0o755)
    assert host.run(scripts.script("grow_file_systems", seconds=0, volumes="/mnt/data 2\n")).returncode == 0
    assert (host.folder / "bin" / "resize2fs.called").read_text() == f"{device}\n"
    tool.write_text("#!/bin/sh\necho 'no way' >&2\nexit 1\n")
    done = host.run(scripts.script("grow_file_systems", seconds=0, volumes="/mnt/data 2\n"))
    assert (done.returncode, done.stderr) == (1, "cannot grow the file system at /mnt/data: no way\n")


def test_a_volume_that_does_not_grow_is_an_error(host: Namespace, attach: Callable[[str], str]) -> None:
    device = attach("vol-01")
    host.out(scripts.source("volumes").text, "0", "vol-01", "/mnt/data")
    done = host.run(scripts.script("grow_file_systems", seconds=0, volumes="/mnt/data 2\n"))
    assert (done.returncode, done.stderr) == (1, f"{device} at /mnt/data did not grow to 2 GiB within 0 s\n")


def test_a_volume_that_is_not_mounted_is_an_error(host: Namespace) -> None:
    done = host.run(scripts.script("grow_file_systems", seconds=0, volumes="/mnt/data 2\n"))
    assert (done.returncode, done.stderr) == (1, "no volume is mounted at /mnt/data\n")


def boot(host: Namespace) -> Boot:
    return Boot.parse(host.out(scripts.script("boot_status")))


def put(host: Namespace, path: str, value: object) -> None:
    host.out('mkdir -p "$(dirname "$1")"; cat >"$1"', path, stdin=json.dumps(value).encode())


def test_a_host_without_cloud_init_is_told(host: Namespace) -> None:
    assert boot(host).absent
    put(host, "/run/cloud-init/status.json", {})
    assert not boot(host).absent
    put(host, "/run/cloud-init/disabled", "")
    assert boot(host).absent


def test_the_first_boot_is_followed_to_its_end(host: Namespace) -> None:
    put(host, "/run/cloud-init/status.json", {"v1": {"stage": "modules-final", "init": {"errors": []}}})
    seen = boot(host)
    assert (seen.ended, seen.stage, seen.errors) == (False, "modules-final", ())
    errors = ["('scripts_user', RuntimeError('Runparts: 1 failures (runcmd) in 1 attempted commands'))"]
    put(host, "/run/cloud-init/status.json", {"v1": {"stage": None}})
    put(host, "/run/cloud-init/result.json", {"v1": {"datasource": "DataSourceEc2Local", "errors": errors}})
    seen = boot(host)
    assert (seen.ended, list(seen.errors), seen.only_our_script_failed) == (True, errors, True)


@pytest.mark.parametrize(
    ("errors", "ours"),
    [
        ([], False),
        (["('scripts-user', RuntimeError('x'))"], True),
        (["('scripts-user', RuntimeError('x'))", "('ssh', OSError('y'))"], False),
    ],
)
def test_only_the_preparation_of_volumes_can_be_taken_again(errors: list[str], ours: bool) -> None:
    result = base64.b64encode(json.dumps({"v1": {"errors": errors}}).encode()).decode()
    assert Boot.parse(f"result={result}\n").only_our_script_failed is ours


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v1": 1}', '{"v1": {"er'])
def test_a_result_that_is_just_being_written_is_no_end(text: str) -> None:
    assert not Boot.parse(f"result={base64.b64encode(text.encode()).decode()}\n").ended


def clock(host: Namespace, *tools: str) -> "subprocess.CompletedProcess[str]":
    for tool in tools:
        host.out('printf "#!/bin/sh\\n" >"$1"; chmod 755 "$1"', f"{host.folder}/bin/{tool}")
    return host.run(scripts.source("clock").text.replace("/lib/systemd/systemd-timesyncd", "/mnt/timesyncd"))


@pytest.mark.parametrize("where", ["/etc/chrony/chrony.conf", "/etc/chrony/sources.d/aws.sources"])
def test_a_chrony_that_follows_amazons_clock_is_left_alone(host: Namespace, where: str) -> None:
    host.out(
        'mkdir -p /etc/chrony/sources.d; echo "pool x" >/etc/chrony/chrony.conf; echo "server $1" >>"$2"', AMAZON, where
    )
    before = host.out("cat /etc/chrony/chrony.conf")
    assert clock(host, "chronyd").returncode == 0
    assert (host.out("cat /etc/chrony/chrony.conf"), host.called) == (before, [])


@pytest.mark.parametrize("where", ["/etc/chrony/chrony.conf", "/etc/chrony.conf"])
def test_chrony_gets_amazons_clock_once(host: Namespace, where: str) -> None:
    host.out('mkdir -p /etc/chrony; echo "pool x" >"$1"', where)
    for _ in range(2):
        assert clock(host, "chronyd").returncode == 0
    assert host.out('cat "$1"', where) == f"pool x\n\nserver {AMAZON} prefer iburst minpoll 4 maxpoll 4"
    assert host.called == ["try-restart chrony.service"]


def test_without_chrony_timesyncd_gets_it(host: Namespace) -> None:
    host.out("printf '#!/bin/sh\\n' >/mnt/timesyncd; chmod 755 /mnt/timesyncd")
    assert clock(host).returncode == 0
    assert host.out("cat /etc/systemd/timesyncd.conf.d/etcd-cluster.conf") == f"[Time]\nNTP={AMAZON}"


def test_a_host_with_neither_is_told_and_goes_on(host: Namespace) -> None:
    done = clock(host)
    assert (done.returncode, "nothing sets this host's clock" in done.stderr) == (0, True)
