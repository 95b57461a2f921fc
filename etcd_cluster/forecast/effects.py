"""What a look at the hosts would show after each step, if it comes to its end; ids that etcd gives are made up."""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from etcd_cluster.certificates.pem import Trust
from etcd_cluster.forecast.state import State
from etcd_cluster.observation.facts import HostFacts, ListedMember, MemberStatus
from etcd_cluster.observation.query import Query
from etcd_cluster.observation.wal import WalIdentity
from etcd_cluster.planning.rules.trust import unverified
from etcd_cluster.planning.steps import (
    AddLearner,
    AwaitServing,
    CancelDowngrade,
    CheckV2Store,
    DisarmAlarms,
    EnableDowngrade,
    Promote,
    RecordBootstrap,
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
from etcd_cluster.planning.target import bootstrap_marker, quorum
from etcd_cluster.rendering import revision as rendering
from etcd_cluster.rendering.config_diff import former_peer_urls
from etcd_cluster.versions import minor, text

_RUNS = {"MainPID": "1", "ActiveState": "active"}
_STOPPED = {"MainPID": "0", "ActiveState": "inactive"}


def after(state: State, step: Step) -> State:
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
                state = _with_leaves(state, name)
            if not any(host.healthy for host in state.facts.values()):
                # They may have ended, which is all that kept the members from serving.
                listed = _remembered(state)
                state = _recovered(state, listed).listing(listed)
            return state
        case RecordBootstrap():
            for name in step.names:
                status = state.facts[name].status
                if status:
                    state = state.at(name, bootstrapped=bootstrap_marker(status.cluster_id, status.member_id))
            return state
        case Restart():
            status = state.facts[step.name].status
            state = state.handed_over(status.member_id) if step.leads and status else state
            if step.moves:
                state = _at_new_url(state, step.name, step.moves)
            state = _running(state, step.name)
            return state.at(step.name, served_revision=state.target.members[step.name].revision)
        case Reinstall():
            return _with_leaves(state, step.name).at(
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
            return _at_new_url(state, step.name, step.member_id)
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
            lowest = min(minor(host.status.version) for host in state.facts.values() if host.status)
            return state.every(lambda status: replace(status, storage_version=f"{text(lowest)}.0", downgrade_target=""))
        case TrialStart() | CheckV2Store() | SaveSnapshot():
            return state
    assert_never(step)


def _at_new_url(state: State, name: str, member_id: str) -> State:
    url = state.member(name).peer_url
    return state.listing(
        replace(entry, peer_urls=(url,)) if entry.member_id == member_id else entry for entry in state.listed
    )


def _with_leaves(state: State, name: str) -> State:
    """Return the state in which a member uses the leaf certificates that are staged for it."""
    host = state.facts[name]
    loaded, staged = host.loaded_trust, host.staged_trust
    if loaded and staged:
        loaded = replace(loaded, server_issuer=staged.server_issuer, peer_issuer=staged.peer_issuer)
    return state.at(name, active_certificates=state.target.members[name].certificates, loaded_trust=loaded)


def _running(state: State, name: str, *, as_is: bool = False, learner: bool = False) -> State:
    """Return the state in which a member was (re)started, on its staged revision unless it starts as it is."""
    host, member = state.facts[name], state.member(name)
    id_ = host.status.member_id if host.status else host.wal.member_id if host.wal else f"new {name}"
    revision, certificates, version = host.active_revision, host.active_certificates, host.active_version
    trust: Trust | None = host.loaded_trust
    environment = host.active_environment
    if not as_is:
        environment = rendering.environment_text(rendering.environment(member))
        wanted = state.target.members[name]
        revision, version = wanted.revision, member.version
        serving = any(other.healthy for other in state.facts.values())
        kept = bool(certificates) and serving and bool(unverified(state.facts, [name]))
        certificates = certificates if kept else wanted.certificates
        if host.staged_trust:
            issued = host.loaded_trust if kept and host.loaded_trust else host.staged_trust
            trust = replace(host.staged_trust, server_issuer=issued.server_issuer, peer_issuer=issued.peer_issuer)
    status = host.status or MemberStatus(id_, state.cluster_id, version, state.leader, learner, 0, 0, 0, 0)
    status = replace(status, version=version or status.version, is_learner=learner, storage_version=_storage(state))
    state = state.at(
        name,
        unit={**host.unit, **_RUNS},
        running_revision=revision,
        active_revision=revision,
        active_certificates=certificates,
        active_environment=environment,
        active_version=version,
        loaded_trust=trust,
        uninstalled=() if not as_is else host.uninstalled,
        served_revision=revision if host.served_revision else "",
        wal=host.wal or WalIdentity(id_, state.cluster_id),
        has_wal=True,
        leftover=True,
        status=status,
        members=() if learner else state.listed,
        healthy=not learner,
        query=Query.ERROR if learner else Query.SERVES,
    )
    return _with_settled_versions(state)


def _storage(state: State) -> str:
    return next((host.status.storage_version for host in state.facts.values() if host.status), "")


def _with_settled_versions(state: State) -> State:
    """etcd raises the storage version, and ends a downgrade, once all members run the same minor version."""
    running = {minor(host.status.version) for host in state.facts.values() if host.status and host.status.version}
    if len(running) != 1:
        return state
    (only,) = running
    targets = {host.status.downgrade_target for host in state.facts.values() if host.status} - {""}
    if targets - {text(only)}:
        return state
    return state.every(lambda status: replace(status, storage_version=f"{text(only)}.0", downgrade_target=""))


def _started_new(state: State, names: Iterable[str]) -> State:
    listed = tuple(
        ListedMember(f"new {name}", name, (state.member(name).peer_url,), is_learner=False) for name in names
    )
    for name in names:
        state = _running(_set_aside(state, name), name)
        status = state.facts[name].status
        if status:
            state = state.at(name, bootstrapped=bootstrap_marker(status.cluster_id, status.member_id))
    return state.listing(listed)


def _started_existing(state: State, names: Iterable[str]) -> State:
    was_serving = any(host.healthy for host in state.facts.values())
    listed = state.listed or _remembered(state)
    learners = {entry.member_id for entry in listed if entry.is_learner}
    floor = max((minor(host.status.storage_version) for host in state.facts.values() if host.status), default=(0, 0))
    for name in names:
        host = state.facts[name]
        active = minor(host.active_version)
        other = bool(host.active_version) and active != minor(state.member(name).version) and active >= floor
        learner = host.wal is not None and host.wal.member_id in learners
        state = _running(state, name, as_is=other or name not in state.target.members, learner=learner)
    if not was_serving:
        state = _recovered(state, listed)
    return state.listing(listed)


def _recovered(state: State, listed: Iterable[ListedMember]) -> State:
    """Return the state in which voters that run serve, if they are a quorum: what kept them from serving is gone."""
    voters = {entry.member_id for entry in listed if not entry.is_learner}
    running = [
        name
        for name, host in state.facts.items()
        if host.is_running and host.query is not Query.CANNOT_ASK and host.wal and host.wal.member_id in voters
    ]
    if len(running) < quorum(len(voters)):
        return state
    for name in running:
        if not state.facts[name].healthy:
            state = _serving(state, name, state.facts[name].running_revision or "")
    return state


def _serving(state: State, name: str, revision: str) -> State:
    """Return the state in which a member that runs serves too, still on its revision."""
    host = state.facts[name]
    id_ = host.wal.member_id if host.wal else f"new {name}"
    version = host.active_version or state.member(name).version
    status = host.status or MemberStatus(id_, state.cluster_id, version, state.leader, False, 0, 0, 0, 0)
    status = replace(status, storage_version=_storage(state))
    return state.at(name, running_revision=revision, status=status, healthy=True, query=Query.SERVES)


def _remembered(state: State) -> tuple[ListedMember, ...]:
    """Return the member list that a cluster of which nobody answers is likely to have."""
    known = (set(state.target.members) & state.target.known) or set(state.target.members)
    names = [*sorted(known), *(name for name in state.target.leaving if _may_be_member(state.facts.get(name)))]
    entries = []
    for name in names:
        host = state.facts.get(name)
        id_ = host.wal.member_id if host and host.wal else f"unknown {name}"
        former = former_peer_urls(host) if host else ()
        learner = bool(host and host.status and host.status.is_learner)
        entries.append(ListedMember(id_, name, former or (state.member(name).peer_url,), is_learner=learner))
    return tuple(entries)


def _may_be_member(host: HostFacts | None) -> bool:
    return host is None or host.wal is not None


def _set_aside(state: State, name: str) -> State:
    return state.at(
        name,
        unit={**state.facts[name].unit, **_STOPPED},
        running_revision=None,
        wal=None,
        has_wal=False,
        leftover=False,
        bootstrapped=None,
        attempt=None,
        served_revision="",
        status=None,
        members=(),
        healthy=False,
        query=Query.NOT_ASKED,
    )


def _removed(state: State, step: RemoveMember) -> State:
    if step.leads:
        state = state.handed_over(step.member_id)
    state = state.listing(entry for entry in state.listed if entry.member_id != step.member_id)
    unclear = {member_id: said for member_id, said in state.unclear.items() if member_id != step.member_id}
    state = replace(state, alive=state.alive - {step.member_id}, unclear=unclear)
    if step.host and step.host in state.facts:
        return _set_aside(state, step.host)
    for name, host in state.facts.items():
        if host.status and host.status.member_id == step.member_id:
            # A member that was removed ends by itself; its data stays where it is.
            state = state.at(name, unit={**host.unit, **_STOPPED}, running_revision=None, status=None, healthy=False)
    return state


def _joined(state: State, name: str) -> State:
    url = state.member(name).peer_url
    entry = next(each for each in state.listed if url in each.peer_urls)
    state = _set_aside(state, name).at(name, wal=WalIdentity(entry.member_id, state.cluster_id))
    state = _running(state, name, learner=entry.is_learner)
    return state.listing(replace(each, name=name) if each is entry else each for each in state.listed)


def _promoted(state: State, name: str) -> State:
    url = state.member(name).peer_url
    listed = tuple(replace(each, is_learner=False) if url in each.peer_urls else each for each in state.listed)
    host = state.facts.get(name)
    if host and host.status:
        voter = replace(host.status, is_learner=False, leader_id=state.leader)
        state = state.at(name, status=voter, healthy=True, query=Query.SERVES)
    return state.listing(listed)
