"""The lab itself, for real: what the other lab tests rely on."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import releases
from dev.lab import sweeping
from dev.lab.hosts import Host, Lab
from dev.lab.networking import network
from dev.lab.processes import cgroups
from dev.lab.system import LabError, run, until

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab.open(f"hosts-{os.getpid()}", owner=os.getpid())
    yield made
    made.destroy()


@pytest.fixture
def pair(lab: Lab) -> tuple[Host, Host]:
    one, other = lab.start(2)
    return one, other


def ssh(host: Host, command: str, user: str = "root") -> str:
    done = subprocess.run([*host.ssh_command(user), command], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() or done.stderr.strip()


def reaches(host: Host, address: str) -> bool:
    """Return whether an sshd greets the host from `address` within a second."""
    script = 'curl -gs -m 1 "telnet://$1:22" </dev/null | head -c 4'
    return host.run(script, args=[address], check=False).stdout == "SSH-"


def test_a_host_is_a_running_debian_with_its_three_users(pair: tuple[Host, Host]) -> None:
    one, _ = pair
    assert one.run("systemctl is-system-running --wait").stdout.strip() == "running"
    assert ssh(one, "id -un; . /etc/os-release; echo $VERSION_ID; hostname") == "root\n12\nh1"
    assert ssh(one, "sudo -n id -un; sudo -n systemd-run --wait --pipe -q hostname", "ops") == "root\nh1"
    assert "password is required" in ssh(one, "sudo -n id -un", "plain")
    one.run("logger -t lab-test seen")
    assert until(lambda: "seen" in one.run("journalctl -t lab-test --no-pager", check=False).stdout, 5)


def test_hosts_reach_each_other_on_both_families_and_nothing_outside(lab: Lab, pair: tuple[Host, Host]) -> None:
    one, other = pair
    assert reaches(one, other.address)
    assert reaches(one, f"[{other.address6}]")
    assert one.run("ip route show default; ip -6 route show default").stdout == ""
    # this machine forwards nothing for a host that tries, even where it forwards for others
    bridge = lab.addresses.bridge
    Path(f"/proc/sys/net/ipv4/conf/{bridge}/forwarding").write_text("1")
    way_out = run("ip", "route", "get", "192.0.2.1", "from", one.address, "iif", bridge, check=False)
    assert way_out.returncode != 0, way_out.stdout


def test_faults_of_the_cable_and_their_end(lab: Lab, pair: tuple[Host, Host]) -> None:
    one, other = pair
    faults = [
        (one.cut, one.heal),
        (one.mute, one.unmute),
        (lambda: lab.block(one, "h2"), lambda: lab.unblock(one, other)),
        (lambda: lab.block(one, other), lab.unblock),
        (one.freeze, one.thaw),
    ]
    for begin, end in faults:
        begin()
        assert not reaches(other, one.address)
        end()
        assert until(lambda: reaches(other, one.address), 10)


def test_a_delay_holds_every_frame_each_way(pair: tuple[Host, Host]) -> None:
    one, _ = pair
    one.delay(100)
    start = time.monotonic()
    socket.create_connection((one.address, 22), timeout=5).close()
    assert time.monotonic() - start >= 0.2
    one.undelay()
    one.wait_for_ssh(5)


def test_a_disk_is_bounded_and_mounted_at_boot_until_it_is_forgotten(pair: tuple[Host, Host]) -> None:
    one, _ = pair
    one.disk("/data/etcd", 32)
    one.fill("/data/etcd", leave_kb=4)
    assert one.run("head -c 1M /dev/zero >/data/etcd/more", check=False).returncode != 0
    one.unfill("/data/etcd")
    one.run("echo kept >/data/etcd/file")
    one.kill()
    one.start()
    assert one.run("mountpoint -q /data/etcd; cat /data/etcd/file").stdout == "kept\n"
    one.unmount("/data/etcd")
    one.forget_mount("/data/etcd")
    one.reboot()
    assert one.run("ls -A /data/etcd").stdout == ""
    one.mount("/data/etcd")
    one.reboot()
    assert one.run("cat /data/etcd/file").stdout == "kept\n"
    one.remount_ro("/data/etcd")
    assert "Read-only" in one.run("touch /data/etcd/file", check=False).stderr
    one.undisk("/data/etcd")
    assert one.run("mountpoint -q /data/etcd", check=False).returncode != 0


def test_a_volume_is_plugged_in_and_out_and_there_at_boot(lab: Lab, pair: tuple[Host, Host]) -> None:
    one, other = pair
    volume, name = lab.folder / "volume.img", "nvme-Amazon_Elastic_Block_Store_vol0"
    run("truncate", "-s", "32M", volume)
    device = f"/dev/disk/by-id/{name}"
    one.attach(name, volume)
    one.run('mkfs.ext4 -q "$1"; mount "$1" /mnt; echo kept >/mnt/file', args=[device])
    with pytest.raises(LabError, match="mounted"):
        one.detach(name)
    one.reboot()
    one.run('mount "$1" /mnt; grep -q kept /mnt/file; umount /mnt', args=[device])
    one.detach(name)
    assert one.run('test ! -e "$1"', args=[device], check=False).returncode == 0
    assert sweeping.loops_below(volume) == []
    other.attach(name, volume)
    other.kill()
    assert sweeping.loops_below(volume) == []
    other.start()
    assert other.run('mount "$1" /mnt; cat /mnt/file; umount /mnt', args=[device]).stdout == "kept\n"
    other.detach(name)


def test_fill_refuses_what_is_no_disk_of_the_host(pair: tuple[Host, Host]) -> None:
    with pytest.raises(LabError, match="/home is no mount point"):
        pair[0].fill("/home")


def test_a_clean_stop_and_a_reset_give_a_new_disk_and_the_same_key(pair: tuple[Host, Host]) -> None:
    one, _ = pair
    key = one.host_key
    one.run("touch /root/file")
    with pytest.raises(LabError, match="is on"):
        one.reset()
    one.stop()
    assert not one.is_running()
    with pytest.raises(LabError, match="h1 is off"):
        one.run("true")
    one.reset()
    one.start()
    assert ssh(one, "ls /root") == ""
    assert one.host_key == key


def test_a_clock_can_be_wrong_for_new_sessions_and_for_one_process(pair: tuple[Host, Host]) -> None:
    one, _ = pair
    one.skew(7200)
    assert int(ssh(one, "date +%s")) - time.time() > 7000
    one.unskew()
    assert abs(int(ssh(one, "date +%s")) - time.time()) < 60
    words = [*one.ssh_command(), "exec bash -c 'echo $$; while read -r _; do printf \"%(%s)T\\n\" -1; done'"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin
        assert process.stdout
        one.skew_process(-5000, int(process.stdout.readline()))
        process.stdin.write("\n")
        process.stdin.close()
        assert -5060 < int(process.stdout.readline()) - time.time() < -4900


def test_a_release_is_downloaded_by_a_host(lab: Lab, pair: tuple[Host, Host]) -> None:
    archive = releases.ensure()
    path = archive.relative_to(archive.parent.parent)
    script = 'curl -sSf "$1" | sha256sum | cut -d " " -f 1'
    got = pair[0].run(script, args=[f"{lab.releases_url}/{path}"]).stdout.strip()
    assert f": {got}" in releases.checksums().read_text()
    assert got != pair[0].run(script, args=[f"{lab.releases_url}/broken/{path}"]).stdout.strip()


def test_starting_again_leaves_running_hosts_alone(lab: Lab, pair: tuple[Host, Host]) -> None:
    before = [host.leader() for host in pair]
    assert [host.leader() for host in lab.start(2)] == before


def test_a_host_whose_processes_were_killed_starts_again(pair: tuple[Host, Host]) -> None:
    one, _ = pair
    leader = one.leader()
    for name in ("supervisor", "nspawn", "leader"):
        os.kill(int((one.state / f"{name}.pid").read_text().split()[0]), signal.SIGKILL)
    assert leader.gone(10)
    one.start()
    assert one.run("systemctl is-system-running --wait").stdout.strip() == "running"


MAKE_AND_WAIT = """
import os, sys
from dev.lab.hosts import Lab
lab = Lab.open(sys.argv[1], owner=os.getpid())
host, = lab.start(1)
host.disk("/data", 16)
host.delay(1)
lab.block("h1", "h2")
print(lab.slot.number, flush=True)
input()
"""


def test_sweep_removes_a_dead_owners_lab_and_leaves_the_living(lab: Lab, pair: tuple[Host, Host]) -> None:
    before = [host.leader() for host in pair]
    words = [sys.executable, "-c", MAKE_AND_WAIT, f"swept-{os.getpid()}"]
    root = Path(__file__).parent.parent.parent
    owner = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
    with owner:
        assert owner.stdout
        slot = int(owner.stdout.readline())
        Lab.sweep()
        assert slot in sweeping.numbers_in_use()
        owner.kill()
    folder = lab.folder.parent / f"swept-{os.getpid()}"
    assert folder.exists()
    Lab.sweep()
    assert slot not in sweeping.numbers_in_use()
    assert not folder.exists()
    assert sweeping.loops_below(folder) == []
    assert not cgroups.group(f"lab-{slot}-h1").exists()
    assert not network.exists(f"lab-{slot}")
    assert [host.leader() for host in pair] == before
