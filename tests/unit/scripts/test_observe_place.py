"""Where a look finds a member and asks it: where it is now, not where it is wanted."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etcd_cluster import scripts
from etcd_cluster.observation.facts import HostFacts, Place, parse
from etcd_cluster.observation.query import Query
from etcd_cluster.rendering import revision as render
from tests.unit.host_namespace import Namespace
from tests.unit.sent_scripts import observe

ETCDCTL = """#!/bin/sh
printf '%s\\n' "$*" >>{log}
{script}
"""
CONFLICT = 'echo \'{"level":"fatal","msg":"conflicting environment variable","environment-variable":"X"}\' >&2; exit 1'
SILENT = "echo 'context deadline exceeded' >&2; echo null; exit 1"
SERVES = """case "$*" in
*'endpoint status') echo '[{"Status":{"header":{"member_id":1,"cluster_id":2},"leader":1,"version":"3.6.16"}}]' ;;
*'endpoint health') echo '[{"endpoint":"x","health":true}]' ;;
*'member list') echo '{"members":[{"ID":1,"name":"a"}]}' ;;
esac"""
NO_QUORUM = """case "$*" in
*'endpoint status') echo '[{"Status":{"header":{"member_id":1,"cluster_id":2},"leader":0}}]' ;;
*) echo 'context deadline exceeded' >&2; exit 1 ;;
esac"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return the configuration directory of a member that runs, with the revision r1."""
    config = tmp_path / "old"
    files = {
        "etcd.env": render.StagedFile(f'ETCD_DATA_DIR="{tmp_path}/data"\nMEMBER_REVISION="r1"\n'),
        "etcd.service": render.StagedFile(f"EnvironmentFile={config}/etcd.env\nExecStart={tmp_path}/bin/etcd\n"),
        "version": render.StagedFile("3.6.14\n"),
        "client-ca.pem": render.StagedFile("CA"),
        "peer-ca.pem": render.StagedFile("CA"),
    }
    stage(config, "revisions", "r1", files)
    stage(config, "certificates", "c1", {"etcdctl.pem": render.StagedFile("x")})
    (config / "owner").write_text("cluster=c\nhost=h\nnode=a\nstack=s\n")
    (config / "born").write_text("cluster=2\nmember=1\n")
    programs(tmp_path / "opt" / "v3.6.14", tmp_path)
    return config


def stage(config: Path, kind: str, name: str, files: dict[str, render.StagedFile]) -> None:
    (config / kind).mkdir(parents=True, exist_ok=True)
    (config / kind / name).mkdir()
    subprocess.run(["tar", "-x", "-C", config / kind / name], input=render.archive(files), check=True)


def programs(folder: Path, tmp_path: Path, script: str = SERVES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(shutil.which("sleep") or "/bin/sleep", folder / "etcd")
    (folder / "etcdctl").write_text(ETCDCTL.format(log=tmp_path / "asked", script=script))
    for name in ("etcdctl", "etcdutl"):
        (folder / name).touch()
        (folder / name).chmod(0o755)
    (folder / "SHA256SUMS").touch()


def activate(host: Namespace, tmp_path: Path, config: Path, revision: str = "r1", former: str = "") -> None:
    host.out(activation(tmp_path, config, revision, former=former or str(config)))


def activation(tmp_path: Path, config: Path, revision: str, **changes: str) -> str:
    variables = {
        "certificates": "c1",
        "bin": f"{tmp_path}/bin",
        "install": f"{tmp_path}/opt",
        "data": f"{tmp_path}/data",
        "wal": "",
        "user": "root",
        "group": "root",
        "former": str(config),
        "then": "starts",
    }
    return scripts.script("activate", config=str(config), revision=revision, **{**variables, **changes})


def look(host: Namespace, tmp_path: Path, config: str = "wanted", port: int = 12379) -> HostFacts:
    """Look at the host for a member that is wanted with other directories, another version and another port."""
    return parse(host.out(member_look(tmp_path, config, port)), 0, 0)


def member_look(tmp_path: Path, config: str = "wanted", port: int = 12379) -> str:
    places = {"install": f"{tmp_path}/apps", "bin": f"{tmp_path}/sbin"}
    wanted = f"{tmp_path}/{config}", f"{tmp_path}/data"
    return observe(*wanted, **places, client_port=port, ports="12380", depth="member")


@contextmanager
def running(host: Namespace, tmp_path: Path, config: Path, urls: str) -> Iterator[None]:
    environment = {
        "MEMBER_REVISION": "r1",
        "ETCD_CERT_FILE": f"{config}/certificates/current/server.pem",
        "ETCD_LISTEN_CLIENT_URLS": urls,
        "ETCD_LISTEN_PEER_URLS": "https://192.0.2.1:2380",
    }
    with subprocess.Popen([tmp_path / "opt" / "v3.6.14" / "etcd", "60"], env=environment) as member:
        host.answer(str(member.pid))
        try:
            yield
        finally:
            member.kill()


@pytest.mark.parametrize(
    ("urls", "endpoint"),
    [
        ("https://192.0.2.1:2379,https://127.0.0.1:2379", "https://127.0.0.1:2379"),
        ("https://0.0.0.0:2379", "https://127.0.0.1:2379"),
    ],
)
def test_a_running_member_is_asked_where_its_process_serves(
    host: Namespace, tmp_path: Path, old: Path, urls: str, endpoint: str
) -> None:
    activate(host, tmp_path, old)
    with running(host, tmp_path, old, urls):
        seen = look(host, tmp_path)
    binary = f"{tmp_path}/opt/v3.6.14/etcdctl"
    bundle = f"{old}/revisions/r1/client-ca.pem"
    assert seen.place == Place(str(old), f"{tmp_path}/bin", f"{tmp_path}/opt", binary, endpoint, bundle)
    assert (seen.query, seen.serves, seen.query_words) == (Query.SERVES, True, "")
    assert (seen.running_revision, seen.active_revision, seen.active_certificates) == ("r1", "r1", "c1")
    assert seen.bootstrapped and seen.stamp and seen.stamp.node == "a" and not seen.uninstalled and not seen.is_switched
    asked = (tmp_path / "asked").read_text()
    assert f"--endpoints={endpoint} " in asked and "12379" not in asked and "wanted" not in asked
    assert f"--cert={old}/certificates/current/etcdctl.pem" in asked


def test_a_switch_that_was_interrupted_is_seen_in_both_directories(host: Namespace, tmp_path: Path, old: Path) -> None:
    activate(host, tmp_path, old)
    new = tmp_path / "wanted"
    unit = f"EnvironmentFile={new}/etcd.env\nExecStart={tmp_path}/bin/etcd\n"
    files = {"etcd.env": "", "etcd.service": unit, "version": "3.6.14\n", "client-ca.pem": "", "peer-ca.pem": ""}
    stage(new, "revisions", "r2", {name: render.StagedFile(text) for name, text in files.items()})
    (new / "certificates").mkdir()
    (new / "owner").write_text("cluster=c\nhost=h\nnode=a\nstack=s\n")
    (old / "moving").touch()
    host.out(scripts.script("record_served", config=str(new), revision="r1", of=str(old)))
    activate(host, tmp_path, new, "r2", str(old))
    assert (new / "certificates" / "c1" / "etcdctl.pem").exists(), (
        "the leaf certificates were staged in the former directory only"
    )
    assert not (old / "moving").exists()
    with running(host, tmp_path, old, "https://0.0.0.0:2379"):
        seen = look(host, tmp_path)
    assert (seen.running_revision, seen.active_revision, seen.is_switched) == ("r1", "r2", True)
    assert seen.place and seen.place.config_dir == str(old) and seen.serves
    host.answer("0")
    seen = look(host, tmp_path)
    assert seen.place and seen.place.config_dir == str(new) and seen.place.endpoint == ""
    assert (seen.active_revision, seen.served_revision, seen.served_config) == ("r2", "r1", str(old))
    assert seen.served_version == "3.6.14" and seen.served_bin == f"{tmp_path}/bin"


def test_a_stopped_member_is_where_the_installed_unit_would_start_it(
    host: Namespace, tmp_path: Path, old: Path
) -> None:
    activate(host, tmp_path, old)
    host.answer("0")
    seen = look(host, tmp_path)
    bundle = f"{old}/current/client-ca.pem"
    assert seen.place == Place(str(old), f"{tmp_path}/bin", f"{tmp_path}/apps", f"{tmp_path}/bin/etcdctl", "", bundle)
    assert (seen.active_revision, seen.active_data, seen.query) == ("r1", f"{tmp_path}/data", Query.NOT_ASKED)


def test_a_unit_that_is_not_this_programs_names_no_place(host: Namespace, tmp_path: Path) -> None:
    host.out("printf 'EnvironmentFile=/etc/default/etcd.env\\nExecStart=/usr/bin/etcd\\n' >$1/etcd.service", UNITS)
    host.answer("0")
    assert look(host, tmp_path).place is None


UNITS = "/etc/systemd/system"


@pytest.mark.parametrize(
    ("script", "query", "words"),
    [
        (CONFLICT, Query.CANNOT_ASK, "conflicting environment variable (X)"),
        (SILENT, Query.SILENT, "context deadline exceeded"),
        (NO_QUORUM, Query.ERROR, "it has no leader"),
        ("exit 1", Query.CANNOT_ASK, "etcdctl ended with exit status 1"),
    ],
)
def test_a_look_says_what_came_of_its_question(
    host: Namespace, tmp_path: Path, old: Path, script: str, query: Query, words: str
) -> None:
    programs(tmp_path / "opt" / "v3.6.14", tmp_path, script)
    activate(host, tmp_path, old)
    with running(host, tmp_path, old, "https://0.0.0.0:2379"):
        seen = look(host, tmp_path)
    assert (seen.query, seen.query_words, seen.serves) == (query, words, False)
    asked = (tmp_path / "asked").read_text().count("\n")
    assert asked == (3 if query is Query.ERROR else 1), "who does not answer is not asked again and again"


def test_an_etcdctl_that_cannot_be_run_says_so(host: Namespace, tmp_path: Path, old: Path) -> None:
    activate(host, tmp_path, old)
    (tmp_path / "opt" / "v3.6.14" / "etcdctl").chmod(0o644)
    with running(host, tmp_path, old, "https://0.0.0.0:2379"):
        seen = look(host, tmp_path)
    assert seen.query is Query.CANNOT_ASK and "etcdctl" in seen.query_words


def test_a_port_that_is_wanted_and_taken_shows_while_the_member_runs(
    host: Namespace, tmp_path: Path, old: Path
) -> None:
    activate(host, tmp_path, old)
    holder = (
        "import socket,sys; s=socket.create_server(('127.0.0.1',0));"
        "print(s.getsockname()[1],flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(["python3", "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdin
        port = int(other.stdout.readline())
        with running(host, tmp_path, old, "https://0.0.0.0:2379"):
            seen = look(host, tmp_path, port=port)
        with running(host, tmp_path, old, f"https://0.0.0.0:{port}"):
            own = look(host, tmp_path, port=port)
        other.stdin.close()
    assert [(number, str(other.pid) in who) for number, who in seen.listening] == [(port, True)]
    assert own.listening == (), "a port that the member serves on is its own"


NO_SYSTEMD = """#!/bin/sh
case "$*" in {failing}) echo 'Failed to get properties: Connection timed out' >&2; exit 1 ;; *) echo {pid} ;; esac
"""


@pytest.mark.parametrize(
    ("failing", "said"), [("show*", " (Failed to get properties: Connection timed out)"), ("*LoadState*", "")]
)
def test_a_host_whose_systemd_gives_no_answer_is_an_error_and_not_a_stopped_member(
    host: Namespace, tmp_path: Path, old: Path, failing: str, said: str
) -> None:
    activate(host, tmp_path, old)
    with running(host, tmp_path, old, "https://0.0.0.0:2379"):
        pid = (host.folder / "answers").read_text().strip()
        broken = tmp_path / "broken" / "systemctl"
        broken.parent.mkdir()
        broken.write_text(NO_SYSTEMD.format(failing=failing, pid=pid))
        broken.chmod(0o755)
        path = {"PATH": f"{broken.parent}:/usr/sbin:/usr/bin:/sbin:/bin"}
        host.out("mkdir -p /run/systemd/system")
        done = host.run(member_look(tmp_path), variables=path)
        host.out("rm -r /run/systemd")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"systemctl does not tell whether etcd runs there{said}. Nothing was changed; look at systemd on that host"
    )


def test_a_bootstrap_that_is_over_is_known_where_the_member_is_to_run(
    host: Namespace, tmp_path: Path, old: Path
) -> None:
    activate(host, tmp_path, old)
    new = tmp_path / "wanted"
    files = {"etcd.env": "", "etcd.service": "", "version": "3.6.14\n", "client-ca.pem": "", "peer-ca.pem": ""}
    stage(new, "revisions", "r2", {name: render.StagedFile(text) for name, text in files.items()})
    (new / "certificates").mkdir()
    activate(host, tmp_path, new, "r2", str(old))
    assert (new / "born").read_text() == (old / "born").read_text()
    (new / "born").write_text("cluster=c2\nmember=m2\n")
    activate(host, tmp_path, new, "r2", str(old))
    assert "c2" in (new / "born").read_text(), "what the directory knows itself counts"
