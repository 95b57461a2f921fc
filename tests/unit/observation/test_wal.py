"""Whose WAL it is, by its first bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_cluster.observation import wal
from tests.unit.samples import WAL_HEAD, WAL_IDENTITY


def test_the_head_of_a_real_wal_has_the_ids_that_etcdctl_prints() -> None:
    assert len(WAL_HEAD) == 512
    assert wal.parse(WAL_HEAD) == WAL_IDENTITY


def test_the_first_bytes_suffice() -> None:
    assert wal.parse(WAL_HEAD[:64]) == WAL_IDENTITY


@pytest.mark.parametrize("length", [0, 7, 8, 16, 24])
def test_a_head_that_ends_early_has_no_identity(length: int) -> None:
    assert wal.parse(WAL_HEAD[:length]) is None


def test_preallocated_zeros_have_no_identity() -> None:
    assert wal.parse(bytes(512)) is None


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=512))
def test_garbage_is_never_an_error(head: bytes) -> None:
    identity = wal.parse(head)
    assert identity is None or int(identity.member_id, 16) >= 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 511), st.binary(min_size=1, max_size=16))
def test_a_damaged_head_is_never_an_error(position: int, damage: bytes) -> None:
    identity = wal.parse(WAL_HEAD[:position] + damage + WAL_HEAD[position + len(damage) :])
    assert identity is None or int(identity.cluster_id, 16) >= 0


# What stands before three paths in a log that etcd 3.5.33 wrote; the last is a key's value that a user put.
ATTRIBUTES = bytes.fromhex(
    "f1d8041a0e080210c8a5a0dcd782a0bc6618029800000000000000080210b4c0"
    "dfb0021a8d010800100218032284010881a4d991ddc0a8e41212035055541a26"
)
VERSION = bytes.fromhex(
    "f2b2d2b9071a0e080210c8a5a0dcd782a0bc6618034b00000000000085080210"
    "bc9bf0be0c1a4108001002180422390882a4d991ddc0a8e41212035055541a0a"
)
USERS = bytes.fromhex(
    "00000000000000080310d9958c83081a0e080210c8a5a0dcd782a0bc66180630"
    "0000000000000008021096b3b396091a26080010021807221e220f0a0162120a"
)


@pytest.mark.parametrize(
    ("heads", "index"), [([], 0), ([USERS], 0), ([ATTRIBUTES], 3), ([ATTRIBUTES, VERSION, USERS], 4)]
)
def test_the_last_entry_in_the_format_of_3_5_is_found_in_a_real_log(heads: list[bytes], index: int) -> None:
    assert wal.last_v2_entry(heads) == index
