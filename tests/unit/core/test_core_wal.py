"""Whose WAL it is, by its first bytes."""

import pytest
from core_samples import WAL_HEAD, WAL_IDENTITY
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd import wal


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
