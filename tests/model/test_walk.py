"""Every cluster of up to five members, walked step by step, with a crash allowed between any two and within each."""

import os
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.model.simulation import Wish
from tests.model.walking import LEARNERS, REFUSING, VOTERS, Walk, clusters, unborn, walk, walk_all

CASES = int(os.environ.get("ETCD_CLUSTER_FUZZ_CASES", "300"))
# Enough for every rule: each kind alone in a cluster of three, each pair of those that cost or bring a vote.
COSTLY = "HDTWwGRKk"
# What befalls clusters of five in any number at once; of the rest, up to three members.
FREQUENT = "HSVDTWwGKRM"


def reduced() -> Iterator[str]:
    """Yield the mixes of the reduced walk."""
    yield from clusters(1, 1)
    yield from clusters(2, 1)
    yield from clusters(3, 1)
    yield from clusters(3, 2, COSTLY, "LU")
    yield from clusters(5, 1, "HSDWwKR", "LU")


def report(seen: Walk, print_out: pytest.CaptureFixture[str]) -> None:
    """Say how far a walk came."""
    with print_out.disabled():
        ends = ", ".join(f"{how} {count}" for how, count in sorted(seen.ends.items()))
        print(f"\n{seen.states} states walked from {seen.starts} clusters; ends: {ends}")


def test_every_small_cluster_ends_as_wanted_or_in_a_refusal_that_a_human_must_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = walk_all(reduced(), alarms=False)
    walk_all(clusters(3, 1), seen=seen)
    report(seen, capsys)
    assert seen.states > 5_000 and seen.ends["as wanted"] > 500


@pytest.mark.parametrize("old", ["3.5.33", "3.6.14", "3.7.3"])
def test_every_change_of_version_ends_as_wanted_or_in_a_refusal(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    seen = walk_all(clusters(3, 3, "HVTD", "L"), alarms=False, versions=(old,))
    walk_all(clusters(3, 3, "HV", ""), versions=(old,), seen=seen)
    report(seen, capsys)
    assert seen.ends["as wanted"]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_change_of_peer_urls_goes_one_member_at_a_time(size: int, capsys: pytest.CaptureFixture[str]) -> None:
    mixes = (mix for mix in clusters(size, size, "HSDyYh", "") if set(mix) & set("yYh"))
    seen = walk_all(mixes, alarms=False)
    report(seen, capsys)
    assert seen.ends["as wanted"]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_what_refuses_us_on_no_observed_host_is_never_taken_for_gone(
    size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    mixes = (mix for mix in clusters(size, size, f"HSDTw{REFUSING}", "L") if set(mix) & set(REFUSING))
    seen = walk_all(mixes, alarms=False)
    report(seen, capsys)
    assert seen.states


@pytest.mark.long
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_cluster_of_up_to_four_ends_as_wanted_or_in_a_refusal(
    size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = ("3.5.33", "3.6.14", "3.7.3") if size <= 3 else ("3.6.14",)
    report(walk_all(clusters(size, size), versions=versions), capsys)


@pytest.mark.long
@pytest.mark.parametrize("first", FREQUENT)
def test_every_cluster_of_five_ends_as_wanted_or_in_a_refusal(first: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One share a kind: the mixes whose first letter in the alphabet of kinds it is."""
    rest = FREQUENT[FREQUENT.index(first) :]
    shares = (mix for mix in clusters(5, 5, rest) if first in mix)
    report(walk_all(shares, alarms=first == "H"), capsys)


@pytest.mark.long
def test_every_cluster_of_five_with_up_to_three_members_of_any_kind_ends_so(capsys: pytest.CaptureFixture[str]) -> None:
    report(walk_all(clusters(5, 3)), capsys)


# birth


@pytest.mark.parametrize(
    ("names", "kinds"), [("a", "-aodsrekf"), ("ab", "-aodsrekf"), ("abc", "-aodsrekf"), ("abcd", "-adsrf")]
)
def test_a_birth_that_was_interrupted_anywhere_is_finished(
    names: str, kinds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wish = Wish({name: str(n + 1) for n, name in enumerate(names)}, cluster_id=None)
    seen = Walk()
    walk((unborn(mix, wish) for mix in product(kinds, repeat=len(names))), wish, seen)
    report(seen, capsys)
    assert seen.ends["as wanted"]


@pytest.mark.parametrize("names", ["a", "abc"])
def test_a_birth_with_trial_starts_that_was_interrupted_anywhere_is_finished(names: str) -> None:
    seen = Walk()
    wish = Wish({name: str(n + 1) for n, name in enumerate(names)}, cluster_id=None, trial=True)
    walk((unborn(mix, wish) for mix in product("-asref", repeat=len(names))), wish, seen)
    assert seen.ends["as wanted"]


def test_no_small_cluster_starts_anything_that_was_not_tried(capsys: pytest.CaptureFixture[str]) -> None:
    seen = walk_all([*clusters(1, 1), *clusters(3, 1)], alarms=False, trial=True)
    walk_all(["SSS", "SSST", "HSt"], alarms=False, versions=("3.5.33", "3.7.3"), seen=seen, trial=True)
    report(seen, capsys)
    assert seen.ends["as wanted"] > 100 and seen.ends["a trial start failed"]


@pytest.mark.long
@pytest.mark.parametrize(("size", "unusual"), [(1, 1), (2, 1), (4, 1), (5, 1)])
def test_no_cluster_starts_anything_that_was_not_tried(
    size: int, unusual: int, capsys: pytest.CaptureFixture[str]
) -> None:
    report(walk_all(clusters(size, unusual), versions=("3.5.33", "3.7.3"), trial=True), capsys)


# anything


def anything() -> st.SearchStrategy[str]:
    """Draw a mix of up to five members in any order."""
    return st.text(st.sampled_from(VOTERS + LEARNERS), min_size=1, max_size=5)


def fuzz(kinds: str, version: str, number: int) -> None:
    """Walk from a drawn mix, if etcd allows it: one learner at a time."""
    assume(sum(kind in LEARNERS for kind in kinds) <= 1)
    walk_all([kinds], versions=(version,), only=number)


VERSIONS = st.sampled_from(["3.5.33", "3.6.14", "3.6.16", "3.7.3"])
NUMBERS = st.integers(0, 10_000)


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(anything(), VERSIONS, NUMBERS)
@example("BBBjk", "3.5.33", 0)  # one that gives no answer restarts before one that is sick: they look the same
def test_no_mix_of_members_in_any_order_is_harmed(kinds: str, version: str, number: int) -> None:
    fuzz(kinds, version, number)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(anything(), VERSIONS, NUMBERS)
def test_no_mix_of_members_in_any_order_is_harmed_in_ten_thousand_cases(kinds: str, version: str, number: int) -> None:
    fuzz(kinds, version, number)
