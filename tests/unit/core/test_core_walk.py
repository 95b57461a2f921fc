"""Every cluster of up to five members, walked step by step, with a crash allowed between any two and within each."""

# ruff: noqa: E501 - a mutant is a row of its table

import importlib
import inspect
import os
from collections.abc import Iterable, Iterator
from itertools import product
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from simulation import WANTED, Entry, Harm, Host, Wish, World
from walking import LEARNERS, NAMES, VOTERS, Walk, clusters, walk, walk_all

from etcd import planning
from etcd.planning import (
    Attempt,
    birth,
    bootstrap,
    membership,
    replacement,
    rolling,
    situation,
    trial,
    unasked,
    versions,
)

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


def bare(**changes: Any) -> Host:
    """Return a host on which no bootstrap was recorded."""
    return Host("", born=False)._replace(**changes)


# Nothing was done, announced, announced to another list, powered off, started and stopped again, left running, left
# running where our client is refused (on a former revision, on the wanted one), a cluster of its own was made.
BARE = {
    "-": bare(),
    "a": bare(attempt="t1"),
    "o": bare(attempt="t0", data="z"),
    "d": bare(powered=False),
    "s": bare(attempt="t1", data="own"),
    "r": bare(attempt="t1", data="own", runs=WANTED),
    "e": bare(attempt="t1", data="own", runs="r0", active="r0", sick=True),
    "k": bare(attempt="t1", data="own", runs=WANTED, sick=True),
    "f": bare(attempt="t1", data="z"),
}


def unborn(kinds: Iterable[str], wish: Wish) -> World:
    """Return a world of hosts on which a bootstrap of the wanted members came this far, a letter a host."""
    ids = Attempt("t1", wish.target.initial_cluster).member_ids
    hosts = []
    for (name, place), kind in zip(wish.places.items(), kinds, strict=True):
        host = BARE[kind]._replace(place=place)
        data = {"own": ids[name], "z": f"z{place}"}.get(host.data, "")
        hosts.append(host._replace(data=data))
    announced = any(host.attempt == "t1" and host.data in ids.values() for host in hosts)
    entries = tuple(Entry(ids[name], name, place) for name, place in sorted(wish.places.items()))
    return World(tuple(hosts), entries if announced else (), born=False).settled()


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
def test_no_mix_of_members_in_any_order_is_harmed(kinds: str, version: str, number: int) -> None:
    fuzz(kinds, version, number)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(anything(), VERSIONS, NUMBERS)
def test_no_mix_of_members_in_any_order_is_harmed_in_ten_thousand_cases(kinds: str, version: str, number: int) -> None:
    fuzz(kinds, version, number)


# mutants: the walk must notice when a rule is gone

Mutant = tuple[ModuleType, str, str, tuple[str, ...]]
MUTANTS: dict[str, Mutant] = {
    "an add without enough voters": (membership, "if now.healthy_voters() < needed:", "if False:", ("HHD",)),
    "the exception for one member": (membership, "if len(now.voters) > 1 else 1", "", ("H",)),
    "a removal without enough voters": (membership, "if healthy < quorum(staying):", "if False:", ("HHK", "HHD")),
    "the leader leaves first": (membership, "entry.member_id == now.leader_id, now.label(entry))", "entry.member_id != now.leader_id, now.label(entry))", ("HHHH",)),
    "a swap removes before it adds": (planning, "    membership.add,\n    membership.remove,", "    membership.remove,\n    membership.add,", ("HHH",)),
    "the old member is taken for dead": (replacement, "        if now.is_alive(entry):\n            raise", "        if False:\n            raise", ("HHr",)),
    "a wiped disk needs no confirmation": (replacement, "if now.target.members[name].replaces != entry.member_id:", "if False:", ("HHW",)),
    "several may be replaced at once": (replacement, "if len(found) > 1:", "if False:", ("HHHRw",)),
    "a disk of another member starts": (membership, "if seen.has_wal and not own_data and entry.name:", "if False:", ("HHO",)),
    "a learner that lost its data stays": (membership, "if entry.is_learner and entry.name and name in now.facts and not now.facts[name].has_wal", "if False", ("HHHQ",)),
    "a learner whose host is down is passed over": (membership, "if entry.is_learner and name in now.down:", "if False:", ("HHHd",)),
    "nothing is set aside": (membership, "            steps.append(Retire(name))", "            pass", ("HHG",)),
    "an add with an alarm": (membership, "    if now.alarms:", "    if False:", ("HHH",)),
    "a moved member is not told": (membership, "            steps.append(UpdatePeerUrl(name, entry.member_id))", "            pass", ("HHM",)),
    "no birth is recorded": (membership, "    if unrecorded:", "    if False:", ("HHB",)),
    "a learner is not promoted": (membership, "            steps.append(Promote(name, entry.member_id))", "            pass", ("HHHL",)),
    "the stopped are not started": (membership, "    return [StartExisting(stopped)] if stopped else []", "    return []", ("HHT",)),
    "an old member that is given up stays": (situation, "and not self._superseded(name, names[name])", "and True", ("HHs",)),
    "an old member is given up unasked": (situation, "confirmed and seen is not None", "seen is not None", ("HHr",)),
    "the alarm of a removed member stays": (membership, "if now.stray_alarms else []", "if False else []", ("HHH",)),
    "any alarm is disarmed": (situation, "if all(member not in listed for member, _ in self.alarms)", "if True", ("HHH",)),
    "members that leave do not vote": (birth, "    stopped += sorted(name for name, seen in leaving.items() if seen.wal and not seen.is_running)\n", "", ("TT",)),
    "a restart with a member sick": (rolling, "    if safe and (first := ", "    return stale\n    if safe and (first := ", ("HSK", "SSK")),
    "a restart with a host down": (rolling, "    if down and changed:", "    if False:", ("HSD", "SSD")),
    "the leader restarts first": (rolling, "now.leads(name), name))", "not now.leads(name), name))", ("SSS",)),
    "the sick are not first": (rolling, "(name in now.serving, ", "(name not in now.serving, ", ("SSk", "SSSSk")),
    "old leafs stay": (rolling, "    return [SwitchCertificates(leafs)]", "    return []", ("HHC",)),
    "no snapshot": (versions, "steps.append(SaveSnapshot(teller))", "pass", ("VVV",)),
    "another version with an alarm": (versions, "    if now.alarms:", "    if False:", ("VVV",)),
    "no check for v2 data": (versions, "steps.append(CheckV2Store(tuple(sorted(now.serving))))", "pass", ("VVV",)),
    "a downgrade that was not asked for": (versions, "return [EnableDowngrade(text(goal), now.leader or next(iter(now.serving)))]", "return []", ("VVV",)),
    "versions and members at once": (versions, "    if grows or shrinks:", "    if False:", ("VVV",)),
    "a corrupt member is passed over": (planning, "if standing := sorted(corrupt & set(wanted)):", "if standing := []:", ("HHS",)),
    "everybody is alive": (situation, "        if entry.member_id in self.alive:", "        if True:", ("HHD", "HHw")),
    "nobody is alive elsewhere": (situation, "        if entry.member_id in self.alive:", "        if False:", ("HHr", "HHA")),
    "any member list will do": (situation, "key=lambda item: (not self._leads(item[1]), item[0]))", "key=lambda item: item[0])[:0]", ("HHH",)),
    "a born cluster starts anew": (birth, "born = target.cluster_id is not None or any(seen.born for seen in facts.values())", "born = False", ("W", "WW")),
    "a copy is started": (planning, "        refuse_copies(facts, alive)\n", "", ("c", "ccD")),
    "a copy is told to the cluster": (replacement, "    if seen.is_running or entry.member_id not in now.alive:", "    if True:", ("HHc",)),
    "a host of another cluster is set aside": (planning, "    observed = without_strangers(observed, target)\n", "", ("HHZ",)),
    "data of another cluster will do": (planning, "    refuse_foreign_data(staying, target)\n", "", ("HHZ", "Z")),
    "too few start": (birth, "    if len(with_data) < needed:\n        raise Refusal(*(problem for name, problem in down.items() if name in voting))", "", ("TDD",)),
    "a switch that was taken back stays": (membership, "            steps.append(Reinstall(name, lost))", "            pass", ("HHe",)),
    "a running member is started": (birth, "stopped = [name for name in with_data if not facts[name].is_running]", "stopped = list(with_data)", ("K", "TjD")),
    "a member that cannot be asked restarts": (rolling, "    unasked.refuse(facts, stale)\n", "", ("HHHn", "HHHf")),
    "a cluster that cannot be asked restarts": (birth, "        unasked.refuse(facts, running)\n", "        pass\n", ("n", "f")),
    "what cannot be asked is taken for down": (unasked, "return seen.is_running and seen.query is Query.CANNOT_ASK", "return False", ("n", "HHHn")),
    "one that never proved itself stays": (unasked, "return cannot_ask(seen) and not seen.is_unproven", "return cannot_ask(seen)", ("HHP",)),
    "a restart that the quorum may rest on": (rolling, "    if safe and (first", "    if (first", ("HjK", "HHjKK")),
    "a removal that the quorum may rest on": (membership, "        if not entry.is_learner:\n", "        if False:\n", ("HHjD", "HjD", "Hjj", "HHjjD")),
    "a peer URL changes before its member restarts": (membership, "if moved and moved.has_wal and not restarts:", "if moved and moved.has_wal:", ("Hyy",)),
    "a peer URL stays where its member restarts": (rolling, "moved.member_id if moved else \"\"", "\"\"", ("Hyy",)),
    "a way back that the quorum may rest on": (birth, "is_unproven and may_spare]", "is_unproven]", ("PPD",)),
    "what serves is not remembered": (membership, "    if remembered:", "    if False:", ("SSS",)),
}  # fmt: skip


TRIAL_MUTANTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "a restart without a trial": ("case Restart() | StartJoin()", "case StartJoin()", ("HSS",)),
    "a join without a trial": ("StartJoin() | AddLearner()", "Retire()", ("HHH",)),
    "certificates without a trial": ("if name in now.serving)", "if False)", ("HHC",)),
    "a trial again and again": ("for name in _begins(step, now)} - tried", "for name in _begins(step, now)}", ("HSS",)),
    "the stopped wait": ("_REPAIRS = (StartExisting, ", "_REPAIRS = (", ("HHHST",)),
}


# The same for a bootstrap that was not recorded yet: letters of BARE.
UNBORN_MUTANTS: dict[str, Mutant] = {
    "a member that was never started has lost its disk": (planning, "    if begun := bootstrap.go_on(now, wanted_down):", "    if begun := None:", ("rra",)),
    "a quorum is started over": (bootstrap, "return Plan((StartNew(tuple(sorted(now.target.members)), attempt.id),))", "return Plan((StartNew(tuple(sorted(now.target.members)), None),))", ("rra",)),
    "a bootstrap is recorded without a host": (bootstrap, "    if down:", "    if False:", ("rrd",)),
    "the attempt that is known is forgotten": (bootstrap, "return Plan((StartNew(names, attempt.id),))", "return Plan((StartNew(names, None),))", ("ssa",)),
    "data of another cluster is ours": (birth, "        if seen.attempt and not recorded:", "        if False:", ("sfa",)),
    "all data is of another cluster": (bootstrap, "    if len(other) == len(names):", "    if False:", ("f",)),
}  # fmt: skip


@pytest.fixture
def mutated() -> Iterator[Any]:
    """Change the text of a planning module until the test ends."""
    modules = (planning, birth, bootstrap, membership, replacement, rolling, situation, trial, unasked, versions)
    before = {module: dict(vars(module)) for module in modules}

    def change(module: ModuleType, old: str, new: str) -> None:
        source = inspect.getsource(module)
        assert source.count(old) >= 1, f"the rule has other words by now: {old}"
        exec(compile(source.replace(old, new), str(module.__file__), "exec"), vars(module))
        if module is not planning:
            exec(compile(inspect.getsource(planning), str(planning.__file__), "exec"), vars(planning))
        planning._STAGES = tuple(  # type: ignore[attr-defined]
            getattr(importlib.import_module(stage.__module__), stage.__name__) for stage in planning._STAGES
        )
        rolling.stale_leafs = birth.stale_leafs  # type: ignore[attr-defined]

    yield change
    for module, values in before.items():
        vars(module).clear()
        vars(module).update(values)


@pytest.mark.parametrize("rule", MUTANTS)
def test_the_walk_notices_when_a_rule_is_gone(rule: str, mutated: Any) -> None:
    module, old, new, mixes = MUTANTS[rule]
    mutated(module, old, new)
    with pytest.raises(Harm):
        walk_all(mixes, versions=("3.5.33", "3.7.3"))


@pytest.mark.parametrize("rule", TRIAL_MUTANTS)
def test_the_walk_notices_when_a_rule_of_the_trial_start_is_gone(rule: str, mutated: Any) -> None:
    old, new, mixes = TRIAL_MUTANTS[rule]
    mutated(trial, old, new)
    with pytest.raises(Harm):
        walk_all(mixes, alarms=False, trial=True)


@pytest.mark.parametrize("rule", UNBORN_MUTANTS)
def test_the_walk_of_a_bootstrap_notices_when_a_rule_is_gone(rule: str, mutated: Any) -> None:
    module, old, new, mixes = UNBORN_MUTANTS[rule]
    mutated(module, old, new)
    with pytest.raises(Harm):
        for mix in mixes:
            wish = Wish({name: str(n + 1) for n, name in enumerate(NAMES[: len(mix)])}, cluster_id=None)
            walk([unborn(mix, wish)], wish, Walk())


@pytest.mark.parametrize("mix", sorted({mix for _, _, _, mixes in MUTANTS.values() for mix in mixes}))
def test_the_clusters_that_tell_the_mutants_are_not_harmed(mix: str) -> None:
    assert walk_all([mix], versions=("3.5.33", "3.7.3")).states
    assert len(mix) <= len(NAMES)
