"""Directories of a host: those that etcd cannot use, and those that the settings have left."""

import pytest

from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.traces import inventory

pytestmark = pytest.mark.lab

LEFT = "ls -d /etc/etcd /opt/etcd /usr/local/bin/etcd* 2>/dev/null || :"
KEYS = "find / -xdev -name '*-key.pem' -not -path '/proc/*' 2>/dev/null | grep -v '^/srv/new/etc/' || :"


@pytest.mark.long
def test_a_directory_that_etcd_cannot_use_is_refused_and_one_that_was_left_is_cleared(
    fresh: MakeHosts, make_stack: MakeStack
) -> None:
    (host,) = fresh(1)
    before = inventory(host)
    host.run("mkdir -p /var/lib/etcd/default; touch /var/lib/etcd/README")
    stack = make_stack([host])
    stack.config["purge_data_on_destroy"] = True
    said = stack.refused()
    assert "etcd-1: its data directory /var/lib/etcd belongs to root, is not empty" in said
    host.run("mkdir -p /var/lib/etcd/member/snap; rm -r /var/lib/etcd/default /var/lib/etcd/README")
    assert "etcd-1: its data directory /var/lib/etcd belongs to root; etcd runs as etcd" in stack.refused()
    host.run("rm -r /var/lib/etcd; mkdir -m 700 /srv/closed")
    stack.config["paths"] = {"data_dir": "/srv/closed/etcd"}
    assert "/srv/closed has mode 700 and belongs to root, so etcd, which runs as etcd, cannot reach" in stack.refused()
    host.run("rmdir /srv/closed")
    assert not inventory(host) ^ before

    del stack.config["paths"]
    stack.up()
    pids = stack.pids()
    new = {name: f"/srv/new/{name.removesuffix('_dir')}" for name in ("config_dir", "install_dir", "bin_dir")}
    stack.config["paths"] = {**new, "config_dir": "/srv/new/etc"}
    said = stack.up().stdout
    assert "Removed keys, certificates and settings from /etc/etcd on etcd-1, which it has left" in said
    assert stack.pids()["etcd-1"] not in (0, pids["etcd-1"])
    assert host.run(LEFT).stdout == "" and host.run(KEYS).stdout == ""
    assert all(member["healthy"] for member in stack.output("members"))
    assert stack.preview("--expect-no-changes").returncode == 0
    stack.destroy()
    assert not inventory(host) ^ before
