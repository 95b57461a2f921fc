"""The shell that runs on hosts, run for real in a mount namespace where this account may make one."""

import os
import shlex
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etcd_cluster import scripts
from etcd_cluster.observation.drop_ins import DropIn
from etcd_cluster.observation.facts import parse
from etcd_cluster.planning import Attempt
from etcd_cluster.rendering import revision as render
from tests.unit.host_namespace import Namespace
from tests.unit.programs import needs
from tests.unit.sent_scripts import observe

NAMES = sorted(path.stem for path in scripts.FOLDER.glob("*.sh"))
GUARDED = ("announce", "activate", "record_bootstrap", "certificates", "halt", "record_served", "start")


def archive(**files: str) -> bytes:
    return render.archive({name.replace("_", "."): render.StagedFile(text) for name, text in files.items()})


# all


@pytest.mark.parametrize("name", NAMES)
def test_every_script_is_shell_that_parses(name: str) -> None:
    values = dict.fromkeys(scripts.source(name).variables, "x")
    for text in (scripts.script(name, **values), scripts.guarded(name, holder="run-1", **values)):
        done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@needs("dash")
@pytest.mark.parametrize("name", NAMES)
def test_every_script_parses_in_a_shell_without_extensions(name: str) -> None:
    text = scripts.script(name, **dict.fromkeys(scripts.source(name).variables, "x"))
    done = subprocess.run(["dash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=8))
def test_no_value_of_a_variable_is_ever_run(values: list[str]) -> None:
    names = scripts.source("observe").variables[: len(values)]
    text = scripts.script(
        "observe", **{**dict.fromkeys(scripts.source("observe").variables, ""), **dict(zip(names, values, strict=True))}
    )
    head = text[: text.index("# lib.sh")]
    prints = "".join(f"printf '%s\\0' \"${name}\"\n" for name in names)
    done = subprocess.run(["sh", "-eu", "-s"], input=(head + prints).encode(), capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == values


def test_a_hostile_value_stays_text(tmp_path: Path) -> None:
    hostile = f"'; touch {tmp_path}/owned; echo $(touch {tmp_path}/owned) `touch {tmp_path}/owned` \"\n"
    head = scripts.script("record_served", config=hostile, revision=hostile, of=hostile).partition("# lib.sh")[0]
    subprocess.run(["sh", "-eu", "-s"], input=head, text=True, check=True)
    assert not (tmp_path / "owned").exists()


# lease and guard


def lease(host: Namespace, action: str, holder: str, seconds: int = 45, step_seconds: int = 120) -> str:
    return host.out(scripts.script("lease", action=action, me=holder, seconds=seconds, step_seconds=step_seconds))


def guarded(host: Namespace, holder: str) -> "subprocess.CompletedProcess[str]":
    text = scripts.guarded("halt", holder=holder).partition("# halt.sh")[0]
    return host.run(f"{text}\necho ran")


def test_one_run_at_a_time_holds_the_lease(host: Namespace) -> None:
    assert lease(host, "acquire", "run-1") == "granted"
    assert lease(host, "acquire", "run-2") == "held run-1 45"


def test_the_holder_renews_its_lease(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    host.set_uptime(1040)
    assert lease(host, "renew", "run-1") == "granted"
    host.set_uptime(1080)
    assert lease(host, "acquire", "run-2") == "held run-1 5"


def test_a_run_that_slept_renews_only_what_nobody_has_taken_since(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    host.set_uptime(1090)
    assert lease(host, "renew", "run-1") == "granted", "it was free all the time, so nothing has changed"
    host.set_uptime(1180)
    assert lease(host, "acquire", "run-2") == "granted"
    assert lease(host, "renew", "run-1") == "held run-2 45"
    lease(host, "release", "run-2")
    assert lease(host, "renew", "run-1") == "gone", "run-2 may have changed the cluster"


def test_a_lease_ends_by_the_hosts_own_uptime(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    host.set_uptime(1044)
    assert lease(host, "acquire", "run-2") == "held run-1 1"
    host.set_uptime(1045)
    assert lease(host, "acquire", "run-2") == "granted"


def test_a_released_lease_is_free(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    lease(host, "release", "run-1")
    assert lease(host, "acquire", "run-2") == "granted"


def test_a_run_cannot_release_the_lease_of_another(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    lease(host, "release", "run-2")
    assert lease(host, "acquire", "run-2").startswith("held run-1")


def test_a_guarded_script_runs_while_its_run_holds_the_lease(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    done = guarded(host, "run-1")
    assert (done.returncode, done.stdout) == (0, "ran\n")


@pytest.mark.parametrize("situation", ["never held", "taken over", "released", "rebooted", "ended"])
def test_a_guarded_script_of_a_run_without_the_lease_changes_nothing(host: Namespace, situation: str) -> None:
    if situation != "never held":
        lease(host, "acquire", "run-1")
    if situation == "taken over":
        host.set_uptime(2000)
        lease(host, "acquire", "run-2")
    if situation == "released":
        lease(host, "release", "run-1")
    if situation == "rebooted":
        host.out("rm -rf /run/etcd-cluster")
    if situation == "ended":
        host.set_uptime(1045)
    done = guarded(host, "run-1")
    assert done.returncode == 75 and "ran" not in done.stdout
    assert "another run has taken over this cluster, or may have" in done.stderr


@pytest.mark.parametrize("name", GUARDED)
def test_every_script_that_changes_a_member_can_be_guarded(host: Namespace, name: str) -> None:
    values = dict.fromkeys(scripts.source(name).variables, "/nonexistent")
    done = host.run(scripts.guarded(name, holder="run-1", **values))
    assert done.returncode == 75 and not host.called


@contextmanager
def step_under_way(host: Namespace, holder: str) -> Iterator[None]:
    """Have a guarded step of a run under way on the host."""
    text = scripts.guarded("halt", holder=holder).partition("# halt.sh")[0]
    shell = ["sh", "-euc", f"{text}\necho ready\nread -r _"]
    command = ["nsenter", f"--mount=/proc/{host.pid}/ns/mnt", *shell]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as step:
        assert step.stdin is not None and step.stdout is not None
        assert step.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            step.stdin.write(b"\n")
            step.stdin.close()
            assert step.wait(10) == 0


def test_a_running_step_holds_the_hosts_lock(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    with step_under_way(host, "run-1"):
        assert host.run("flock -n /run/etcd-cluster/lock true").returncode == 1
    assert host.run("flock -n /run/etcd-cluster/lock true").returncode == 0


def test_a_step_that_takes_longer_than_the_lease_does_not_keep_it_from_being_renewed(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    with step_under_way(host, "run-1"):
        host.set_uptime(1040)
        text = scripts.script("lease", action="renew", me="run-1", seconds=45, step_seconds=120)
        assert host.out('timeout 5 sh -euc "$1"', text) == "granted"
        host.set_uptime(1060)
        assert lease(host, "acquire", "run-2") == "held run-1 25"


def test_a_takeover_waits_for_the_step_that_a_gone_run_left(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    text = scripts.script("lease", action="acquire", me="run-2", seconds=45, step_seconds=120)
    command = 'timeout 1 sh -euc "$1"'
    with step_under_way(host, "run-1"):
        host.set_uptime(1045)
        assert host.run(command, text).returncode == 124
    assert host.out(command, text) == "granted"


def test_a_takeover_says_that_a_step_of_a_gone_run_does_not_end(host: Namespace) -> None:
    lease(host, "acquire", "run-1")
    with step_under_way(host, "run-1"):
        host.set_uptime(1045)
        assert lease(host, "acquire", "run-2", step_seconds=1) == "busy"
        assert lease(host, "acquire", "run-1", step_seconds=1) == "busy", "its run has a new hold after it"
    assert lease(host, "acquire", "run-2", step_seconds=1) == "granted"


# staging


def stage(host: Namespace, config: Path, name: str, content: bytes) -> "subprocess.CompletedProcess[str]":
    return host.run(scripts.script("stage", directory=f"{config}/revisions", name=name, group="root"), stdin=content)


def test_a_revision_is_staged_with_its_modes(host: Namespace, config: Path) -> None:
    assert stage(host, config, "r1", archive(etcd_env="A=1\n", version="3.6.16\n")).returncode == 0
    staged = config / "revisions" / "r1"
    assert (staged / "etcd.env").read_text() == "A=1\n"
    assert (staged.stat().st_mode & 0o777, (staged / "etcd.env").stat().st_mode & 0o777) == (0o755, 0o644)


def test_staging_twice_leaves_the_first_in_place(host: Namespace, config: Path) -> None:
    stage(host, config, "r1", archive(version="1"))
    before = (config / "revisions" / "r1").stat().st_ino
    assert stage(host, config, "r1", archive(version="1")).returncode == 0
    assert (config / "revisions" / "r1").stat().st_ino == before
    assert [path.name for path in (config / "revisions").iterdir()] == ["r1"], "nothing incoming is left"


def test_a_damaged_revision_is_staged_anew(host: Namespace, config: Path) -> None:
    stage(host, config, "r1", archive(version="1"))
    (config / "revisions" / "r1" / "version").write_text("tampered")
    stage(host, config, "r1", archive(version="1"))
    assert (config / "revisions" / "r1" / "version").read_text() == "1"


@pytest.mark.parametrize("content", [b"", b"no archive", archive(version="1")[:700]], ids=["none", "other", "cut"])
def test_an_archive_that_arrives_cut_stages_nothing(host: Namespace, config: Path, content: bytes) -> None:
    assert stage(host, config, "r1", content).returncode != 0
    assert list((config / "revisions").iterdir()) == []


def test_a_file_that_does_not_match_its_sum_stages_nothing(host: Namespace, config: Path) -> None:
    done = stage(host, config, "r1", archive(version="as staged").replace(b"as staged", b"as cooked"))
    assert done.returncode == 1 and "arrived damaged" in done.stderr
    assert list((config / "revisions").iterdir()) == []


# install


ETCD = "#!/bin/sh\necho 'etcd Version: 3.6.16'\n"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return a pushed archive, laid out as upstream's."""
    target = tmp_path / "opt" / "etcd-v3.6.16-linux-amd64.tar.gz"
    write_release(target, {"etcd": ETCD, "etcdctl": "#!/bin/sh\n", "etcdutl": "#!/bin/sh\n"})
    return target


def write_release(target: Path, files: Mapping[str, str]) -> None:
    target.parent.mkdir(exist_ok=True)
    with tarfile.open(target, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"etcd-v3.6.16-linux-amd64/{name}")
            entry.size = len(text)
            tar.addfile(entry, BytesIO(text.encode()))


def install(host: Namespace, release: Path, before: str = "", **changes: str) -> "subprocess.CompletedProcess[str]":
    variables: dict[str, str | int] = {
        "node": "a",
        "version": "3.6.16",
        "architecture": "amd64",
        "source": "push",
        "url": f"file://{release}",
        "archive": str(release),
        "sha256": host.out('sha256sum "$1" | cut -d " " -f 1', str(release)) if release.exists() else "0" * 64,
        "install_dir": str(release.parent),
        "proxy": "",
        "ca": "",
        "seconds": "60",
        "damage": "0",
    }
    return host.run(before + scripts.script("install", **{**variables, **changes}))


def installed(release: Path) -> list[str]:
    return sorted(path.name for path in release.parent.iterdir() if path.name != release.name)


def test_a_pushed_archive_is_installed_by_version_and_removed(host: Namespace, release: Path) -> None:
    done = install(host, release)
    assert (done.returncode, done.stderr) == (0, "")
    target = release.parent / "v3.6.16"
    assert sorted(path.name for path in target.iterdir()) == [
        "SHA256SUMS",
        "archive.sha256",
        "etcd",
        "etcdctl",
        "etcdutl",
        "untouched",
    ]
    assert (target / "etcd").stat().st_mode & 0o777 == 0o755
    assert installed(release) == ["v3.6.16"] and not release.exists()


@pytest.mark.parametrize("tool", ["curl", "wget"])
def test_a_mirror_that_is_out_for_a_moment_is_asked_again(host: Namespace, release: Path, tool: str) -> None:
    asked: list[str] = []

    class Mirror(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = release.read_bytes() if len(asked) > 1 else b"try later"
            self.send_response(200 if len(asked) > 1 else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    sha256 = host.out('sha256sum "$1" | cut -d " " -f 1', str(release))
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as mirror:
        threading.Thread(target=mirror.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{mirror.server_port}/etcd.tar.gz"
        lacking = "" if tool == "curl" else "command() { case $2 in curl) return 1 ;; esac; }\n"
        variables = {"source": "download", "url": url, "sha256": sha256}
        done = install(host, release, lacking, **variables)
        mirror.shutdown()
    assert (done.returncode, done.stdout) == (0, "")
    assert len(asked) == 2 and "v3.6.16" in installed(release)


def test_an_install_that_is_there_and_whole_is_left_alone(host: Namespace, release: Path) -> None:
    sha256 = host.out('sha256sum "$1" | cut -d " " -f 1', str(release))
    install(host, release)
    before = (release.parent / "v3.6.16").stat().st_ino
    assert install(host, release, sha256=sha256).returncode == 0, "the archive is gone and not needed"
    assert (release.parent / "v3.6.16").stat().st_ino == before


def test_a_damaged_install_is_made_anew(host: Namespace, release: Path) -> None:
    content = release.read_bytes()
    install(host, release)
    (release.parent / "v3.6.16" / "etcd").unlink()
    release.write_bytes(content)
    assert install(host, release, damage="1").returncode == 0
    assert (release.parent / "v3.6.16" / "etcd").read_text() == ETCD


def binaries_whole(host: Namespace, release: Path) -> bool:
    """Return what a look at the host says of the installed binaries."""
    return parse(host.out(observe("/none", install=release.parent, depth="deep")), 0, 0).binaries_whole


def test_binaries_that_nobody_touched_are_not_hashed(host: Namespace, release: Path) -> None:
    install(host, release)
    sums = release.parent / "v3.6.16" / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("  etcd\n", "  elsewhere\n"))
    assert binaries_whole(host, release), "the sums, which no longer hold, were not looked at"


@pytest.mark.parametrize("name", ["etcd", "etcdctl", "etcdutl"])
def test_a_binary_that_was_changed_in_place_shows(host: Namespace, release: Path, name: str) -> None:
    install(host, release)
    binary = release.parent / "v3.6.16" / name
    before = binary.stat()
    with binary.open("r+b") as file:
        file.write(b"%")
    os.utime(binary, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = binary.stat()
    assert (after.st_size, after.st_ino, after.st_mtime_ns) == (before.st_size, before.st_ino, before.st_mtime_ns)
    assert not binaries_whole(host, release)


def test_a_binary_that_is_missing_shows(host: Namespace, release: Path) -> None:
    install(host, release)
    (release.parent / "v3.6.16" / "etcdutl").unlink()
    assert not binaries_whole(host, release)


def test_an_install_that_may_not_be_on_the_disk_yet_is_hashed(host: Namespace, release: Path) -> None:
    host.out('mount --bind /bin/false "$(command -v sync)"')
    assert install(host, release).returncode == 0
    assert not (release.parent / "v3.6.16" / "untouched").exists()
    assert binaries_whole(host, release)


def test_an_empty_note_of_the_install_tells_nothing(host: Namespace, release: Path) -> None:
    install(host, release)
    target = release.parent / "v3.6.16"
    (target / "untouched").write_text("")
    assert binaries_whole(host, release)
    for name in ("etcd", "etcdctl", "etcdutl"):
        (target / name).unlink()
    assert not binaries_whole(host, release)


def test_binaries_that_were_copied_are_hashed(host: Namespace, release: Path) -> None:
    install(host, release)
    target = release.parent / "v3.6.16"
    (target / "copy").write_text(ETCD)
    (target / "copy").rename(target / "etcd")
    assert binaries_whole(host, release)
    (target / "etcd").write_text("other")
    assert not binaries_whole(host, release)


def test_an_archive_with_another_sum_is_not_used(host: Namespace, release: Path) -> None:
    done = install(host, release, sha256="f" * 64)
    assert done.returncode == 1 and installed(release) == []
    assert done.stderr.startswith("a: the archive of etcd 3.6.16 (amd64) has SHA-256 ")
    assert f"but {'f' * 64} is pinned. Do not use it" in done.stderr


def test_an_archive_of_another_version_is_not_used(host: Namespace, release: Path) -> None:
    done = install(host, release, version="3.6.14")
    assert done.returncode == 1 and installed(release) == []
    assert "a: the archive holds etcd Version: 3.6.16, not 3.6.14" in done.stderr


def test_binaries_that_do_not_run_here_are_not_used(host: Namespace, release: Path) -> None:
    write_release(release, {"etcd": "#!/no/such/shell\n", "etcdctl": "", "etcdutl": ""})
    done = install(host, release)
    assert done.returncode == 1 and installed(release) == []
    assert "a: etcd 3.6.16 does not run here" in done.stderr and "nodes.a.architecture" in done.stderr


def test_a_mount_that_no_program_may_be_run_from_is_told(host: Namespace, release: Path) -> None:
    folder = release.parent
    host.out('mount --bind "$1" "$1" && mount -o remount,bind,noexec "$1"', str(folder))
    done = install(host, release)
    assert done.returncode == 1
    assert f"a: no program may be run from {folder}" in done.stderr and "noexec" in done.stderr
    assert "architecture" not in done.stderr


def test_an_archive_that_lacks_a_binary_is_not_used(host: Namespace, release: Path) -> None:
    write_release(release, {"etcd": ETCD, "etcdctl": ""})
    done = install(host, release)
    assert done.returncode == 1 and installed(release) == []
    assert "has no etcdutl" in done.stderr


def test_an_archive_that_was_not_pushed_is_named(host: Namespace, release: Path) -> None:
    release.unlink()
    done = install(host, release)
    assert done.returncode == 1 and f"the pushed archive {release} is not there" in done.stderr


@needs("curl")
def test_a_download_that_fails_names_its_address_and_what_to_do(host: Namespace, release: Path) -> None:
    done = install(host, release, source="download", url="http://127.0.0.1:1/etcd.tar.gz")
    assert done.returncode == 1 and installed(release) == []
    assert "a: cannot download http://127.0.0.1:1/etcd.tar.gz. Check binaries.url" in done.stderr


@needs("curl")
def test_a_download_is_installed(host: Namespace, release: Path) -> None:
    assert install(host, release, source="download").returncode == 0
    assert installed(release) == ["v3.6.16"]


# birth


def announce(
    host: Namespace, config: Path, data: Path, wal: str = "", text: str = "", own: str = "keep"
) -> "subprocess.CompletedProcess[str]":
    stdin = (text or Attempt("t1", "a=https://192.0.2.1:2380").text()).encode()
    return host.run(scripts.script("announce", config=str(config), data=str(data), wal=wal, own=own), stdin=stdin)


def test_an_attempt_is_announced_word_for_word(host: Namespace, config: Path, tmp_path: Path) -> None:
    assert announce(host, config, tmp_path / "data").returncode == 0
    assert Attempt.parse((config / "attempt").read_text()) == Attempt("t1", "a=https://192.0.2.1:2380")
    assert not host.called, "nothing runs yet"


def test_announcing_the_same_attempt_again_moves_nothing(host: Namespace, config: Path, tmp_path: Path) -> None:
    announce(host, config, tmp_path / "data")
    (tmp_path / "data" / "member").mkdir(parents=True)
    assert announce(host, config, tmp_path / "data").returncode == 0
    assert (tmp_path / "data" / "member").is_dir() and not host.called


def test_another_attempt_moves_the_leftovers_aside_and_removes_nothing(
    host: Namespace, config: Path, tmp_path: Path
) -> None:
    announce(host, config, tmp_path / "data")
    snapshots = tmp_path / "data" / "member" / "snap"
    snapshots.mkdir(parents=True)
    (snapshots / "db").write_text("kept")
    assert announce(host, config, tmp_path / "data", text="attempt=t2\ncluster=b").returncode == 0
    (aside,) = (tmp_path / "data").iterdir()
    assert aside.name.startswith("unborn-") and (aside / "snap" / "db").read_text() == "kept"
    assert host.called == ["stop etcd.service", "reset-failed etcd.service"]


def test_what_is_not_of_the_attempt_moves_aside(host: Namespace, config: Path, tmp_path: Path) -> None:
    announce(host, config, tmp_path / "data")
    (tmp_path / "data" / "member").mkdir(parents=True)
    assert announce(host, config, tmp_path / "data", own="aside").returncode == 0
    (aside,) = (tmp_path / "data").iterdir()
    assert aside.name.startswith("unborn-") and (config / "attempt").exists()


def test_nothing_is_announced_where_a_cluster_was_born(host: Namespace, config: Path, tmp_path: Path) -> None:
    (config / "born").write_text("cluster=beef\n")
    done = announce(host, config, tmp_path / "data")
    assert done.returncode == 1 and "a cluster was bootstrapped here already" in done.stderr
    assert not (config / "attempt").exists()


def test_a_birth_is_recorded_and_the_bootstrap_environment_goes(host: Namespace, config: Path) -> None:
    (config / "bootstrap.env").write_text("x")
    host.out(scripts.script("record_bootstrap", config=str(config)), stdin=b"cluster=beef\nmember=1\n")
    assert (config / "born").read_text() == "cluster=beef\nmember=1\n"
    assert not (config / "bootstrap.env").exists()


def test_a_birth_starts_with_its_bootstrap_environment(host: Namespace, config: Path) -> None:
    host.answer("invocation-1")
    assert host.out(scripts.script("start", config=str(config), verb="start"), stdin=b"ETCD_X=1\n") == "invocation-1"
    assert (config / "bootstrap.env").read_text() == "ETCD_X=1\n"
    assert host.called[-1] == "start --no-block etcd.service"


def test_an_ordinary_start_has_no_bootstrap_environment(host: Namespace, config: Path) -> None:
    (config / "bootstrap.env").write_text("ETCD_INITIAL_CLUSTER_STATE=new\n")
    host.out(scripts.script("start", config=str(config), verb="restart"))
    assert not (config / "bootstrap.env").exists()
    assert host.called[-1] == "restart --no-block etcd.service"


def test_a_unit_that_waits_for_its_automatic_restart_is_restarted_at_once(host: Namespace, config: Path) -> None:
    host.answer("auto-restart")
    host.out(scripts.script("start", config=str(config), verb="start"))
    assert host.called[-1] == "restart --no-block etcd.service", "a start would count as one more failed attempt"


def test_a_start_takes_up_that_a_drop_in_is_gone(host: Namespace, config: Path) -> None:
    host.answer("yes")
    host.out(scripts.script("start", config=str(config), verb="restart"))
    assert host.called[-2:] == ["daemon-reload", "restart --no-block etcd.service"]


def test_a_look_finds_drop_ins_of_a_unit_that_is_not_there_yet(host: Namespace, tmp_path: Path) -> None:
    own, all_services = "/etc/systemd/system/etcd.service.d", "/run/systemd/system/service.d"
    host.out(f"mkdir -p {own} {all_services}; printf '[Service]\\nNice=5\\n' >{all_services}/b.conf")
    host.out(f"ln -s /dev/null {own}/z.conf; printf '[Service]\\nEnvironment=A=b\\n' >'{own}/a b.conf'")
    host.answer("0")
    out = host.out(observe(tmp_path / "etc", tmp_path / "data"))
    ours = [each for each in parse(out, 0, 0).drop_ins if "/usr/lib/" not in each.path and "/lib/" not in each.path]
    assert ours == [
        DropIn(f"{own}/a b.conf", "[Service]\nEnvironment=A=b\n"),
        DropIn(f"{own}/z.conf", ""),
        DropIn(f"{all_services}/b.conf", "[Service]\nNice=5\n"),
    ]


# activation


@pytest.fixture
def staged(host: Namespace, config: Path, tmp_path: Path, release: Path) -> dict[str, str]:
    """Return activate.sh's variables for revision r1, with all of it staged and installed."""
    install(host, release)
    content = archive(etcd_env="A=1\n", etcd_service="[Unit]\n", version="3.6.16\n")
    for name in ("r1", "r2"):
        assert stage(host, config, name, content).returncode == 0
    host.out(
        scripts.script("stage", directory=f"{config}/certificates", name="c1", group="root"),
        stdin=archive(server_pem="leaf\n"),
    )
    places = {name: str(tmp_path / name) for name in ("bin", "data", "wal")}
    own = {"config": str(config), "revision": "r1", "certificates": "c1", "former": str(config), "then": "starts"}
    return {**own, **places, "install": str(release.parent), "user": "root", "group": "root"}


def removal(staged: dict[str, str], purge: str, **changes: str) -> str:
    places = {name: staged[name] for name in ("config", "install", "bin", "data", "wal")}
    return scripts.script("release", **{**places, **changes}, host_id="mine", purge=purge)


def test_an_activated_revision_is_what_the_next_start_uses(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path
) -> None:
    host.out(scripts.script("activate", **staged))
    assert (config / "etcd.env").read_text() == "A=1\n"
    assert (config / "certificates" / "current" / "server.pem").read_text() == "leaf\n"
    assert (tmp_path / "bin" / "etcd").readlink() == tmp_path / "opt" / "v3.6.16" / "etcd"
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("data", "wal")] == [0o700, 0o700]
    assert host.out("cat /etc/systemd/system/etcd.service") == "[Unit]"
    assert host.called == ["is-enabled --quiet etcd.service", "daemon-reload"], "the stub says that it is enabled"


def test_an_activation_ends_a_move(host: Namespace, config: Path, staged: dict[str, str]) -> None:
    (config / "moving").write_text("data=/somewhere\n")
    host.out(scripts.script("activate", **staged))
    assert not (config / "moving").exists()


def test_a_look_shows_what_the_member_runs_where_a_switch_was_interrupted(
    host: Namespace, config: Path, staged: dict[str, str]
) -> None:
    host.out(scripts.script("activate", **staged))
    host.out(scripts.script("record_served", config=str(config), revision="r1", of=str(config)))
    host.out(scripts.script("activate", **{**staged, "revision": "r2"}))
    (config / "revisions" / "r2" / "etcd.env").write_text("A=2\n")
    with subprocess.Popen(["sleep", "60"], env={"MEMBER_REVISION": "r1"}) as member:
        host.answer(str(member.pid))
        seen = parse(host.out(observe(config)), 0, 0)
        member.kill()
    assert (seen.running_revision, seen.active_revision, seen.is_switched) == ("r1", "r2", True)
    assert seen.active_environment == "A=1\n"
    assert (seen.served_revision, seen.served_version, seen.is_unproven) == ("r1", "3.6.16", False)


def test_the_revision_that_served_is_remembered_beside_the_active_one(
    host: Namespace, config: Path, staged: dict[str, str]
) -> None:
    host.out(scripts.script("activate", **staged))
    host.out(scripts.script("record_served", config=str(config), revision="r1", of=str(config)))
    host.out(scripts.script("activate", **{**staged, "revision": "r2"}))
    assert [(config / link).readlink().name for link in ("served", "current")] == ["r1", "r2"]


@pytest.mark.parametrize("path", ["etc/revisions/r1/etcd.env", "etc/revisions/r1/version"])
def test_a_damaged_file_activates_nothing(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path, path: str
) -> None:
    (tmp_path / path).write_text("tampered")
    done = host.run(scripts.script("activate", **staged))
    assert done.returncode == 1 and done.stderr
    assert not (config / "current").exists() and not host.called


def test_files_in_a_data_directory_keep_their_owner_and_mode(
    host: Namespace, staged: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir(mode=0o750)
    (tmp_path / "data" / "member").mkdir()
    host.out(scripts.script("activate", **staged))
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o750, "nothing is changed below a directory with data"


def test_certificates_switch_without_a_restart(host: Namespace, config: Path, staged: dict[str, str]) -> None:
    host.out(scripts.script("activate", **staged))
    before = host.called
    host.out(
        scripts.script("stage", directory=f"{config}/certificates", name="c2", group="root"),
        stdin=archive(server_pem="new leaf\n"),
    )
    host.out(scripts.script("certificates", config=str(config), certificates="c2", here=str(config)))
    assert (config / "certificates" / "current" / "server.pem").read_text() == "new leaf\n"
    assert host.called == [*before, "show -p MainPID --value etcd.service"]


def test_leafs_come_where_the_member_runs_while_its_directory_changes(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path
) -> None:
    assert staged
    running = tmp_path / "running"
    host.out(
        scripts.script("stage", directory=f"{config}/certificates", name="c2", group="root"),
        stdin=archive(server_pem="new leaf\n"),
    )
    (running / "certificates" / "c1").mkdir(parents=True)
    (running / "certificates" / "current").symlink_to("c1")
    for _ in range(2):
        host.out(scripts.script("certificates", config=str(config), certificates="c2", here=str(running)))
        assert (running / "certificates" / "current").readlink() == Path("c2")
        assert (running / "certificates" / "c2" / "SHA256SUMS").exists()


def test_certificates_that_are_not_staged_whole_are_not_used(
    host: Namespace, config: Path, staged: dict[str, str]
) -> None:
    host.out(scripts.script("activate", **staged))
    done = host.run(scripts.script("certificates", config=str(config), certificates="missing", here=str(config)))
    assert done.returncode == 1 and (config / "certificates" / "current").readlink() == Path("c1")


# removal


def test_stopping_and_removing_leave_a_host_with_another_stamp_alone(
    host: Namespace, config: Path, staged: dict[str, str]
) -> None:
    (config / "owner").write_text("cluster=c\nhost=other\n")
    assert host.out(scripts.script("stop", config=str(config), host_id="mine")) == "foreign"
    assert host.out(removal(staged, "yes")) == "foreign"
    assert (config / "revisions" / "r1").is_dir() and not host.called


def test_a_removal_takes_what_was_made_and_keeps_the_data(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path
) -> None:
    (config / "owner").write_text("cluster=c\nhost=mine\n")
    (config / "made").write_text(f"directory {config}\n")
    host.out(scripts.script("activate", **staged))
    host.out(scripts.script("record_served", config=str(config), revision="r1", of=str(config)))
    (tmp_path / "data" / "member").mkdir()
    (tmp_path / "bin" / "kubectl").write_text("somebody else's")
    assert host.out(removal(staged, "no")) == "removed"
    assert not config.exists() and not (tmp_path / "opt" / "v3.6.16").exists()
    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["kubectl"]
    assert (tmp_path / "data" / "member").is_dir()


def test_a_purge_removes_the_member_from_its_directory(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path
) -> None:
    (config / "owner").write_text("cluster=c\nhost=mine\n")
    host.out(scripts.script("activate", **staged))
    (tmp_path / "data" / "member").mkdir()
    (tmp_path / "data" / "notes").write_text("somebody else's")
    host.out(removal(staged, "yes"))
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["notes"]


def moved(host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Claim the host for a member whose directories all changed; return the new ones as scripts name them."""
    (config / "owner").write_text("cluster=c\nhost=mine\n")
    (config / "made").write_text(f"directory {config}\ndirectory {staged['install']}\n")
    host.out(scripts.script("activate", **staged))
    new = {name: str(tmp_path / f"new-{name}") for name in ("config", "install", "bin")}
    new |= {"data": str(tmp_path / "data"), "wal": ""}
    former = {f"former_{name}": staged.get(name, "") for name in ("config", "install", "bin")}
    claim = scripts.script("claim", **new, **former, former_data=new["data"], former_wal="", user="root", group="root")
    for _ in range(2):
        stamp = b"cluster=c\nhost=mine\n"
        host.out(claim, stdin=stamp)
    return new


def test_directories_that_the_settings_left_go_once_nothing_uses_them(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path
) -> None:
    new = moved(host, config, staged, tmp_path)
    assert (Path(new["config"]) / "made").read_text().count("former ") == 1
    assert parse(host.out(observe(**new)), 0, 0).has_former
    unit = f"[Service]\nEnvironmentFile={config}/etcd.env\nExecStart={staged['bin']}/etcd\n"
    host.out("cat >/etc/systemd/system/etcd.service", stdin=unit.encode())
    with subprocess.Popen(["sleep", "60"], env={"ETCD_CERT_FILE": f"{config}/certificates/current/a.pem"}) as member:
        host.answer(str(member.pid))
        assert host.out(scripts.script("clear_former_directories", **new)) == ""
        member.kill()
    host.answer("0")
    assert host.out(scripts.script("clear_former_directories", **new)) == ""
    assert (config / "certificates" / "c1" / "server.pem").exists(), "the next start would use it"
    unit = f"[Service]\nEnvironmentFile={new['config']}/etcd.env\nExecStart={new['bin']}/etcd\n"
    host.out("cat >/etc/systemd/system/etcd.service", stdin=unit.encode())
    assert host.out(scripts.script("clear_former_directories", **new)) == str(config)
    assert not config.exists() and not (tmp_path / "opt" / "v3.6.16").exists()
    assert not (tmp_path / "bin" / "etcd").is_symlink()
    assert "former" not in (Path(new["config"]) / "made").read_text()
    assert (Path(new["config"]) / "owner").exists()


def test_directories_that_are_taken_back_before_any_start_go_too(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path
) -> None:
    (config / "owner").write_text("cluster=c\nhost=mine\n")
    (config / "made").write_text(f"directory {config}\n")
    host.out(scripts.script("activate", **staged))
    own = {name: staged[name] for name in ("config", "install", "bin", "data")} | {"wal": ""}
    unit = f"[Service]\nEnvironmentFile={config}/etcd.env\nExecStart={staged['bin']}/etcd\n"
    host.out("cat >/etc/systemd/system/etcd.service", stdin=unit.encode())
    away = {name: str(tmp_path / "new" / name) for name in ("config", "install", "bin", "data", "wal")}

    def claim(wanted: dict[str, str], before: dict[str, str]) -> None:
        former = {f"former_{name}": path for name, path in before.items()}
        text = scripts.script("claim", **wanted, **former, user="root", group="root")
        host.out(text, stdin=b"cluster=c\nhost=mine\n")

    claim(away, own)
    # What is staged, installed and tried there
    key = Path(away["config"]) / "certificates" / "c2" / "server-key.pem"
    key.parent.mkdir(parents=True)
    key.write_text("a private key")
    (Path(away["install"]) / "v3.6.16").mkdir()
    (Path(away["install"]) / "v3.6.16" / "SHA256SUMS").touch()
    make = scripts.script("clear_former_directories", **away).partition("\nclear_former ")[0]
    for name in ("data", "wal"):
        host.out(f"{make}\nmake_directory {away[name]}")
    claim(own, away)
    assert parse(host.out(observe(**own)), 0, 0).has_former
    assert host.out(scripts.script("clear_former_directories", **own)) == away["config"]
    assert not (tmp_path / "new").exists()
    assert (config / "certificates" / "c1" / "server.pem").exists() and (tmp_path / "data").is_dir()
    assert not parse(host.out(observe(**own)), 0, 0).has_former
    assert str(tmp_path / "new") not in (config / "made").read_text()


def test_a_directory_that_stays_in_use_is_not_looked_at_for_ever(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path
) -> None:
    new = moved(host, config, staged, tmp_path)
    unit = f"[Service]\nEnvironmentFile={new['config']}/etcd.env\nReadOnlyPaths={config}/list.crl\n"
    host.out("cat >/etc/systemd/system/etcd.service", stdin=unit.encode())
    for _ in range(2):
        assert host.out(scripts.script("clear_former_directories", **new)) == ""
        assert not parse(host.out(observe(**new)), 0, 0).has_former
    assert (config / "certificates").is_dir()
    host.out("rm /etc/systemd/system/etcd.service")
    assert host.out(scripts.script("clear_former_directories", **new)) == str(config)


def test_a_removal_takes_the_directories_that_were_left_too(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path
) -> None:
    new = moved(host, config, staged, tmp_path)
    unit = f"[Service]\nEnvironmentFile={config}/etcd.env\n"
    host.out("cat >/etc/systemd/system/etcd.service", stdin=unit.encode())
    assert host.out(removal(staged, "no", **new)) == "removed"
    assert not config.exists() and not Path(new["config"]).exists() and not (tmp_path / "opt" / "v3.6.16").exists()
    assert host.out("ls /etc/systemd/system") == ""


def test_a_former_directory_of_another_claim_stays(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path
) -> None:
    new = moved(host, config, staged, tmp_path)
    (config / "owner").write_text("cluster=c\nhost=other\n")
    host.out("rm /etc/systemd/system/etcd.service")
    assert host.out(scripts.script("clear_former_directories", **new)) == ""
    assert (config / "certificates" / "c1").is_dir()


@pytest.mark.parametrize("purge", ["yes", "no"])
def test_a_purge_removes_the_snapshots_that_were_saved(
    host: Namespace, config: Path, staged: dict[str, str], tmp_path: Path, purge: str
) -> None:
    (config / "owner").write_text("cluster=c\nhost=mine\n")
    host.out(scripts.script("activate", **staged))
    tools, kept = tmp_path / "tools", tmp_path / "snapshots"
    tools.mkdir()
    for name, text in {"etcdctl": 'for file; do :; done; echo all >"$file"', "etcdutl": ":"}.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    saved = host.out(
        scripts.script(
            "snapshot",
            config=str(config),
            bin=str(tools),
            endpoint="https://127.0.0.1:2379",
            directory=str(kept),
            keep="3",
            kilobytes="1",
        )
    )
    assert Path(saved).exists() and kept.stat().st_mode & 0o777 == 0o700
    (kept / "mine.db").write_text("somebody else's")
    host.out(removal(staged, purge))
    assert Path(saved).exists() == (purge == "no")
    assert (kept / "mine.db").exists()


def test_a_host_that_was_never_claimed_is_left_alone(host: Namespace, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert (
        host.out(
            scripts.script(
                "release",
                config=nowhere,
                install=nowhere,
                bin=nowhere,
                data=nowhere,
                wal="",
                host_id="mine",
                purge="yes",
            )
        )
        == "gone"
    )


def test_hostile_paths_are_only_ever_paths(host: Namespace, tmp_path: Path) -> None:
    config = tmp_path / "a b; touch owned $(touch owned)"
    config.mkdir()
    host.out(
        f"cd {shlex.quote(str(tmp_path))}\n{scripts.script('record_bootstrap', config=str(config))}",
        stdin=b"cluster=1\n",
    )
    assert (config / "born").exists() and not (tmp_path / "owned").exists()
