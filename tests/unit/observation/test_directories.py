"""The directories and addresses of a host: what would keep etcd from starting is found before it is touched."""

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from etcd_cluster import scripts
from etcd_cluster.observation.directories import Access, Closed, DataDirectory
from etcd_cluster.observation.facts import HostFacts, parse
from etcd_cluster.preflight import host_checks as preflight
from etcd_cluster.preflight.host_checks import Expectation
from etcd_cluster.specs.member import Member
from etcd_cluster.specs.paths import Layout
from tests.unit.host_namespace import Namespace, host_namespace
from tests.unit.samples import empty, member, serving, stopped
from tests.unit.sent_scripts import observe

OURS = Access("etcd", "etcd", "700")
ROOTS = Access("root", "root", "755")
PLACE = "/var/lib/etcd"


def problems(seen: HostFacts, wanted: Member | None = None) -> list[str]:
    expected = Expectation("owner", {"amd64": "a" * 64}, "push", 60)
    return [str(each) for each in preflight.host_problems(wanted or member(), seen, None, expected)]


def data(access: Access | None = OURS, content: str = "member", within: tuple[str, ...] = ("etcd",)) -> DataDirectory:
    return DataDirectory(PLACE, PLACE, access, content, within)


@pytest.mark.parametrize(
    "directory",
    [
        data(),
        data(ROOTS, "", ()),  # empty: it is given to etcd before the first start
        data(OURS, "README", ()),
    ],
)
def test_a_directory_that_etcd_can_use_is_fit(directory: DataDirectory) -> None:
    assert problems(empty(data_dir=directory)) == []
    assert problems(stopped("a", data_dir=directory)) == []


@pytest.mark.parametrize("seen", [empty(), stopped("a")])
@pytest.mark.parametrize(
    ("directory", "said"),
    [
        (data(ROOTS, "default", ()), "is not empty (default) and holds no data of etcd; etcd runs as etcd"),
        (data(ROOTS, "member", ("root",)), f"{PLACE} belongs to root; etcd runs as etcd and could not open its data"),
        (data(OURS, "member", ("root",)), f"{PLACE}, or a part of it, belongs to root"),
        (data(OURS, "member", ("etcd", "UNKNOWN")), f"{PLACE}, or a part of it, belongs to UNKNOWN"),
        (data(Access("etcd", "etcd", "500")), "has mode 500, so its owner etcd may not use it"),
        (data(None), "is no directory"),
    ],
)
def test_a_directory_that_etcd_cannot_use_is_refused(seen: HostFacts, directory: DataDirectory, said: str) -> None:
    (found,) = problems(replace(seen, data_dir=directory))
    assert found.startswith(f"a: its data directory {PLACE}")
    assert said in found
    assert "mv " not in found and "rm " not in found


def test_a_wal_directory_is_held_against_the_same() -> None:
    (found,) = problems(empty(wal_dir=DataDirectory("/wal", "/wal", ROOTS, "wal", ("root",))))
    assert found.startswith("a: its WAL directory /wal belongs to root") and "`paths.wal_dir`" in found


def test_a_member_that_runs_on_its_directory_shows_that_it_can() -> None:
    odd = data(ROOTS, "member", ("root",))
    assert problems(serving("a", data_dir=odd, active_data=PLACE)) == []
    (found,) = problems(serving("a", data_dir=odd, active_data="/elsewhere"))
    assert "could not open its data" in found, "it is to move there"


def test_data_of_the_former_account_is_no_fault_of_the_host() -> None:
    unit = "[Service]\nUser=old\n"
    former = data(Access("old", "old", "700"), within=("old",))
    assert problems(stopped("a", data_dir=former, active_unit=unit)) == []
    assert problems(stopped("a", data_dir=former)) == [], "the change of the account was interrupted"
    (found,) = problems(empty(data_dir=former))
    assert "belongs to old" in found


def test_a_linked_data_directory_is_refused_on_a_new_host_only() -> None:
    linked = replace(data(), real="/mnt/disk/etcd")
    (found,) = problems(empty(data_dir=linked))
    assert "leads to /mnt/disk/etcd by a link" in found and "Set `paths.data_dir` to /mnt/disk/etcd" in found
    assert problems(stopped("a", data_dir=linked)) == []


@pytest.mark.parametrize(
    ("access", "is_fit"),
    [
        (Access("root", "root", "700"), False),
        (Access("root", "root", "750"), False),
        (Access("root", "etcd", "750"), True),
        (Access("etcd", "etcd", "700"), True),
    ],
)
def test_a_directory_on_the_way_must_let_etcd_pass(access: Access, is_fit: bool) -> None:
    seen = empty(closed=(Closed("/root", access, "/root/opt"),))
    wanted = member(layout=Layout("/root/opt", "/opt/etcd", "/etc/etcd", PLACE, None))
    found = problems(seen, wanted)
    assert not found if is_fit else "cannot reach `paths.bin_dir` in it" in found[0]


@pytest.mark.parametrize(
    ("address", "own", "is_fit"),
    [
        ("192.0.2.1", ("127.0.0.1", "192.0.2.1"), True),
        ("203.0.113.7", ("127.0.0.1", "192.0.2.1"), False),
        ("2001:db8::1", ("2001:db8:0::1", "fe80::1"), True),
        ("2001:db8::2", ("2001:db8::1", "192.0.2.1"), False),
        ("etcd-1.example.com", ("192.0.2.1",), True),
        ("203.0.113.7", (), True),
    ],
)
def test_an_address_must_be_on_an_interface(address: str, own: tuple[str, ...], is_fit: bool) -> None:
    found = problems(empty(addresses=own), member(address=address))
    assert not found if is_fit else f"its address {address} is on no interface of the host" in found[0]
    assert is_fit or "fe80" not in found[0]


def test_an_address_that_the_member_listens_at_is_there() -> None:
    environment = 'ETCD_LISTEN_PEER_URLS="https://192.0.2.1:2380"\n'
    assert problems(serving("a", addresses=("10.0.0.1",), active_environment=environment)) == []


# as the host tells it


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder that everybody may reach."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


def look(host: Namespace, place: Path, data_dir: Path, wal: Path | None = None) -> HostFacts:
    none = place / "none"
    return parse(host.out(observe(none, data_dir, wal and wal / "wal", install=none, bin=none)), 0, 0)


def test_a_look_tells_whose_the_directories_are(place: Path) -> None:
    with host_namespace(place) as host:
        home, wal = place / "data", place / "wal"
        assert look(host, place, home, wal).data_dir is None
        (home / "lost+found").mkdir(parents=True)
        seen = look(host, place, home).data_dir
        assert seen == DataDirectory(str(home), str(home), Access("root", "root", "755"), "")
        (home / "member" / "snap").mkdir(parents=True)
        (wal / "wal").mkdir(parents=True)
        host.out('chown 7:7 "$1" && chmod 700 "$1"', str(home / "member" / "snap"))
        seen = look(host, place, home, wal).data_dir
        assert seen and seen.content == "member" and "root" in seen.within and len(seen.within) == 2
        log = look(host, place, home, wal).wal_dir
        assert log and (log.path, log.within) == (str(wal), ("root",))


def test_a_look_tells_links_and_closed_ways(place: Path) -> None:
    with host_namespace(place) as host:
        real, closed = place / "real", place / "closed"
        real.mkdir()
        (place / "link").symlink_to(real)
        (closed / "in").mkdir(parents=True)
        closed.chmod(0o700)
        seen = look(host, place, place / "link")
        assert seen.data_dir and seen.data_dir.real == str(real)
        assert seen.closed == ()
        (found,) = look(host, place, closed / "in" / "data").closed
        assert found == Closed(str(closed), Access("root", "root", "700"), f"{closed}/in")


def test_a_look_finds_who_has_the_port_of_another_listener(place: Path) -> None:
    with host_namespace(place) as host, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        none = place / "none"
        text = observe(none, none, install=none, bin=none, client_port=1, ports=f"2 {port}")
        seen = parse(host.out(text), 0, 0)
        assert [taken for taken, _ in seen.listening] == [port]


def test_the_disk_of_another_host_is_fit_where_its_account_is_yet_to_be_made() -> None:
    nobodys = data(Access("UNKNOWN", "UNKNOWN", "700"), "member", ("UNKNOWN",))
    assert problems(empty(data_dir=nobodys)) == []
    (found,) = problems(stopped("a", data_dir=nobodys))
    assert "belongs to UNKNOWN" in found, "an account that this host had is gone"


def test_the_account_gets_the_number_that_the_data_of_another_host_belongs_to(tmp_path: Path) -> None:
    with host_namespace(tmp_path) as host:
        for name in ("useradd", "groupadd"):
            program = tmp_path / "bin" / name
            program.write_text(f'#!/bin/sh\nprintf "%s " {name} "$@" >>"{tmp_path}/accounts"\n')
            program.chmod(0o755)
        (tmp_path / "disk" / "member").mkdir(parents=True)
        os.chown(tmp_path / "disk" / "member", 45678, 45678)
        places = {name: str(tmp_path / name) for name in ("config", "install", "bin")}
        places |= {"data": str(tmp_path / "disk"), "wal": ""}
        former = {f"former_{name}": path for name, path in places.items()}
        accounts = {"user": "etcd-of-no-machine", "group": "etcd-of-no-machine"}
        host.out(scripts.script("claim", **places, **former, **accounts), stdin=b"node=a\n")
    said = (tmp_path / "accounts").read_text()
    assert "useradd --system --uid 45678 --gid etcd-of-no-machine " in said
