"""The scripts that move a member's data, set it aside, or save a snapshot of it, run for real in a mount namespace."""

from pathlib import Path

import pytest

from etcd_cluster import scripts
from etcd_cluster.observation.facts import HostFacts, parse
from tests.unit.host_namespace import Namespace
from tests.unit.samples import WAL_HEAD, WAL_IDENTITY
from tests.unit.sent_scripts import observe


def fill(data: Path, wal: Path | None = None) -> None:
    """Make a member's data as etcd leaves it."""
    (data / "member" / "snap").mkdir(parents=True)
    (data / "member" / "snap" / "db").write_text("the data")
    folder = wal or data / "member" / "wal"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0.wal").write_text("the log")


def whole(data: Path, wal: Path | None = None) -> bool:
    """Tell whether a member's data is all there."""
    log = (wal or data / "member" / "wal") / "0.wal"
    db = data / "member" / "snap" / "db"
    return db.exists() and log.exists() and (db.read_text(), log.read_text()) == ("the data", "the log")


# relocate


def relocate(host: Namespace, config: Path, old: tuple[Path, str], new: tuple[Path, str]) -> None:
    host.out(relocation(config, old[0], old[1], new[0], new[1]))


def relocation(config: Path, old: Path | str, old_wal: str, new: Path | str, new_wal: str) -> str:
    places = {"config": str(config), "old_data": str(old), "old_wal": old_wal, "new_data": str(new), "new_wal": new_wal}
    return scripts.script("relocate", **places, user="root", group="root", idle="no")


def test_data_moves_while_the_member_is_stopped(host: Namespace, config: Path, tmp_path: Path) -> None:
    fill(tmp_path / "old")
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / "new", ""))
    assert whole(tmp_path / "new") and not (tmp_path / "old" / "member").exists()
    assert host.called == ["disable --quiet etcd.service", "stop etcd.service"], "a reboot must not start half of it"
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_log_moves_out_of_the_data_and_back(host: Namespace, config: Path, tmp_path: Path) -> None:
    data, wal = tmp_path / "data", tmp_path / "log" / "wal"
    fill(data)
    relocate(host, config, (data, ""), (data, str(wal)))
    assert whole(data, wal) and not (data / "member" / "wal").exists()
    relocate(host, config, (data, str(wal)), (data, ""))
    assert whole(data) and not wal.exists()


def test_both_move_at_once(host: Namespace, config: Path, tmp_path: Path) -> None:
    fill(tmp_path / "old", tmp_path / "old-log" / "wal")
    new_wal = tmp_path / "new-log" / "wal"
    relocate(host, config, (tmp_path / "old", f"{tmp_path}/old-log/wal"), (tmp_path / "new", str(new_wal)))
    assert whole(tmp_path / "new", new_wal)


def test_a_move_to_another_file_system_keeps_the_source_under_another_name(
    host: Namespace, config: Path, tmp_path: Path
) -> None:
    """The namespace's /run is a file system of its own."""
    fill(tmp_path / "old")
    host.out(relocation(config, tmp_path / "old", "", "/run/new", ""))
    assert host.out("cat /run/new/member/snap/db /run/new/member/wal/0.wal; rm -rf /run/new") == "the datathe log"
    kept = sorted(path.name.partition("-")[0] for path in (tmp_path / "old").iterdir())
    assert kept == ["member.moved", "wal.moved"]


def test_what_is_in_the_way_is_renamed(host: Namespace, config: Path, tmp_path: Path) -> None:
    fill(tmp_path / "old")
    (tmp_path / "new" / "member").mkdir(parents=True)
    (tmp_path / "new" / "member" / "notes").write_text("somebody else's")
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / "new", ""))
    (former,) = (tmp_path / "new").glob("member.before-*")
    assert whole(tmp_path / "new") and (former / "notes").read_text() == "somebody else's"


def log_on_its_way(config: Path, folder: Path) -> tuple[Path, Path]:
    """Leave a move as a power cut after its first step does; return the old data directory and the new one."""
    old, new = folder / "old", folder / "new"
    fill(old)
    new.mkdir()
    (config / "moving").write_text(f"{new}\n\n")
    (old / "member" / "wal").rename(new / "wal-on-its-way")
    return old, new


@pytest.mark.parametrize("moved", ["the log", "the log and the data"])
@pytest.mark.parametrize("wanted", ["new", "old", "third"])
def test_a_move_that_was_interrupted_is_finished(
    host: Namespace, config: Path, tmp_path: Path, moved: str, wanted: str
) -> None:
    """As a power cut leaves it: what entered the new place is never whole before the log is there."""
    old, new = log_on_its_way(config, tmp_path)
    if moved == "the log and the data":
        (old / "member").rename(new / "member")
    assert not whole(new)
    relocate(host, config, (old, ""), (tmp_path / wanted, ""))
    assert whole(tmp_path / wanted) and not list(tmp_path.glob("*/wal-on-its-way"))


def test_a_copy_whose_source_was_not_renamed_any_more_is_the_one_that_counts(
    host: Namespace, config: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    fill(old)
    (new / "wal-on-its-way").mkdir(parents=True)
    (new / "wal-on-its-way" / "0.wal").write_text("the log")
    (old / "member" / "wal" / "0.wal").write_text("as it was")
    (config / "moving").write_text(f"{new}\n\n")
    relocate(host, config, (old, ""), (new, ""))
    assert whole(new)


def test_a_move_whose_way_back_was_interrupted_too_is_still_found(
    host: Namespace, config: Path, tmp_path: Path
) -> None:
    active_in(config, tmp_path / "old")
    fill(tmp_path / "new")
    (tmp_path / "new" / "member" / "wal" / "0.wal").write_bytes(WAL_HEAD)
    (config / "moving").write_text(f"{tmp_path}/old\n\n{tmp_path}/new\n\n")
    assert look(host, config, tmp_path / "old").wal == WAL_IDENTITY
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / "old", ""))
    assert (tmp_path / "old" / "member" / "wal" / "0.wal").read_bytes() == WAL_HEAD


@pytest.mark.parametrize("wanted", ["old", "third"])
def test_a_move_that_failed_before_anything_left_can_be_taken_back(
    host: Namespace, config: Path, tmp_path: Path, wanted: str
) -> None:
    active_in(config, tmp_path / "old")
    fill(tmp_path / "old")
    (tmp_path / "new").write_text("a file is in the way")
    assert host.run(relocation(config, tmp_path / "old", "", tmp_path / "new", "")).returncode != 0
    seen = look(host, config, tmp_path / wanted)
    assert seen.has_wal and not seen.is_moving, "so the member starts where it is, or moves to the third place"
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / wanted, ""))
    assert whole(tmp_path / wanted)


def test_what_lay_in_a_place_whose_move_failed_is_never_taken_for_the_members(
    host: Namespace, config: Path, tmp_path: Path
) -> None:
    """The new place holds an old copy; the move there is cut short at its copy, the next goes to a third place."""
    active_in(config, tmp_path / "old")
    fill(tmp_path / "old")
    host.out("mkdir -p /run/copy/member/wal && echo stale >/run/copy/member/wal/0.wal")
    (host.folder / "bin" / "cp").write_text("#!/bin/sh\nexit 1\n")
    (host.folder / "bin" / "cp").chmod(0o755)
    assert host.run(relocation(config, tmp_path / "old", "", "/run/copy", "")).returncode == 1
    (host.folder / "bin" / "cp").unlink()
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / "third", ""))
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / "third", ""))
    assert whole(tmp_path / "third")
    assert "before-" in host.out("ls /run/copy; rm -rf /run/copy")


def test_a_failed_start_at_the_old_place_does_not_displace_what_has_moved(
    host: Namespace, config: Path, tmp_path: Path
) -> None:
    active_in(config, tmp_path / "old")
    fill(tmp_path / "old")
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / "new", ""))
    (tmp_path / "old" / "member" / "snap").mkdir(parents=True)
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / "new", ""))
    assert whole(tmp_path / "new")
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / "old", ""))
    assert whole(tmp_path / "old")


def test_a_log_that_once_was_on_its_way_does_not_count_without_a_note(
    host: Namespace, config: Path, tmp_path: Path
) -> None:
    active_in(config, tmp_path / "old")
    fill(tmp_path / "old")
    (tmp_path / "old" / "member" / "wal" / "0.wal").write_bytes(WAL_HEAD)
    (tmp_path / "old" / "wal-on-its-way").mkdir()
    (tmp_path / "old" / "wal-on-its-way" / "0.wal").write_text("a removed member's")
    seen = look(host, config, tmp_path / "old")
    assert seen.wal == WAL_IDENTITY and not seen.is_moving


def test_a_log_that_is_copied_is_not_copied_again_with_the_data(host: Namespace, config: Path, tmp_path: Path) -> None:
    fill(tmp_path / "old")
    (tmp_path / "old" / "member" / "wal" / "0.wal").write_bytes(b"x" * 400_000)
    host.out("mkdir -p /run/small && mount -t tmpfs -o size=800k tmpfs /run/small")
    host.out(relocation(config, tmp_path / "old", "", "/run/small/new", ""))
    assert host.out("ls /run/small/new/member; umount /run/small").split() == ["snap", "wal"]


def test_a_member_that_leaves_in_the_middle_of_a_move_leaves_nothing_on_its_way(
    host: Namespace, config: Path, tmp_path: Path
) -> None:
    old, new = log_on_its_way(config, tmp_path)
    host.out(scripts.script("retire", config=str(config), data=str(old), wal=""))
    assert [path.name.partition("-")[0] for path in (*old.iterdir(), *new.iterdir())] == ["removed", "removed"]
    assert not (config / "moving").exists()


def test_data_that_moved_without_its_log_is_a_move_under_way(host: Namespace, config: Path, tmp_path: Path) -> None:
    wal = tmp_path / "log" / "wal"
    active_in(config, tmp_path / "old", wal)
    fill(tmp_path / "new", wal)
    (config / "moving").write_text(f"{tmp_path}/new\n{wal}\n")
    assert parse(host.out(observe(config, tmp_path / "old", wal)), 0, 0).is_moving
    relocate(host, config, (tmp_path / "old", str(wal)), (tmp_path / "old", str(wal)))
    assert whole(tmp_path / "old", wal)


def active_in(config: Path, data: Path, wal: Path | None = None) -> None:
    """Make a revision the active one that has its data there."""
    revision = config / "revisions" / "r0"
    revision.mkdir(exist_ok=True)
    log = f'ETCD_WAL_DIR="{wal}"\n' if wal else ""
    (revision / "etcd.env").write_text(f'ETCD_DATA_DIR="{data}"\n{log}')
    (config / "current").symlink_to("revisions/r0")


def test_a_move_leaves_a_note_until_the_new_place_is_the_active_one(
    host: Namespace, config: Path, tmp_path: Path
) -> None:
    fill(tmp_path / "old")
    wal = f"{tmp_path}/log/wal"
    relocate(host, config, (tmp_path / "old", ""), (tmp_path / "new", wal))
    assert (config / "moving").read_text() == f"{tmp_path}/new\n{wal}\n"


def look(host: Namespace, config: Path, wanted: Path) -> HostFacts:
    """Return what a look shows, when the settings want the data in this directory."""
    return parse(host.out(observe(config, wanted)), 0, 0)


@pytest.mark.parametrize("moved", ["the log", "the log and the data", "everything"])
@pytest.mark.parametrize("wanted", ["new", "old"])
def test_a_move_that_was_interrupted_does_not_look_like_a_lost_disk(
    host: Namespace, config: Path, tmp_path: Path, moved: str, wanted: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    fill(old)
    (old / "member" / "wal" / "0.wal").write_bytes(WAL_HEAD)
    active_in(config, old)
    new.mkdir()
    (old / "member" / "wal").rename(new / "wal-on-its-way")
    if moved != "the log":
        (old / "member").rename(new / "member")
    if moved == "everything":
        (new / "wal-on-its-way").rename(new / "member" / "wal")
    (config / "moving").write_text(f"{new}\n\n")
    seen = look(host, config, tmp_path / wanted)
    assert seen.wal == WAL_IDENTITY and (seen.active_data, seen.is_moving) == (str(old), True), "so it goes on with it"


def test_a_member_is_not_stopped_for_a_move_that_has_no_room(host: Namespace, config: Path, tmp_path: Path) -> None:
    fill(tmp_path / "old")
    (tmp_path / "old" / "member" / "snap" / "large").write_bytes(b"x" * 300_000)
    host.out("mkdir -p /run/small && mount -t tmpfs -o size=128k tmpfs /run/small")
    done = host.run(relocation(config, tmp_path / "old", "", "/run/small/new", ""))
    host.out("umount /run/small")
    assert done.returncode == 1 and "KiB in /run/small/new, and 128 are free" in done.stderr
    assert whole(tmp_path / "old") and host.called == []


def test_a_log_is_not_moved_where_it_has_no_room(host: Namespace, config: Path, tmp_path: Path) -> None:
    fill(tmp_path / "old")
    (tmp_path / "old" / "member" / "wal" / "1.wal").write_bytes(b"x" * 300_000)
    host.out("mkdir -p /run/small && mount -t tmpfs -o size=128k tmpfs /run/small")
    data = str(tmp_path / "old")
    done = host.run(relocation(config, data, "", data, "/run/small/wal"))
    host.out("umount /run/small")
    assert done.returncode == 1 and "KiB in /run/small/wal, and 128 are free" in done.stderr
    assert whole(tmp_path / "old") and host.called == []


# retire


def test_a_member_that_left_is_disabled_and_its_data_renamed(host: Namespace, config: Path, tmp_path: Path) -> None:
    data, wal = tmp_path / "data", tmp_path / "log" / "wal"
    fill(data, wal)
    for name in ("born", "attempt", "bootstrap.env", "owner"):
        (config / name).write_text("x\n")
    host.out(scripts.script("retire", config=str(config), data=str(data), wal=str(wal)))
    (former,) = data.iterdir()
    (log,) = wal.parent.iterdir()
    assert former.name.startswith("removed-") and (former / "snap" / "db").read_text() == "the data"
    assert log.name == former.name and (log / "0.wal").exists()
    assert sorted(path.name for path in config.iterdir()) == ["certificates", "owner", "revisions"]
    assert [call.split()[0] for call in host.called] == ["disable", "stop", "reset-failed"]


def test_a_host_without_data_can_retire_too(host: Namespace, config: Path, tmp_path: Path) -> None:
    host.out(scripts.script("retire", config=str(config), data=str(tmp_path / "none"), wal=""))
    assert "stop etcd.service" in host.called


# snapshot

ETCDCTL = """#!/bin/sh
for last; do :; done
case "$*" in *"snapshot save"*) [ ! -e "$(dirname "$0")/refuses" ] || { echo "Error: no leader" >&2; exit 1; }
echo saved >"$last" ;; esac
"""
ETCDUTL = """#!/bin/sh
[ ! -e "$(dirname "$0")/damaged" ] || { echo "Error: integrity check failed" >&2; exit 1; }
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with an etcdctl that saves one word, and an etcdutl that finds it whole."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("etcdctl", ETCDCTL), ("etcdutl", ETCDUTL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def snapshot(config: Path, programs: Path, folder: Path, keep: int = 3, kilobytes: int = 1) -> str:
    places = {"config": str(config), "bin": str(programs), "directory": str(folder)}
    return scripts.script("snapshot", **places, endpoint="https://127.0.0.1:2379", keep=keep, kilobytes=kilobytes)


def test_a_snapshot_is_saved_and_the_oldest_go(host: Namespace, config: Path, programs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    for day in ("01", "02", "03"):
        (folder / f"etcd-202601{day}T000000Z.db").write_text("old")
    (folder / "notes").write_text("somebody else's")
    path = Path(host.out(snapshot(config, programs, folder, keep=2)))
    assert path.read_text() == "saved\n" and path.parent == folder
    assert sorted(each.name for each in folder.iterdir()) == ["etcd-20260103T000000Z.db", path.name, "notes"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_too_little_space_saves_nothing_and_says_what_to_do(
    host: Namespace, config: Path, programs: Path, tmp_path: Path
) -> None:
    done = host.run(snapshot(config, programs, tmp_path / "s", kilobytes=10**12))
    assert done.returncode == 1 and "make room, or set snapshots.dir" in done.stderr
    assert list((tmp_path / "s").iterdir()) == []


@pytest.mark.parametrize(("fault", "words"), [("refuses", "no leader"), ("damaged", "integrity check failed")])
def test_a_snapshot_that_failed_is_none_and_the_old_ones_stay(
    host: Namespace, config: Path, programs: Path, tmp_path: Path, fault: str, words: str
) -> None:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    (folder / "etcd-20260101T000000Z.db").write_text("old")
    (programs / fault).touch()
    done = host.run(snapshot(config, programs, folder, keep=1))
    assert done.returncode != 0 and words in done.stderr
    assert [path.name for path in folder.glob("*.db*")] == ["etcd-20260101T000000Z.db"]
