"""What somebody changed on a host is announced by preview and repaired by a plain `up`."""

import re

import pytest

from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack

pytestmark = pytest.mark.lab

# What `preview --expect-no-changes` ends with where something would change (README.md).
EXPECTED_NONE = 7


@pytest.fixture(scope="module")
def stack(fresh_for_module: MakeHosts, make_module_stack: MakeStack) -> Stack:
    made = make_module_stack(fresh_for_module(3))
    made.up()
    return made


def _announced(stack: Stack, *names: str) -> None:
    """Check that preview announces a change of each resource whose name ends like this."""
    done = stack.preview("--expect-no-changes")
    assert done.returncode == EXPECTED_NONE, done.stdout
    for name in names:
        # A refresh prints a line for each resource too; only the operation tells a change.
        assert re.search(rf"{name} update\b", done.stdout), done.stdout


def _is_clean(stack: Stack) -> None:
    done = stack.preview("--expect-no-changes")
    assert done.returncode == 0, done.stdout


def test_binaries_and_files_that_were_changed_by_hand_are_put_right(stack: Stack) -> None:
    installed, staged, pids = stack.hosts["etcd-2"], stack.hosts["etcd-1"], stack.pids()
    sums = installed.run("sha256sum /opt/etcd/v3.6.16/etcd*").stdout
    files = staged.run("cd /etc/etcd/current && sha256sum *").stdout
    installed.run("rm /opt/etcd/v3.6.16/etcdctl; echo damaged >>/opt/etcd/v3.6.16/etcdutl")
    staged.run("echo ETCD_NAME=other >>/etc/etcd/current/etcd.env; rm /etc/etcd/certificates/current/peer.pem")
    _announced(stack, "etcd-2-binaries-install", "etcd-1-service")
    stack.up()
    assert installed.run("sha256sum /opt/etcd/v3.6.16/etcd*").stdout == sums
    assert staged.run("cd /etc/etcd/current && sha256sum *").stdout == files
    assert staged.run("test -s /etc/etcd/certificates/current/peer.pem", check=False).returncode == 0
    assert stack.pids() == pids
    _is_clean(stack)


def test_a_stopped_member_is_started_again(stack: Stack) -> None:
    pids = stack.pids()
    stack.hosts["etcd-3"].run("systemctl stop etcd")
    _announced(stack, "rollout")
    stack.up()
    after = stack.pids()
    assert after["etcd-3"] not in (0, pids["etcd-3"])
    assert {**after, "etcd-3": pids["etcd-3"]} == pids
    assert all(member["healthy"] for member in stack.output("members"))
    _is_clean(stack)


def test_another_stack_on_the_same_hosts_is_refused(stack: Stack, make_stack: MakeStack) -> None:
    pids = stack.pids()
    other = make_stack(list(stack.hosts.values()), "intruder")
    said = other.refused()
    for node in stack.hosts:
        assert f"{node}: it serves node {node} of another stack of this program, organization/etcd-cluster/test" in said
    assert stack.pids() == pids
    _is_clean(stack)


def test_a_removed_unit_and_link_are_put_back(stack: Stack) -> None:
    host, pids = stack.hosts["etcd-1"], stack.pids()
    host.run("rm /etc/systemd/system/etcd.service /usr/local/bin/etcdctl; systemctl daemon-reload")
    _announced(stack, "rollout")
    stack.up()
    host.run("test -e /etc/systemd/system/etcd.service && /usr/local/bin/etcdctl version")
    others = {node: pid for node, pid in pids.items() if node != "etcd-1"}
    assert {node: pid for node, pid in stack.pids().items() if node != "etcd-1"} == others
    _is_clean(stack)
