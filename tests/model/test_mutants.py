"""Planners with one rule changed: the walk must notice each of them."""

# ruff: noqa: E501 - a mutant is a row of its table

import pytest

from etcd_cluster import planning
from etcd_cluster.planning import (
    AddLearner,
    CheckV2Store,
    EnableDowngrade,
    Promote,
    RecordBootstrap,
    Reinstall,
    RememberServed,
    Restart,
    Retire,
    SaveSnapshot,
    StartExisting,
    StartJoin,
    SwitchCertificates,
    UpdatePeerUrl,
    quorum,
)
from etcd_cluster.planning.rules import bootstrap, membership, not_serving, replacement, rolling, unqueryable, versions
from etcd_cluster.planning.rules import trial_start as trial
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.reasons import Reason
from tests.model.mutation import (
    Change,
    Mutant,
    MutantValue,
    always,
    drops_call,
    drops_cases,
    drops_if,
    never,
    never_plans,
    never_refuses,
    replaces,
    returns,
)
from tests.model.simulation import Harm, Wish
from tests.model.walking import NAMES, Walk, unborn, walk, walk_all

Row = tuple[Mutant | MutantValue, tuple[str, ...]]


def with_removals_before_additions(stages: tuple[object, ...]) -> tuple[object, ...]:
    """Return the stages of a plan with two of them exchanged."""
    others = {membership.add: membership.remove, membership.remove: membership.add}
    return tuple(others.get(stage, stage) for stage in stages)  # type: ignore[call-overload]


def without_starts(steps: tuple[type, ...]) -> tuple[type, ...]:
    """Return the steps without `StartExisting`."""
    return tuple(step for step in steps if step is not StartExisting)


# Each with mixes of members (letters of `walking.build`) whose walk comes to harm without the rule.
MUTANTS: dict[str, Row] = {
    "an add without enough voters": (Mutant(membership.add, never_refuses(Reason.NO_QUORUM_TO_ADD)), ("HHD",)),
    "the exception for one member": (Mutant(membership.add, always("len(cluster.voters) > 1")), ("H",)),
    "a removal without enough voters": (Mutant(membership._refuse_without_quorum, never_refuses(Reason.NO_QUORUM_TO_REMOVE)), ("HHK", "HHD")),
    "the leader leaves first": (Mutant(membership.remove, replaces("(not entry.is_learner, entry.member_id == cluster.leader_id, cluster.label(entry))", "(not entry.is_learner, entry.member_id != cluster.leader_id, cluster.label(entry))")), ("HHHH",)),
    "a swap removes before it adds": (MutantValue(planning, "_STAGES", with_removals_before_additions), ("HHH",)),
    "the old member is taken for dead": (Mutant(replacement.replaced, never_refuses(Reason.OLD_MEMBER_RUNNING)), ("HHr",)),
    "a wiped disk needs no confirmation": (Mutant(replacement.replaced, never_refuses(Reason.DATA_MISSING)), ("HHW",)),
    "several may be replaced at once": (Mutant(replacement.replaced, never_refuses(Reason.DATA_MISSING_ON_SEVERAL)), ("HHHRw",)),
    "a disk of another member starts": (Mutant(membership.repair, never_refuses(Reason.DATA_OF_ANOTHER_MEMBER)), ("HHO",)),
    "a learner that lost its data stays": (Mutant(membership.drop, never("not cluster.facts[name].has_wal")), ("HHHQ",)),
    "a learner whose host is down is passed over": (Mutant(membership.repair, never("name in cluster.down")), ("HHHd",)),
    "nothing is set aside": (Mutant(membership.drop, never_plans(Retire)), ("HHG",)),
    "an add with an alarm": (Mutant(membership.add, never_refuses(Reason.ALARM_PREVENTS_ADD)), ("HHH",)),
    "a moved member is not told": (Mutant(membership.repair, never_plans(UpdatePeerUrl)), ("HHM",)),
    "no birth is recorded": (Mutant(membership.repair, never_plans(RecordBootstrap)), ("HHB",)),
    "a learner is not promoted": (Mutant(membership.repair, never_plans(Promote)), ("HHHL",)),
    "the stopped are not started": (Mutant(membership.start, never_plans(StartExisting)), ("HHT",)),
    "an old member that is given up stays": (Mutant(ClusterState._superseded, returns("False")), ("HHs",)),
    "an old member is given up unasked": (Mutant(ClusterState._superseded, always("confirmed")), ("HHr",)),
    "the alarm of a removed member stays": (Mutant(membership.drop, never("cluster.stray_alarms")), ("HHH",)),
    "any alarm is disarmed": (Mutant(ClusterState.stray_alarms, always("all(member not in listed for member, _ in self.alarms)")), ("HHH",)),
    "members that leave do not vote": (Mutant(not_serving._start_stopped, never("host.wal and not host.is_running")), ("TT",)),
    "a restart with a member sick": (Mutant(rolling._allowed, returns("stale")), ("HSK", "SSK")),
    "a restart with a host down": (Mutant(rolling.restarts, never_refuses(Reason.HOST_DOWN_DURING_CHANGE)), ("HSD", "SSD")),
    "the leader restarts first": (Mutant(rolling.restarts, replaces("cluster.leads(name)", "not cluster.leads(name)")), ("SSS",)),
    "the sick are not first": (Mutant(rolling.restarts, replaces("name in cluster.serving", "name not in cluster.serving")), ("SSk", "SSSSk")),
    "old leaf certificates stay": (Mutant(rolling.certificates, never_plans(SwitchCertificates)), ("HHC",)),
    "no snapshot": (Mutant(versions.before_restarts, never_plans(SaveSnapshot)), ("VVV",)),
    "another version with an alarm": (Mutant(versions.before_restarts, never_refuses(Reason.ALARM_PREVENTS_VERSION)), ("VVV",)),
    "no check for v2 data": (Mutant(versions.before_restarts, never_plans(CheckV2Store)), ("VVV",)),
    "a downgrade that was not asked for": (Mutant(versions._downgrade, never_plans(EnableDowngrade)), ("VVV",)),
    "versions and members at once": (Mutant(versions.refuse_mixed, never_refuses(Reason.VERSION_CHANGES_WITH_MEMBERS)), ("VVV",)),
    "a corrupt member is passed over": (Mutant(planning._plan_serving, never_refuses(Reason.DATA_CORRUPT)), ("HHS",)),
    "everybody is alive": (Mutant(ClusterState.answers, always("entry.member_id in self.alive")), ("HHD", "HHw")),
    "nobody is alive elsewhere": (Mutant(ClusterState.answers, never("entry.member_id in self.alive")), ("HHr", "HHA")),
    "what refuses us is taken for gone": (Mutant(ClusterState.is_alive, never("entry.member_id in self.unclear")), ("HHq",)),
    "a copy of what refuses us is told to the cluster": (Mutant(ClusterState.may_run, replaces("self.unclear.keys()", "frozenset()")), ("HHv",)),
    "no member list will do": (Mutant(ClusterState.listed, replaces("self.serving.items()", "()")), ("HHH",)),
    "a born cluster starts anew": (Mutant(not_serving.plan_silent, replaces("target.cluster_id is not None or any(host.bootstrapped for host in facts.values())", "False")), ("W", "WW")),
    "a copy is started": (Mutant(planning.plan, drops_call(not_serving.refuse_copies)), ("c", "ccD")),
    "a copy is told to the cluster": (Mutant(replacement._refuse_copy, returns("None")), ("HHc",)),
    "a host of another cluster is set aside": (Mutant(planning.plan, replaces("without_foreign_hosts(observed, target)", "observed")), ("HHZ",)),
    "data of another cluster will do": (Mutant(planning.plan, drops_call(not_serving.refuse_foreign_data)), ("HHZ", "Z")),
    "too few start": (Mutant(not_serving._start_stopped, drops_if("len(with_data) < needed")), ("TDD",)),
    "a switch that was taken back stays": (Mutant(membership.repair, never_plans(Reinstall)), ("HHe",)),
    "a running member is started": (Mutant(not_serving._start_stopped, always("not facts[name].is_running")), ("K", "TjD")),
    "a member that cannot be asked restarts": (Mutant(rolling.restarts, drops_call(unqueryable.refuse)), ("HHHn", "HHHf")),
    "a cluster that cannot be asked restarts": (Mutant(not_serving._start_stopped, drops_call(unqueryable.refuse)), ("n", "f")),
    "what cannot be asked is taken for down": (Mutant(unqueryable.cannot_ask, returns("False")), ("n", "HHHn")),
    "one that never proved itself stays": (Mutant(unqueryable.is_proven_unasked, always("not host.is_unproven")), ("HHP",)),
    "a restart that the quorum may rest on": (Mutant(rolling._allowed, always("safe")), ("HjK", "HHjKK")),
    "a removal that the quorum may rest on": (Mutant(membership.drop, never("not entry.is_learner")), ("HHjD", "HjD", "Hjj", "HHjjD")),
    "a peer URL changes before its member restarts": (Mutant(membership.repair, always("not restarts")), ("Hyy",)),
    "a peer URL stays where its member restarts": (Mutant(rolling._restart, replaces("moved.member_id if moved else ''", "''")), ("Hyy",)),
    "a way back that the quorum may rest on": (Mutant(not_serving._change_running, always("may_spare")), ("PPD",)),
    "what serves is not remembered": (Mutant(membership.repair, never_plans(RememberServed)), ("SSS",)),
}  # fmt: skip

TRIAL_MUTANTS: dict[str, Row] = {
    "a restart without a trial": (Mutant(trial._begins, drops_cases(Restart)), ("HSS",)),
    "a join without a trial": (Mutant(trial._begins, drops_cases(StartJoin, AddLearner)), ("HHH",)),
    "certificates without a trial": (Mutant(trial._begins, never("name in cluster.serving")), ("HHC",)),
    "a trial again and again": (Mutant(trial.before, replaces("tried", "set()")), ("HSS",)),
    "the stopped wait": (MutantValue(trial, "_REPAIRS", without_starts), ("HHHST",)),
}  # fmt: skip

# The same for a bootstrap that was not recorded yet: letters of `walking.BARE`.
UNBORN_MUTANTS: dict[str, Row] = {
    "a member that was never started has lost its disk": (Mutant(bootstrap.go_on, returns("None")), ("rra",)),
    "a quorum is started over": (Mutant(bootstrap.go_on, replaces("attempt.id", "None")), ("rra",)),
    "a bootstrap is recorded without a host": (Mutant(bootstrap.go_on, never_refuses(Reason.BOOTSTRAP_NEEDS_ALL_HOSTS)), ("rrd",)),
    "the attempt that is known is forgotten": (Mutant(bootstrap.begin, replaces("attempt.id", "None")), ("ssa",)),
    "data of another cluster is ours": (Mutant(not_serving.refuse_foreign_data, never("host.attempt and not recorded")), ("sfa",)),
    "all data is of another cluster": (Mutant(bootstrap.begin, drops_if("len(other) == len(names)")), ("f",)),
}  # fmt: skip


@pytest.mark.parametrize("rule", MUTANTS)
def test_the_walk_notices_when_a_rule_is_gone(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant, mixes = MUTANTS[rule]
    mutant.apply(monkeypatch)
    with pytest.raises(Harm):
        walk_all(mixes, versions=("3.5.33", "3.7.3"))


@pytest.mark.parametrize("rule", TRIAL_MUTANTS)
def test_the_walk_notices_when_a_rule_of_the_trial_start_is_gone(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant, mixes = TRIAL_MUTANTS[rule]
    mutant.apply(monkeypatch)
    with pytest.raises(Harm):
        walk_all(mixes, alarms=False, trial=True)


@pytest.mark.parametrize("rule", UNBORN_MUTANTS)
def test_the_walk_of_a_bootstrap_notices_when_a_rule_is_gone(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant, mixes = UNBORN_MUTANTS[rule]
    mutant.apply(monkeypatch)
    with pytest.raises(Harm):
        for mix in mixes:
            wish = Wish({name: str(n + 1) for n, name in enumerate(NAMES[: len(mix)])}, cluster_id=None)
            walk([unborn(mix, wish)], wish, Walk())


@pytest.mark.parametrize("mix", sorted({mix for _, mixes in MUTANTS.values() for mix in mixes}))
def test_the_clusters_that_tell_the_mutants_are_not_harmed(mix: str) -> None:
    assert walk_all([mix], versions=("3.5.33", "3.7.3")).states
    assert len(mix) <= len(NAMES)


@pytest.mark.parametrize(
    "change",
    [
        never_refuses(Reason.DATA_CORRUPT),
        never_plans(Restart),
        drops_call(not_serving.refuse_copies),
        drops_if("cluster.alarm"),
        drops_cases(Restart),
        never("cluster.alarm"),
        always("cluster.alarm"),
        replaces("cluster.alarm", "0"),
    ],
)
def test_a_rule_that_a_function_does_not_have_is_an_error(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="add: the rule was found 0 times"):
        Mutant(membership.add, change).apply(monkeypatch)


def test_a_rule_that_a_function_has_twice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=r"repair: the rule was found [2-9] times"):
        Mutant(membership.repair, replaces("cluster.facts.get(name)", "None")).apply(monkeypatch)


def test_a_mutant_is_gone_with_its_test() -> None:
    with pytest.MonkeyPatch.context() as patch:
        Mutant(quorum, returns("0")).apply(patch)
        assert quorum(3) == 0
    assert quorum(3) == 2
