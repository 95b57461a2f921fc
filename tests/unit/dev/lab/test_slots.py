"""Slots and what follows from them."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dev.lab.networking.addresses import Addresses, index
from dev.lab.processes.identity import Identity, PidFile, parse_stat
from dev.lab.slots import COUNT, Registry, Slot, check_name
from dev.lab.sweeping import parse_loops, parse_name
from dev.lab.system import LabError, locked


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


def ended_process() -> Identity:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = Identity.of(process.pid)
    process.communicate(b"\n")
    assert identity
    return identity


def test_slot_0_is_for_dev_and_others_get_the_lowest_free_one(registry: Registry, tmp_path: Path) -> None:
    assert registry.take("one", tmp_path / "one").number == 1
    assert registry.take("dev", tmp_path / "dev").number == 0
    assert registry.take("two", tmp_path / "two").number == 2
    registry.free(1)
    assert registry.take("three", tmp_path / "three").number == 1


def test_a_lab_keeps_its_slot_when_it_is_opened_again(registry: Registry, tmp_path: Path) -> None:
    assert registry.take("one", tmp_path / "one") == registry.take("one", tmp_path / "one")


def test_labs_of_one_name_in_two_caches_have_two_slots(registry: Registry, tmp_path: Path) -> None:
    assert registry.take("one", tmp_path / "a/one").number != registry.take("one", tmp_path / "b/one").number


def test_a_second_dev_lab_is_refused_by_name_of_the_first(registry: Registry, tmp_path: Path) -> None:
    registry.take("dev", tmp_path / "a")
    with pytest.raises(LabError, match=f"taken by {tmp_path / 'a'}"):
        registry.take("dev", tmp_path / "b")


def test_all_slots_can_be_taken_at_once_and_no_more(registry: Registry, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        slots = list(pool.map(lambda n: registry.take(f"lab{n}", tmp_path / f"lab{n}"), range(COUNT - 1)))
    assert sorted(slot.number for slot in slots) == list(range(1, COUNT))
    with pytest.raises(LabError, match="no slot is free"):
        registry.take("more", tmp_path / "more")


def test_a_lab_is_abandoned_when_its_owner_is_gone(registry: Registry, tmp_path: Path) -> None:
    mine = Identity.of(os.getpid())
    assert not registry.take("mine", tmp_path / "mine", mine).abandoned()
    assert registry.take("other", tmp_path / "other", ended_process()).abandoned()
    assert [slot.abandoned() for slot in registry.slots()] == [False, True]


def test_a_kept_lab_does_not_get_an_owner(registry: Registry, tmp_path: Path) -> None:
    registry.take("dev", tmp_path / "dev")
    assert registry.take("dev", tmp_path / "dev", Identity.of(os.getpid())).owner is None


def test_a_slot_reads_what_it_wrote() -> None:
    for owner in (None, Identity(12, 345, "boot")):
        slot = Slot(7, Path("/labs/x"), owner)
        assert Slot.parse(7, slot.render()) == slot


@pytest.mark.parametrize("name", ["", "-x", "a/b", "A", "..", "x" * 33])
def test_a_bad_lab_name_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="lower-case letters"):
        check_name(name)


def test_slots_have_disjoint_addresses_and_names() -> None:
    seen: set[str] = set()
    for number in range(COUNT):
        a = Addresses(number)
        mine = {a.network, a.network6, a.gateway, a.gateway6, a.bridge, a.table, a.mac(), a.mac("h1"), a.mac("h99")}
        mine |= {a.address("h1"), a.address6("h1"), a.machine("h1"), a.machine("h11"), *a.relay("h1"), *a.relay("h99")}
        assert not mine & seen
        seen |= mine


def test_addresses_are_as_documented() -> None:
    assert Addresses(3).address("h1") == "198.18.3.11"
    assert Addresses(3).address6("h1") == "fd00:198:18:3::11"
    assert Addresses(0).address6("h10") == "fd00:198:18::20"
    assert Addresses(63).gateway == "198.18.63.1"


def test_interface_names_fit_into_the_kernels_fifteen_characters() -> None:
    a = Addresses(63)
    assert all(len(name) <= 15 for name in (a.bridge, a.machine("h99"), *a.relay("h99")))


@pytest.mark.parametrize("name", ["h0", "h100", "h01", "x1", "h", "h1 "])
def test_a_bad_host_name_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="want h1 to h99"):
        index(name)


def test_the_names_of_a_slots_things_lead_back_to_it() -> None:
    a = Addresses(12)
    assert parse_name(a.bridge) == (12, None)
    assert {parse_name(name) for name in (a.machine("h7"), *a.relay("h7"))} == {(12, "h7")}
    assert all(parse_name(name) is None for name in ("lab-64", "lab-x", "eth0", "lab-1-h1-x", "mylab-1"))


def test_only_loop_devices_below_the_folder_are_found() -> None:
    text = """{"loopdevices": [{"name": "/dev/loop0", "back-file": "/c/labs/a/disk.img"},
        {"name": "/dev/loop1", "back-file": "/c/labs/ab/disk.img"},
        {"name": "/dev/loop2", "back-file": "/c/labs/a/x.img (deleted)"}, {"name": "/dev/loop3", "back-file": null}]}"""
    assert parse_loops(text, Path("/c/labs/a")) == ["/dev/loop0", "/dev/loop2"]
    assert parse_loops("", Path("/c")) == []


def test_a_command_name_with_brackets_and_spaces_does_not_shift_the_fields() -> None:
    rest = " ".join(str(number) for number in range(4, 53))
    assert parse_stat(f"7 (a) b (c)) S {rest}") == ("S", 22)


def test_a_process_is_told_from_a_later_one_with_its_pid(tmp_path: Path) -> None:
    file = PidFile(tmp_path / "pid")
    file.save(os.getpid())
    found = file.live()
    assert found
    assert found.pid == os.getpid()
    file.path.write_text(f"{found.pid} {found.start + 1} {found.boot}")
    assert file.live() is None
    file.path.write_text(f"{found.pid} {found.start} another-boot")
    assert file.live() is None


def test_ending_a_noted_process_ends_it_and_no_other(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    file = PidFile(tmp_path / "pid")
    file.save(process.pid)
    noted = file.path.read_text()
    pid, start, boot = noted.split()
    file.path.write_text(f"{pid} {int(start) - 1} {boot}")
    file.end()
    assert process.poll() is None
    file.path.write_text(noted)
    file.end()
    assert process.wait(5) == -15
    process.communicate()


def test_a_lock_that_is_held_is_reported_by_name(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock"),
        pytest.raises(LabError, match=f"{tmp_path}/lock is locked"),
        locked(tmp_path / "lock", 0.05),
    ):
        pass
