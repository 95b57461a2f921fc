"""Data and keys change to another account with the start that uses it, and back with the one that does not."""

import grp
import pwd
from pathlib import Path

import pytest

from etcd_cluster import scripts
from etcd_cluster.rendering import revision
from tests.unit.host_namespace import Namespace
from tests.unit.scripts.test_observe_place import activate, activation, programs, stage

OLD, NEW = "daemon", "nobody"


def group(user: str) -> str:
    """Return the group of an account of this machine, by name."""
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


@pytest.fixture
def config(tmp_path: Path, host: Namespace) -> Path:
    """Return the configuration directory of a member that runs as one account, with a revision for another one."""
    config = tmp_path / "etc"
    for name, user in (("r1", OLD), ("r2", NEW)):
        unit = f"User={user}\nGroup={group(user)}\nEnvironmentFile={config}/etcd.env\nExecStart={tmp_path}/bin/etcd\n"
        files = {
            "etcd.env": f'ETCD_DATA_DIR="{tmp_path}/data"\nETCD_WAL_DIR="{tmp_path}/log/wal"\n',
            "etcd.service": unit,
            "version": "3.6.14\n",
        }
        stage(config, "revisions", name, {each: revision.StagedFile(text) for each, text in files.items()})
    stage(config, "certificates", "c1", {"server-key.pem": revision.StagedFile("key", private=True)})
    programs(tmp_path / "opt" / "v3.6.14", tmp_path)
    for folder in ("data/member/snap", "log/wal"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data" / "lost+found").mkdir()
    (tmp_path / "data" / "member" / "snap" / "db").write_text("kept")
    (tmp_path / "log" / "wal" / "0.wal").write_text("kept")
    host.answer("0")
    activate(host, tmp_path, config)
    return config


def owners(tmp_path: Path) -> set[tuple[str, str]]:
    """Return who owns the data, its WAL and the keys."""
    data = {"data", "data/member", "data/member/snap/db", "log", "log/wal", "log/wal/0.wal"}
    return {("user", (tmp_path / each).owner()) for each in data} | {
        ("group", (tmp_path / "etc/certificates/c1/server-key.pem").group())
    }


def test_a_start_as_another_account_takes_data_and_keys_along(host: Namespace, tmp_path: Path, config: Path) -> None:
    assert owners(tmp_path) == {("user", OLD), ("group", group(OLD))}
    assert (tmp_path / "data" / "lost+found").owner() == "root"
    host.answer("42")
    activate(host, tmp_path, config, "r2")
    assert owners(tmp_path) == {("user", NEW), ("group", group(NEW))}
    assert "stop etcd.service" in host.called
    activate(host, tmp_path, config, "r1")
    assert owners(tmp_path) == {("user", OLD), ("group", group(OLD))}, "the way back"


def test_a_member_of_the_same_account_is_not_stopped(host: Namespace, tmp_path: Path, config: Path) -> None:
    host.answer("42")
    activate(host, tmp_path, config)
    assert "stop etcd.service" not in host.called


def test_what_is_only_put_back_in_place_stops_nothing(host: Namespace, tmp_path: Path, config: Path) -> None:
    host.answer("42")
    host.out(activation(tmp_path, config, "r2", then="runs"))
    assert "stop etcd.service" not in host.called and owners(tmp_path) == {("user", OLD), ("group", group(OLD))}


@pytest.mark.parametrize("script", ["activate", "relocate"])
def test_a_member_that_was_stopped_and_serves_by_now_is_not_stopped_again(
    host: Namespace, tmp_path: Path, config: Path, script: str
) -> None:
    host.answer("active")
    places = {"old_data": f"{tmp_path}/data", "old_wal": "", "new_data": f"{tmp_path}/elsewhere", "new_wal": ""}
    own = {"config": str(config), "user": "root", "group": "root"}
    texts = {
        "activate": activation(tmp_path, config, "r2", then="idle"),
        "relocate": scripts.script("relocate", **own, **places, idle="yes"),
    }
    done = host.run(texts[script])
    assert done.returncode == 1 and "etcd was started there since it was looked at" in done.stderr
    assert (config / "current").readlink() == Path("revisions/r1") and not (tmp_path / "elsewhere").exists()
    assert not {"stop etcd.service", "disable --quiet etcd.service"} & set(host.called)


def test_new_keys_are_readable_by_the_account_that_runs(host: Namespace, config: Path) -> None:
    stage(config, "certificates", "c2", {"server-key.pem": revision.StagedFile("key", private=True)})
    host.out(f"chown -R root:{group(NEW)} {config}/certificates/c2")
    host.answer("1")
    host.out(scripts.script("certificates", config=str(config), certificates="c2", here=str(config)))
    runs = Path("/proc/1").group()
    assert (config / "certificates" / "c2" / "server-key.pem").group() == runs
    assert (config / "certificates" / "current").readlink() == Path("c2")
