"""Downloads that fail and members that refuse to start: one message, and nothing half started."""

import pytest

from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack, never_started

pytestmark = pytest.mark.lab


def _told_once(said: str, sentence: str) -> None:
    assert sentence in said, said


def test_an_archive_that_cannot_be_had_or_trusted_starts_nothing(fresh: MakeHosts, make_stack: MakeStack) -> None:
    (host,) = fresh(1)
    stack = make_stack([host])
    lab = stack.lab
    stack.config["binaries"]["url"] = f"{lab.releases_url}/broken"
    said = stack.refused()
    assert "etcd-1: the archive of etcd 3.6.16 (amd64) has SHA-256" in said
    assert "is pinned. Do not use it" in said
    assert never_started(host)

    stack.config["binaries"]["url"] = f"{lab.releases_url}/nowhere"
    said = stack.refused()
    assert f"etcd-1: cannot download {lab.releases_url}/nowhere/v3.6.16/etcd-v3.6.16-linux-amd64.tar.gz" in said
    assert "Check binaries.url" in said
    assert never_started(host)

    stack.config["binaries"]["url"] = f"{lab.releases_url}/stall"
    stack.config["deadlines"] = {"install": 5}
    said = stack.refused(seconds=60)
    assert "etcd-1: cannot download" in said
    assert never_started(host)
    assert host.run("ls -A /opt/etcd").stdout == ""

    stack.config["binaries"] = {"url": lab.releases_url, "checksums": {"3.6.16": {"amd64": "0" * 64}}}
    said = stack.refused()
    assert f"but {'0' * 64} is pinned" in said
    assert never_started(host)

    del stack.config["binaries"]["checksums"]
    stack.config["binaries"]["checksums_file"] = str(lab.places.access / "checksums.yaml")
    stack.up()
    assert [member["healthy"] for member in stack.output("members")] == [True]


def _nothing_runs(stack: Stack) -> None:
    for host in stack.hosts.values():
        assert host.run("! pgrep -x etcd", check=False).returncode == 0
        state = host.run("systemctl show -p ActiveState --value etcd.service").stdout.strip()
        assert state == "inactive", f"{host.name}: {state}"


def test_a_member_that_refuses_to_start_shows_its_last_words(fresh: MakeHosts, make_stack: MakeStack) -> None:
    stack = make_stack(fresh(3))
    stack.config["nodes"]["etcd-2"]["etcd"] = {"listen-metrics-urls": "http://192.0.2.1:2381"}
    # A trial start would find it before any member is started.
    stack.config["trial_start"] = False
    said = stack.refused()
    assert "etcd-2: etcd ended at its start. Last log lines:" in said
    assert "cannot assign requested address" in said
    assert "etcd-1: " not in said
    assert "etcd-3: " not in said
    _nothing_runs(stack)
    del stack.config["nodes"]["etcd-2"]["etcd"]
    stack.up()
    assert [member["healthy"] for member in stack.output("members")] == [True] * 3
    assert stack.cluster_ids() == {stack.output("cluster_id")}


def test_no_key_is_told_where_a_step_fails(fresh: MakeHosts, make_stack: MakeStack) -> None:
    stack = make_stack(fresh(1))
    stack.config["etcd"] = {"listen-metrics-urls": "http://192.0.2.1:2381"}
    said = stack.refused()
    assert "PRIVATE KEY" not in said
    login = [line for line in stack.lab.private_key.read_text().splitlines() if len(line) > 60]
    (host,) = stack.hosts.values()
    keys = host.run("cat /etc/etcd/certificates/*/*-key.pem").stdout.splitlines()
    bodies = login + [line for line in keys if len(line) > 60]
    assert len(bodies) > 4
    texts = [said, stack.export(), *(path.read_text(errors="replace") for path in stack.state_files)]
    assert not [body for body in bodies for text in texts if body in text]
    assert not ["PRIVATE KEY" for text in texts if "PRIVATE KEY" in text]
