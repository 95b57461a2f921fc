"""All steps from what is to what is wanted: plan, take the first step in thought, plan again, to the end."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from etcd import planning
from etcd.changes import former_peer_urls
from etcd.member import Member
from etcd.observation import HostFacts, ListedMember, MemberStatus
from etcd.pem import Trust
from etcd.planning.steps import (
    AddLearner,
    AwaitServing,
    CancelDowngrade,
    CheckV2Store,
    DisarmAlarms,
    EnableDowngrade,
    Promote,
    RecordBirth,
    Reinstall,
    RememberServed,
    RemoveMember,
    Restart,
    Retire,
    SaveSnapshot,
    StartExisting,
    StartJoin,
    StartNew,
    Step,
    SwitchCertificates,
    TrialStart,
    UpdatePeerUrl,
)
from etcd.planning.target import Observed, Refusal, Target, born_text
from etcd.planning.trust import unverified
from etcd.planning.versions import minor, text
from etcd.query import Query
from etcd.wal import WalIdentity

# More than any change of nine members takes.
_MOST_STEPS = 100
_RUNS = {"MainPID": "1", "ActiveState": "active"}
_STOPPED = {"MainPID": "0", "ActiveState": "inactive"}


@dataclass(frozen=True)
class Forecast:
    """Every step as far as it can be foreseen, and why the run will end before all is as wanted, if it will."""

    steps: tuple[Step, ...]
    ends: Refusal | None = None


@dataclass(frozen=True)
class _State:
    """What a look would show after the steps so far; ids that etcd gives on the way are made up."""

    facts: Mapping[str, HostFacts]
    alive: frozenset[str]
    target: Target

    def member(self, name: str) -> Member:
        wanted = self.target.members.get(name)
        return wanted.member if wanted else self.target.leaving[name]

    @property
    def listed(self) -> tuple[ListedMember, ...]:
        """The member list; the leader's word counts first."""
        tellers = [seen for seen in self.facts.values() if seen.healthy and seen.status and seen.members]
        tellers.sort(key=lambda seen: seen.status is None or seen.status.member_id != seen.status.leader_id)
        return tellers[0].members if tellers else ()

    @property
    def leader(self) -> str:
        """The id of the leader, empty where nobody tells it."""
        return next((seen.status.leader_id for seen in self.facts.values() if seen.healthy and seen.status), "")

    @property
    def cluster_id(self) -> str:
        ids = [seen.status.cluster_id for seen in self.facts.values() if seen.status]
        ids += [seen.wal.cluster_id for seen in self.facts.values() if seen.wal]
        return next((each for each in ids if each), self.target.cluster_id or "new")

    def at(self, name: str, **changes: object) -> "_State":
        """Return the state with other facts of one host."""
        return replace(self, facts={**self.facts, name: replace(self.facts[name], **changes)})  # type: ignore[arg-type]

    def every(self, change: Callable[[MemberStatus], MemberStatus]) -> "_State":
        """Return the state with another status of each member that tells one."""
        return replace(
            self,
            facts={
                name: replace(seen, status=change(seen.status)) if seen.status else seen
                for name, seen in self.facts.items()
            },
        )

    def listing(self, members: Iterable[ListedMember]) -> "_State":
        """Return the state with another member list."""
        listed = tuple(members)
        return replace(
            self,
            facts={name: replace(seen, members=listed) if seen.healthy else seen for name, seen in self.facts.items()},
        )

    def led_by(self, member_id: str) -> "_State":
        """Return the state with another leader."""
        return self.every(lambda status: replace(status, leader_id=member_id))

    def handed_over(self, member_id: str) -> "_State":
        """Return the state after the leader has handed over, as `execution.restart.hand_over` chooses the heir."""
        heirs = sorted(
            (name not in self.target.members, name, seen.status.member_id)
            for name, seen in self.facts.items()
            if seen.healthy and seen.status and not seen.status.is_learner and seen.status.member_id != member_id
        )
        return self.led_by(heirs[0][2]) if heirs else self


def forecast(observed: Observed, target: Target, alive: frozenset[str] = frozenset()) -> Forecast:
    """Return all steps, if nothing comes in between; raises `Refusal` where not even the first can be taken.

    The leader that an election will bring is not known, so a step may turn out to concern it.
    """
    observed = planning.without_strangers(observed, target)
    down = {name: seen for name, seen in observed.items() if not isinstance(seen, HostFacts)}
    facts = {name: seen for name, seen in observed.items() if isinstance(seen, HostFacts)}
    state, steps = _State(facts, alive, target), list[Step]()
    done: frozenset[Step] = frozenset()
    while len(steps) < _MOST_STEPS:
        try:
            plan = planning.plan({**state.facts, **down}, target, state.alive, done)
        except Refusal as refusal:
            if not steps:
                raise
            return Forecast(tuple(steps), refusal)
        if not plan.steps or (steps and plan.steps[0] == steps[-1]):
            break
        state, done = _after(state, plan.steps[0]), done | {plan.steps[0]}
        steps.append(plan.steps[0])
    return Forecast(tuple(steps))


def _after(state: _State, step: Step) -> _State:
    """Return what a look would show once a step has come to its end."""
    match step:
        case StartNew():
            return _started_new(state, step.names)
        case StartExisting():
            return _started_existing(state, step.names)
        case AwaitServing():
            listed = _remembered(state)
            return _recovered(state, listed).listing(listed)
        case SwitchCertificates():
            for name in step.names:
                state = _with_leafs(state, name)
            if not any(seen.healthy for seen in state.facts.values()):
                # They may have ended, which is all that kept the members from serving.
                listed = _remembered(state)
                state = _recovered(state, listed).listing(listed)
            return state
        case RecordBirth():
            for name in step.names:
                status = state.facts[name].status
                if status:
                    state = state.at(name, born=born_text(status.cluster_id, status.member_id))
            return state
        case Restart():
            status = state.facts[step.name].status
            state = state.handed_over(status.member_id) if step.leads and status else state
            state = _running(state, step.name)
            return state.at(step.name, served_revision=state.target.members[step.name].revision)
        case Reinstall():
            return _with_leafs(state, step.name).at(
                step.name, uninstalled=(), active_revision=state.target.members[step.name].revision
            )
        case RememberServed():
            for name in step.names:
                state = state.at(name, served_revision=state.target.members[name].revision)
            return state
        case RemoveMember():
            return _removed(state, step)
        case Retire():
            return _set_aside(state, step.name)
        case DisarmAlarms():
            for name in state.facts:
                state = state.at(name, alarms=())
            return state
        case UpdatePeerUrl():
            url = state.member(step.name).peer_url
            return state.listing(
                replace(entry, peer_urls=(url,)) if entry.member_id == step.member_id else entry
                for entry in state.listed
            )
        case AddLearner():
            url = state.member(step.name).peer_url
            return state.listing((*state.listed, ListedMember(f"new {step.name}", "", (url,), is_learner=True)))
        case StartJoin():
            return _joined(state, step.name)
        case Promote():
            return _promoted(state, step.name)
        case EnableDowngrade():
            return state.every(
                lambda status: replace(status, storage_version=f"{step.minor}.0", downgrade_target=step.minor)
            )
        case CancelDowngrade():
            lowest = min(minor(seen.status.version) for seen in state.facts.values() if seen.status)
            return state.every(lambda status: replace(status, storage_version=f"{text(lowest)}.0", downgrade_target=""))
        case TrialStart() | CheckV2Store() | SaveSnapshot():
            return state
    assert_never(step)


def _with_leafs(state: _State, name: str) -> _State:
    """Return the state in which a member uses the leafs that are staged for it."""
    seen = state.facts[name]
    loaded, staged = seen.loaded_trust, seen.staged_trust
    if loaded and staged:
        loaded = replace(loaded, server_issuer=staged.server_issuer, peer_issuer=staged.peer_issuer)
    return state.at(name, active_certificates=state.target.members[name].certificates, loaded_trust=loaded)


def _running(state: _State, name: str, *, as_is: bool = False, learner: bool = False) -> _State:
    """Return the state in which a member was (re)started, on its staged revision unless it starts as it is."""
    seen, member = state.facts[name], state.member(name)
    id_ = seen.status.member_id if seen.status else seen.wal.member_id if seen.wal else f"new {name}"
    revision, certificates, version = seen.active_revision, seen.active_certificates, seen.active_version
    trust: Trust | None = seen.loaded_trust
    if not as_is:
        wanted = state.target.members[name]
        revision, version = wanted.revision, member.version
        serving = any(other.healthy for other in state.facts.values())
        kept = bool(certificates) and serving and bool(unverified(state.facts, [name]))
        certificates = certificates if kept else wanted.certificates
        if seen.staged_trust:
            issued = seen.loaded_trust if kept and seen.loaded_trust else seen.staged_trust
            trust = replace(seen.staged_trust, server_issuer=issued.server_issuer, peer_issuer=issued.peer_issuer)
    status = seen.status or MemberStatus(id_, state.cluster_id, version, state.leader, learner, 0, 0, 0, 0)
    status = replace(status, version=version or status.version, is_learner=learner, storage_version=_storage(state))
    state = state.at(
        name,
        unit={**seen.unit, **_RUNS},
        running_revision=revision,
        active_revision=revision,
        active_certificates=certificates,
        active_version=version,
        loaded_trust=trust,
        uninstalled=() if not as_is else seen.uninstalled,
        served_revision=revision if seen.served_revision else "",
        wal=seen.wal or WalIdentity(id_, state.cluster_id),
        has_wal=True,
        leftover=True,
        status=status,
        members=() if learner else state.listed,
        healthy=not learner,
        query=Query.ERROR if learner else Query.SERVES,
    )
    return _with_settled_versions(state)


def _storage(state: _State) -> str:
    return next((seen.status.storage_version for seen in state.facts.values() if seen.status), "")


def _with_settled_versions(state: _State) -> _State:
    """etcd raises the storage version, and ends a downgrade, once all members run the same minor version."""
    running = {minor(seen.status.version) for seen in state.facts.values() if seen.status and seen.status.version}
    if len(running) != 1:
        return state
    (only,) = running
    targets = {seen.status.downgrade_target for seen in state.facts.values() if seen.status} - {""}
    if targets - {text(only)}:
        return state
    return state.every(lambda status: replace(status, storage_version=f"{text(only)}.0", downgrade_target=""))


def _started_new(state: _State, names: Iterable[str]) -> _State:
    listed = tuple(
        ListedMember(f"new {name}", name, (state.member(name).peer_url,), is_learner=False) for name in names
    )
    for name in names:
        state = _running(_set_aside(state, name), name)
        status = state.facts[name].status
        if status:
            state = state.at(name, born=born_text(status.cluster_id, status.member_id))
    return state.listing(listed)


def _started_existing(state: _State, names: Iterable[str]) -> _State:
    was_serving = any(seen.healthy for seen in state.facts.values())
    listed = state.listed or _remembered(state)
    learners = {entry.member_id for entry in listed if entry.is_learner}
    floor = max((minor(seen.status.storage_version) for seen in state.facts.values() if seen.status), default=(0, 0))
    for name in names:
        seen = state.facts[name]
        active = minor(seen.active_version)
        other = bool(seen.active_version) and active != minor(state.member(name).version) and active >= floor
        learner = seen.wal is not None and seen.wal.member_id in learners
        state = _running(state, name, as_is=other or name not in state.target.members, learner=learner)
    if not was_serving:
        state = _recovered(state, listed)
    return state.listing(listed)


def _recovered(state: _State, listed: Iterable[ListedMember]) -> _State:
    """Return the state in which voters that run serve: there is a quorum, or what kept them from serving is gone."""
    voters = {entry.member_id for entry in listed if not entry.is_learner}
    for name, seen in state.facts.items():
        if seen.is_running and not seen.healthy and seen.wal and seen.wal.member_id in voters:
            state = _serving(state, name, seen.running_revision or "")
    return state


def _serving(state: _State, name: str, revision: str) -> _State:
    """Return the state in which a member that runs serves too, still on its revision."""
    seen = state.facts[name]
    id_ = seen.wal.member_id if seen.wal else f"new {name}"
    version = seen.active_version or state.member(name).version
    status = seen.status or MemberStatus(id_, state.cluster_id, version, state.leader, False, 0, 0, 0, 0)
    status = replace(status, storage_version=_storage(state))
    return state.at(name, running_revision=revision, status=status, healthy=True, query=Query.SERVES)


def _remembered(state: _State) -> tuple[ListedMember, ...]:
    """Return the member list that a cluster of which nobody answers is likely to have."""
    known = (set(state.target.members) & state.target.known) or set(state.target.members)
    names = [*sorted(known), *(name for name in state.target.leaving if _may_be_member(state.facts.get(name)))]
    entries = []
    for name in names:
        seen = state.facts.get(name)
        id_ = seen.wal.member_id if seen and seen.wal else f"unknown {name}"
        former = former_peer_urls(seen) if seen else ()
        learner = bool(seen and seen.status and seen.status.is_learner)
        entries.append(ListedMember(id_, name, former or (state.member(name).peer_url,), is_learner=learner))
    return tuple(entries)


def _may_be_member(seen: HostFacts | None) -> bool:
    return seen is None or seen.wal is not None


def _set_aside(state: _State, name: str) -> _State:
    return state.at(
        name,
        unit={**state.facts[name].unit, **_STOPPED},
        running_revision=None,
        wal=None,
        has_wal=False,
        leftover=False,
        born=None,
        attempt=None,
        served_revision="",
        status=None,
        members=(),
        healthy=False,
        query=Query.NOT_ASKED,
    )


def _removed(state: _State, step: RemoveMember) -> _State:
    if step.leads:
        state = state.handed_over(step.member_id)
    state = state.listing(entry for entry in state.listed if entry.member_id != step.member_id)
    state = replace(state, alive=state.alive - {step.member_id})
    if step.host and step.host in state.facts:
        return _set_aside(state, step.host)
    for name, seen in state.facts.items():
        if seen.status and seen.status.member_id == step.member_id:
            # A member that was removed ends by itself; its data stays where it is.
            state = state.at(name, unit={**seen.unit, **_STOPPED}, running_revision=None, status=None, healthy=False)
    return state


def _joined(state: _State, name: str) -> _State:
    url = state.member(name).peer_url
    entry = next(each for each in state.listed if url in each.peer_urls)
    state = _set_aside(state, name).at(name, wal=WalIdentity(entry.member_id, state.cluster_id))
    state = _running(state, name, learner=entry.is_learner)
    return state.listing(replace(each, name=name) if each is entry else each for each in state.listed)


def _promoted(state: _State, name: str) -> _State:
    url = state.member(name).peer_url
    listed = tuple(replace(each, is_learner=False) if url in each.peer_urls else each for each in state.listed)
    seen = state.facts.get(name)
    if seen and seen.status:
        voter = replace(seen.status, is_learner=False, leader_id=state.leader)
        state = state.at(name, status=voter, healthy=True, query=Query.SERVES)
    return state.listing(listed)
