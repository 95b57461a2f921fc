"""What cannot be done safely fails before any host is touched, in one message: node, cause, next step."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.lab.hosts import Host
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack, untouched

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def hosts(fresh_for_module: MakeHosts) -> list[Host]:
    return fresh_for_module(3)


@pytest.fixture
def stack(hosts: list[Host], make_stack: MakeStack) -> Iterator[Stack]:
    made = make_stack(hosts)
    yield made
    for host in hosts:
        assert untouched(host), f"{host.name} was touched"


@contextmanager
def changed(host: Host, command: str, back: str) -> Iterator[None]:
    """Change a host for a while."""
    host.run(command)
    try:
        yield
    finally:
        host.run(back)


def only(said: str, node: str, *words: str) -> None:
    """Check that one line says all of `words` of `node`, and that no other node is accused."""
    lines = [line for line in said.splitlines() if f"{node}: " in line]
    assert any(all(word in line for word in words) for line in lines), said
    for other in {"etcd-1", "etcd-2", "etcd-3"} - {node}:
        assert f"{other}: " not in said, said


def test_a_host_that_refuses_the_connection(stack: Stack, hosts: list[Host]) -> None:
    with changed(hosts[2], "systemctl stop ssh.service", "systemctl start ssh.service"):
        said = stack.refused()
    only(said, "etcd-3", "cannot connect to root@", "connection refused", "Check that the host is on")


def test_a_host_that_is_off(stack: Stack, hosts: list[Host]) -> None:
    stack.config["deadlines"] = {"connect": 3}
    hosts[1].mute()
    try:
        said = stack.refused()
    finally:
        hosts[1].unmute()
    only(said, "etcd-2", "cannot connect to root@", "no answer within 3 s", "Check that the host is on")


def test_a_host_that_refuses_the_key(stack: Stack, hosts: list[Host]) -> None:
    keys = "/root/.ssh/authorized_keys"
    with changed(hosts[1], f"mv {keys} {keys}.away", f"mv {keys}.away {keys}"):
        said = stack.refused()
    only(said, "etcd-2", "refused the key", "authorized_keys")


def test_a_host_that_shows_another_key(stack: Stack, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    other = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    stack.config["nodes"]["etcd-1"]["ssh"] = {"host_key": other}
    only(stack.refused(), "etcd-1", "another host key", "compare the key")


def _expect_arm64(stack: Stack) -> None:
    stack.config["nodes"]["etcd-2"]["architecture"] = "arm64"
    stack.config["binaries"]["checksums"] = {"3.6.16": {"arm64": "0" * 64}}


def test_another_architecture_than_the_settings_say(stack: Stack) -> None:
    _expect_arm64(stack)
    only(stack.refused(), "etcd-2", "its architecture is amd64", "nodes.etcd-2.architecture", "arm64")


def test_an_archive_without_a_pinned_sum(stack: Stack) -> None:
    stack.config["version"] = "3.6.99"
    said = stack.refused()
    assert 'binaries.checksums["3.6.99"].amd64: missing' in said


@pytest.mark.parametrize("port", [2379, 2380])
def test_a_port_that_another_process_has(port: int, stack: Stack, hosts: list[Host]) -> None:
    squat = f"systemd-run -q --unit squatter /usr/sbin/sshd -D -p {port} -o PidFile=none"
    wait = f"; until ss -Hltn 'sport = :{port}' | grep -q .; do :; done"
    with changed(hosts[0], squat + wait, "systemctl stop squatter"):
        said = stack.refused()
    only(said, "etcd-1", f"port {port} is taken by sshd", "Stop that process")


def test_a_clock_that_is_off(stack: Stack, hosts: list[Host]) -> None:
    hosts[2].skew(7200)
    try:
        said = stack.refused()
    finally:
        hosts[2].unskew()
    only(said, "etcd-3", "its clock is 7", "ahead of this machine's", "NTP")


def test_a_unit_that_somebody_else_installed(stack: Stack, hosts: list[Host]) -> None:
    unit = "/etc/systemd/system/etcd.service"
    make = f"printf '[Service]\\nExecStart=/bin/sleep inf\\n' >{unit}; systemctl daemon-reload"
    with changed(hosts[1], make, f"rm {unit}; systemctl daemon-reload"):
        said = stack.refused()
    only(said, "etcd-2", "did not install", unit, "remove the unit")


def test_the_user_plain_who_has_no_sudo(stack: Stack) -> None:
    stack.config["ssh"]["user"] = "plain"
    said = stack.refused()
    for node in stack.hosts:
        assert f"{node}: user 'plain' cannot use sudo without a password" in said
    assert "NOPASSWD" in said


def test_a_stale_agent_socket_is_refused_by_name(stack: Stack, tmp_path: Path) -> None:
    stack.variables["SSH_AUTH_SOCK"] = str(tmp_path / "agent.gone")
    said = stack.refused()
    assert f"SSH_AUTH_SOCK: it names {tmp_path / 'agent.gone'}, where no SSH agent answers" in said
    assert "unset SSH_AUTH_SOCK" in said


def test_mistakes_in_the_settings_are_told_all_at_once(stack: Stack) -> None:
    stack.config |= {"versoin": "3.6.16", "client_port": 0}
    stack.config["nodes"]["etcd-2"]["address"] = "127.0.0.1"
    said = stack.refused()
    for words in ("versoin", "version", "client_port", "nodes.etcd-2.address"):
        assert words in said


def test_a_preview_refuses_like_up(stack: Stack) -> None:
    _expect_arm64(stack)
    done = stack.preview()
    assert done.returncode != 0
    only(done.stdout, "etcd-2", "its architecture is amd64", "arm64")


def test_all_hosts_with_a_fault_are_told_at_once(stack: Stack, hosts: list[Host]) -> None:
    _expect_arm64(stack)
    with changed(hosts[2], "systemctl stop ssh.service", "systemctl start ssh.service"):
        said = stack.refused()
    assert "etcd-2: its architecture" in said
    assert "etcd-3: cannot connect" in said
    assert "etcd-1: " not in said
