"""Versions as numbers."""

import pytest

from etcd_cluster.versions import minor, parse, text


@pytest.mark.parametrize(
    ("lower", "higher"), [("3.9.9", "3.10.0"), ("3.6.9", "3.6.14"), ("3.6.14", "3.7.0"), ("3", "3.5")]
)
def test_versions_are_compared_as_numbers(lower: str, higher: str) -> None:
    assert parse(lower) < parse(higher)


@pytest.mark.parametrize("version", ["", "3", "v3.6.1", "3.6.1.2", "3.x", "3..1"])
def test_what_is_no_version_is_below_all(version: str) -> None:
    assert parse(version) == (0, 0, 0)


def test_a_minor_is_written_as_etcd_takes_it() -> None:
    assert minor("3.10.1") == (3, 10)
    assert text(minor("3.10.1")) == "3.10"
    assert parse("3.6.0-rc.1") == (3, 6, 0)
    assert parse("3.6") == (3, 6, 0)
