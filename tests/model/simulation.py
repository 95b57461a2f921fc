"""A model of a cluster on its hosts: what a look at it shows, and what each step changes, as etcd 3.6.16 would.

etcd's own refusals are those of its source: etcdserver/server.go (mayAddMember, mayRemoveMember, mayPromoteMember),
etcdserver/util.go (isConnectedToQuorumAfterAddingNewMemberSince), membership/cluster.go (IsReadyTo…).
"""

# ruff: noqa: ARG001 - every action takes the same arguments

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from etcd_cluster import planning
from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts, ListedMember, MemberStatus
from etcd_cluster.observation.query import Query
from etcd_cluster.observation.wal import WalIdentity
from etcd_cluster.planning import Attempt, Observed, Step, Target, TargetMember, bootstrap_marker, quorum
from etcd_cluster.specs.member import Member
from etcd_cluster.versions import Minor, minor, text
from tests.unit.samples import CLUSTER, LAYOUT, down

WANTED = "r1"
LEAVES = "c1"
OTHERS = "beef"


class Host(NamedTuple):
    """A machine; `place` is its address, `data` the id of the member whose data it holds, `runs` its revision.

    A `foreign` one serves another cluster by now; `served` is the revision that it remembers as one that served.
    A `hidden` member votes, but we get no answer of it: `unasked` where etcdctl fails on its own host, `refuses` where
    the member refuses our client from everywhere, `mute` where nothing comes back.
    """

    place: str
    data: str = ""
    runs: str = ""
    active: str = WANTED
    leaves: str = LEAVES
    bootstrapped: bool = True
    reachable: bool = True
    powered: bool = True
    sick: bool = False
    attempt: str = ""
    foreign: bool = False
    served: str = ""
    hidden: str = ""


class Entry(NamedTuple):
    """A line of etcd's member list."""

    id: str
    name: str
    place: str
    started: bool = True
    learner: bool = False


class _Fields(NamedTuple):
    hosts: tuple[Host, ...]
    members: tuple[Entry, ...]
    leader: str = ""
    alarm: tuple[str, str] | None = None
    storage: str = ""
    downgrade: str = ""
    bootstrapped: bool = True


class World(_Fields):
    """All hosts and the cluster on them; what follows from its fields is worked out once."""

    @cached_property
    def _by_place(self) -> dict[str, Host]:
        return {host.place: host for host in self.hosts}

    def host(self, place: str) -> Host:
        """Return the host at an address."""
        return self._by_place[place]

    def entry_at(self, place: str) -> Entry | None:
        """Return the entry with this address."""
        return next((entry for entry in self.members if entry.place == place), None)

    @cached_property
    def listed(self) -> frozenset[str]:
        """The ids that are listed."""
        return frozenset(entry.id for entry in self.members)

    @cached_property
    def voters(self) -> list[Entry]:
        """The entries that vote."""
        return [entry for entry in self.members if not entry.learner]

    @cached_property
    def _runners(self) -> dict[str, Host]:
        return {h.data: h for h in reversed(self.hosts) if h.runs and h.powered and not h.sick}

    def runner(self, member_id: str) -> Host | None:
        """Return the host on which a listed member runs and answers."""
        return self._runners.get(member_id) if member_id else None

    def live_voters(self) -> int:
        """Return how many voters run."""
        return sum(entry.id in self._runners for entry in self.voters)

    def answers(self, member_id: str) -> bool:
        """Return whether a member runs and would answer us from another host."""
        host = self.runner(member_id)
        return host is not None and host.hidden in ("", "unasked")

    def is_heard(self, member_id: str) -> bool:
        """Return whether a member runs and is not silent: it answers us, or refuses our client."""
        host = self.runner(member_id)
        return host is not None and host.hidden in ("", "unasked", "refuses")

    def answering_voters(self) -> int:
        """Return how many voters answer us."""
        return sum(self.answers(entry.id) for entry in self.voters)

    @cached_property
    def has_quorum(self) -> bool:
        """Whether the cluster serves."""
        return bool(self.voters) and self.live_voters() >= quorum(len(self.voters))

    def with_host(self, place: str, **changes: object) -> "World":
        """Return the world with one host changed."""
        return self._replace(hosts=tuple(h._replace(**changes) if h.place == place else h for h in self.hosts))

    def settled(self) -> "World":
        """Return the world once etcd has elected a leader, and members that were removed have ended."""
        listed = self.listed
        hosts = tuple(
            h._replace(runs="") if h.runs and h.data not in listed and not h.foreign else h for h in self.hosts
        )
        world = self._replace(hosts=hosts)
        if not world.has_quorum:
            return world._replace(leader="")
        if not all(entry.started for entry in world.members):
            # A member that runs publishes its name.
            members = tuple(e if e.started else e._replace(started=bool(world.runner(e.id))) for e in world.members)
            world = world._replace(members=members)
        live = [entry.id for entry in world.voters if world.runner(entry.id)]
        return world if world.leader in live else world._replace(leader=live[0])


@dataclass(frozen=True)
class Wish:
    """What is wanted: each node's address, and what the state knows."""

    places: Mapping[str, str]
    leaving: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    confirmed: frozenset[tuple[str, str]] = frozenset()
    cluster_id: str | None = CLUSTER
    versions: tuple[tuple[str, str], ...] = (("r0", "3.6.16"), ("v0", "3.6.14"), (WANTED, "3.6.16"))
    refused: bool = False
    trial: bool = False

    @cached_property
    def target(self) -> Target:
        """The target as the planner takes it."""
        replaces = dict(self.confirmed)
        members = {
            name: TargetMember(member(name, place, self.version(WANTED)), WANTED, LEAVES, replaces.get(name))
            for name, place in self.places.items()
        }
        leaving = {name: member(name, place, self.version(WANTED)) for name, place in self.leaving.items()}
        return Target(members, self.cluster_id, leaving, self.known, self.trial)

    @cached_property
    def nodes(self) -> dict[str, str]:
        """The address of each node that is looked at."""
        return {**self.leaving, **self.places}

    def version(self, revision: str) -> str:
        """Return the version that a revision names."""
        return dict(self.versions)[revision]

    def __hash__(self) -> int:
        return id(self)


@lru_cache(None)
def member(name: str, place: str, version: str) -> Member:
    """Return a node's member; a place is the last number of its address."""
    return Member(name, f"192.0.2.{place}", 2379, 2380, version, "etcd", "etcd", 900, {}, LAYOUT)


def url(place: str) -> str:
    """Return the peer URL of an address."""
    return f"https://192.0.2.{place}:2380"


# looking


def seen_serving(world: World, wish: Wish) -> bool:
    """Return whether any host that answers has a member that serves."""
    voters = {entry.id for entry in world.voters}
    hosts = [world.host(place) for place in wish.nodes.values()]
    return world.has_quorum and any(
        host.powered and host.reachable and not host.hidden and host.data in voters and world.runner(host.data)
        for host in hosts
    )


def observe(world: World, wish: Wish) -> tuple[Observed, frozenset[str], dict[str, str]]:
    """Return what a look at all nodes shows, which listed members answer besides, and which are not silent."""
    serves = world.has_quorum
    members = listed(world.members) if serves else ()
    seen: dict[str, HostFacts | Problem] = {}
    unseen = world.listed
    for name, place in wish.nodes.items():
        host = world.host(place)
        if not (host.powered and host.reachable):
            seen[name] = down(name)
            continue
        if host.foreign:
            seen[name] = others(host)
            continue
        entry = next((each for each in world.members if each.id == host.data), None)
        answers = bool(host.runs and entry)
        seen_here = not host.sick and not host.hidden
        healthy = answers and serves and seen_here and entry is not None and not entry.learner
        if healthy:
            unseen -= {host.data}
        status = None
        if answers and entry and seen_here:
            version = wish.version(host.runs)
            leader = world.leader or "0"
            storage = world.storage if minor(version) > (3, 5) else ""
            status = say_status(
                entry.id, version, leader, entry.learner, storage, world.downgrade, cluster_of(host.data, wish)
            )
        alarms = (world.alarm,) if world.alarm and healthy else ()
        plan = attempt(wish, host.attempt) if host.attempt != "t0" else Attempt("t0", "other").text()
        seen[name] = facts(
            host,
            wish.version(host.active),
            status,
            members if healthy else (),
            healthy,
            alarms,
            plan,
            cluster_of(host.data, wish),
        )
    if not seen_serving(world, wish):
        # Only hosts whose disk names another address ask there, and any answer counts.
        copies = {host.data for place in wish.nodes.values() if not (host := world.host(place)).runs and host.data}
        asked = copies & unseen
        return seen, frozenset(each for each in asked if world.answers(each)), _refusing(world, asked)
    # What answers at an address that no observed host shows; a learner never gives a linearizable answer.
    voters = {entry.id for entry in world.voters}
    asked = unseen & voters if serves else frozenset()
    return seen, frozenset(each for each in asked if world.answers(each)), _refusing(world, asked)


def _refusing(world: World, asked: frozenset[str]) -> dict[str, str]:
    return {each: "tls: bad certificate" for each in asked if world.is_heard(each) and not world.answers(each)}


@lru_cache(None)
def listed(members: tuple[Entry, ...]) -> tuple[ListedMember, ...]:
    """Return the member list as etcdctl prints it."""
    return tuple(
        ListedMember(each.id, each.name if each.started else "", (url(each.place),), each.learner) for each in members
    )


@lru_cache(None)
def say_status(
    member_id: str, version: str, leader: str, learner: bool, storage: str, downgrade: str, cluster: str
) -> MemberStatus:
    """Return what a member says of itself."""
    return MemberStatus(member_id, cluster, version, leader, learner, 2, 100, 100, 20480, (), storage, downgrade)


@lru_cache(None)
def facts(
    host: Host,
    version: str,
    status: MemberStatus | None,
    members: tuple[ListedMember, ...],
    healthy: bool,
    alarms: tuple[tuple[str, str], ...],
    attempt_text: str,
    cluster: str,
) -> HostFacts:
    """Return what a look at one host shows."""
    return HostFacts(
        machine="x86_64",
        attempt=attempt_text if host.attempt else None,
        bootstrapped=bootstrap_marker(cluster, host.data) if host.bootstrapped else None,
        leftover=bool(host.data),
        wal=WalIdentity(host.data, cluster) if host.data else None,
        has_wal=bool(host.data),
        active_revision=host.active,
        active_certificates=host.leaves,
        active_version=version,
        running_revision=host.runs or None,
        served_revision=host.served,
        unit={"MainPID": "42" if host.runs else "0", "ActiveState": "active" if host.runs else "inactive"},
        status=status,
        members=members,
        healthy=healthy,
        alarms=alarms,
        query=_query(host, status, healthy),
    )


def _query(host: Host, status: MemberStatus | None, healthy: bool) -> Query:
    if not host.runs:
        return Query.NOT_ASKED
    if host.hidden in ("unasked", "refuses"):
        return Query.CANNOT_ASK
    if status is None:
        return Query.SILENT
    return Query.SERVES if healthy else Query.ERROR


@lru_cache(None)
def others(host: Host) -> HostFacts:
    """Return what a look at a host of another cluster shows: a member that serves, and all is well."""
    seen = facts(host, "3.6.16", None, (ListedMember(host.data, "x", (url(host.place),), False),), True, (), "", OTHERS)
    status = MemberStatus(host.data, OTHERS, "3.6.16", host.data, False, 2, 100, 100, 20480)
    return replace(
        seen, bootstrapped=bootstrap_marker(OTHERS, host.data), wal=WalIdentity(host.data, OTHERS), status=status
    )


def attempt(wish: Wish, token: str = "t1") -> str:
    """Return the bootstrap of the wanted members as a host has it."""
    return Attempt(token, wish.target.initial_cluster).text()


@lru_cache(None)
def cluster_of(data: str, wish: Wish) -> str:
    """Return the id of the cluster that a member's data belongs to."""
    if wish.cluster_id:
        return CLUSTER
    for token in ("t1", "t2"):
        bootstrap = Attempt(token, wish.target.initial_cluster)
        if data in bootstrap.member_ids.values():
            return bootstrap.cluster_id
    return OTHERS


# doing


class Harm(AssertionError):
    """A step that must never be taken, or that etcd refuses although the planner should have known."""


class Done(NamedTuple):
    """Each world on the way of a step, the last one at its end; `failed` says why it did not succeed."""

    worlds: list[World]
    failed: str = ""


def take(world: World, step: Step, wish: Wish) -> Done:
    """Carry out one step."""
    corrupt = world.alarm[0] if world.alarm and world.alarm[1] == "CORRUPT" else ""
    wanted = {entry.id for entry in world.members if entry.place in wish.places.values()}
    if corrupt in wanted and seen_serving(world, wish):
        raise Harm(f"{step}: {corrupt} is corrupt")
    result = _ACTIONS[type(step)](world, step, wish)
    worlds = [each.settled() for each in result.worlds]
    for after in worlds:
        _refuse_trespass(world, after, step)
    return Done(worlds, result.failed)


def _refuse_trespass(before: World, after: World, step: Step) -> None:
    """Refuse a change of a host that another cluster has, and a second process with one member's id."""
    if [host for host in before.hosts if host.foreign] != [host for host in after.hosts if host.foreign]:
        raise Harm(f"{step}: the host of another cluster")
    running = [host.data for host in after.hosts if host.runs and host.powered]
    if len(running) != len(set(running)):
        raise Harm(f"{step}: two processes with the id of one member")


def _trial(world: World, step: planning.TrialStart, wish: Wish) -> Done:
    hosts = [world.host(wish.places[name]) for name in step.names]
    if not all(host.powered and host.reachable for host in hosts):
        raise Harm(f"{step}: a host is down")
    if idle := [h.place for h in map(world.host, wish.places.values()) if _could_serve(world, h)]:
        raise Harm(f"{step}: {idle} are stopped and wait for it")
    # Nothing changes, whether it passes or not.
    return Done([world], "a trial start failed" if wish.refused else "")


def _could_serve(world: World, host: Host) -> bool:
    """Return whether a member is stopped and could start on its data."""
    has_own = (entry := world.entry_at(host.place)) is not None and entry.id == host.data
    return world.bootstrapped and has_own and host.powered and host.reachable and not host.runs


def untried(world: World, step: Step, wish: Wish) -> set[str]:
    """Return the nodes that a step leads to start with what their hosts have not seen serve."""
    match step:
        case planning.StartNew():
            names = set(step.names)
        case planning.Restart() | planning.StartJoin() | planning.AddLearner():
            names = {step.name} if seen_serving(world, wish) else set()
        case planning.SwitchCertificates():
            return set(step.names) - _silent(world, wish) if seen_serving(world, wish) else set()
        case _:
            names = set()
    return {name for name in names if WANTED not in ((host := world.host(wish.places[name])).runs, host.served)}


def _silent(world: World, wish: Wish) -> set[str]:
    voters = {entry.id for entry in world.voters}
    hosts = {name: world.host(place) for name, place in wish.places.items()}
    return {name for name, host in hosts.items() if host.data not in voters or not world.runner(host.data)}


def _needs_quorum(world: World, step: Step) -> None:
    if not world.has_quorum:
        raise Harm(f"{step}: no quorum")


def _start_new(world: World, step: planning.StartNew, wish: Wish) -> Done:
    if world.bootstrapped:
        raise Harm(f"{step}: a cluster was born")
    bootstrap = Attempt(step.attempt or "t2", wish.target.initial_cluster)
    ids = {place: bootstrap.member_ids[name] for name, place in wish.places.items()}
    serving = {place for place, id_ in ids.items() if world.has_quorum and world.runner(id_) is world.host(place)}
    if world.has_quorum and not serving:
        raise Harm(f"{step}: another cluster serves")
    hosts = [world.host(place) for place in ids]
    if {host.attempt for host in hosts} - {""} == {"t1"} != {bootstrap.id}:
        raise Harm(f"{step}: the attempt that is under way is started over")
    if all(host.data and host.data not in ids.values() and host.attempt == bootstrap.id for host in hosts):
        raise Harm(f"{step}: the data of a whole other cluster is set aside")
    worlds = []
    for place, id_ in ids.items():
        host = world.host(place)
        if not (host.powered and host.reachable):
            raise Harm(f"{step}: {place} does not answer")
        if host.attempt != bootstrap.id or host.data not in ("", id_):
            if host.data and not host.attempt:
                raise Harm(f"{step}: data that no bootstrap explains is set aside on {place}")
            world = world.with_host(place, attempt=bootstrap.id, data="", runs="", sick=False)
            worlds.append(world)
    # Each of them is stopped where it runs something else, and starts; a run may end between any two.
    for place in ids.keys() - serving:
        if world.host(place).runs not in ("", WANTED):
            world = world.with_host(place, runs="")
            worlds.append(world)
    entries = tuple(Entry(ids[place], name, place) for name, place in sorted(wish.places.items()))
    for place in sorted(ids.keys() - serving):
        sick = world.host(place).sick and world.host(place).runs == WANTED
        world = world._replace(members=entries).with_host(
            place, data=ids[place], runs=WANTED, active=WANTED, leaves=LEAVES, sick=sick
        )
        worlds.append(world)
    if not all(world.runner(each) for each in ids.values()):
        for place in ids.keys() - serving:
            world = world.with_host(place, runs="", sick=False)
            worlds.append(world)
        return Done(worlds, "the bootstrap is stopped")
    for place in ids:
        world = world.with_host(place, bootstrapped=True)._replace(bootstrapped=True)
        worlds.append(world)
    return Done(worlds)


def _started(world: World, place: str, wish: Wish) -> World:
    """Return the world once a member was started on what is active; versions settle once all run the same."""
    host = world.host(place)
    new = minor(wish.version(host.active))
    if world.storage and not minor(world.storage) <= new <= (3, minor(world.storage)[1] + 1):
        raise Harm(f"{host.place}: {wish.version(host.active)} panics on storage version {world.storage}")
    world = world.with_host(place, runs=host.active, sick=host.sick and host.runs == host.active)
    runners = [world.runner(entry.id) for entry in world.members]
    if all(runners):
        # The cluster's version moves only when every member is known to run the same.
        minors = {minor(wish.version(each.runs)) for each in runners if each}
        if len(minors) == 1 and world.downgrade in ("", text(next(iter(minors)))):
            world = world._replace(storage=f"{text(next(iter(minors)))}.0", downgrade="")
    return world


def _start_existing(world: World, step: planning.StartExisting, wish: Wish) -> Done:
    worlds, failed, served, whole = [world], "", seen_serving(world, wish), world
    able = [
        host for place in wish.places.values() if (host := world.host(place)).powered and host.reachable and host.data
    ]
    if not served and len(able) < quorum(len(wish.known & set(wish.places)) or len(wish.places)):
        raise Harm(f"{step}: too few have data")
    for name in step.names:
        place = wish.nodes[name]
        host = world.host(place)
        if not host.data:
            raise Harm(f"{step}: {name} has no data")
        if host.data not in world.listed:
            if served:
                raise Harm(f"{step}: {name} has the data of another member")
            # Nobody can tell while nobody serves; etcd ends at once.
            failed = "a removed member ended at its start"
            continue
        if whole.host(place).runs:
            raise Harm(f"{step}: {name} runs")
        kept = minor(wish.version(host.active)) >= minor(world.storage or "0.0")
        switched = name in wish.places and (minor(wish.version(host.active)) == minor(wish.version(WANTED)) or not kept)
        if switched:
            world = world.with_host(place, active=WANTED, leaves=LEAVES)
            worlds.append(world)
        if wish.refused and world.host(place).active == WANTED:
            failed = "etcd refuses the revision"
            world = world.with_host(place, runs="")
        else:
            world = _started(world, place, wish)
        worlds.append(world)
        if switched and world.host(place).runs == WANTED and not world.host(place).sick and host.served:
            world = world.with_host(place, served=WANTED)
            worlds.append(world)
        if world.host(place).sick:
            failed = failed or f"{name} stays sick"
    if not failed and not seen_serving(world.settled(), wish):
        failed = "no quorum came up"
        if not wish.refused and seen_serving(_with_all_started(world, wish), wish):
            raise Harm(f"{step}: no quorum, but others that answer have the votes for it")
    return Done(worlds, failed)


def _with_all_started(world: World, wish: Wish) -> World:
    for place in wish.nodes.values():
        host = world.host(place)
        if host.powered and host.reachable and host.data in world.listed:
            world = world.with_host(place, runs=host.active)
    return world


def _switch(world: World, step: planning.SwitchCertificates, wish: Wish) -> Done:
    worlds = []
    for name in step.names:
        world = world.with_host(wish.nodes[name], leaves=LEAVES)
        worlds.append(world)
    return Done(worlds)


def _record(world: World, step: planning.RecordBootstrap, wish: Wish) -> Done:
    worlds = []
    for name in step.names:
        if not world.runner(world.host(wish.nodes[name]).data):
            raise Harm(f"{step}: {name} does not run")
        world = world.with_host(wish.nodes[name], bootstrapped=True)._replace(bootstrapped=True)
        worlds.append(world)
    return Done(worlds)


def _handed_over(world: World, place: str) -> World:
    own = world.host(place).data
    heirs = [entry.id for entry in world.voters if entry.id != own and world.runner(entry.id)]
    return world._replace(leader=heirs[0]) if world.leader == own and heirs else world


def _restart(world: World, step: planning.Restart, wish: Wish) -> Done:
    place = wish.places[step.name]
    before = world.host(place)
    if not before.data or before.data not in world.listed:
        raise Harm(f"{step}: no member")
    leads = world.leader == before.data and len(world.voters) > 1
    if not before.hidden and leads != step.leads:
        raise Harm(f"{step}: leads {step.leads}, but the leader is {world.leader}")
    stale_followers = [
        name
        for name, other in wish.places.items()
        if other != place and world.host(other).runs not in ("", WANTED) and world.runner(world.host(other).data)
    ]
    if step.leads and stale_followers:
        raise Harm(f"{step}: the leader restarts before {stale_followers}")
    sick = [place for place in wish.places.values() if world.host(place).sick and world.host(place).runs != WANTED]
    # Where nobody serves, a revision that never did is what was changed last, so it goes back first.
    goes_back = before.served not in ("", before.runs) and not seen_serving(world, wish)
    # One that gives no answer looks the same as one that is sick.
    if sick and not (before.sick or before.hidden) and not goes_back and world.has_quorum:
        raise Harm(f"{step}: {sick} do not serve and restart first")
    if before.hidden in ("unasked", "refuses") and before.served in ("", before.runs):
        raise Harm(f"{step}: it cannot be asked on a revision that served")
    listed_at = next(each.place for each in world.members if each.id == before.data)
    if world.has_quorum and (listed_at != place) != bool(step.moves):
        raise Harm(f"{step}: it is listed at {listed_at}")
    worlds = [_handed_over(world, place)] if step.leads else []
    if step.moves:
        _needs_quorum(world, step)
        worlds.append(_listed_at(worlds[-1] if worlds else world, step.moves, place))
    serves = not before.sick and not before.hidden and world.has_quorum
    back = before.runs if serves else before.served or before.runs
    world = (worlds[-1] if worlds else world).with_host(place, served=before.runs if serves else before.served)
    world = world.with_host(place, active=WANTED, leaves=LEAVES)
    worlds.append(world)
    world = world.with_host(place, runs="")
    worlds.append(world.settled())
    world = worlds[-1]
    if wish.refused:
        if step.moves:
            world = _listed_at(world, step.moves, listed_at)
            worlds.append(world)
        worlds.append(world.with_host(place, active=back, runs=back, sick=False))
        return Done(worlds, "etcd refuses the revision")
    if before.runs != WANTED:
        world = world.with_host(place, sick=False)
    elif back != WANTED:
        worlds.append(world.with_host(place, active=back, runs=back, sick=False, hidden=""))
        return Done(worlds, "it is put back")
    worlds.append(_started(world, place, wish))
    world = worlds[-1]
    if world.host(place).sick:
        return Done(worlds, f"{step.name} stays sick")
    if before.hidden:
        return Done([*worlds, world.with_host(place, active=back, runs=back)], f"{step.name} stays hidden")
    return Done([*worlds, world.with_host(place, served=WANTED)])


def _set_aside(world: World, place: str, step: Step) -> World:
    host = world.host(place)
    if host.data in world.listed:
        raise Harm(f"{step}: sets the data of a member aside")
    return world.with_host(place, data="", runs="", bootstrapped=False, attempt="", served="")


def _remove(world: World, step: planning.RemoveMember, wish: Wish) -> Done:
    _needs_quorum(world, step)
    entry = next((each for each in world.members if each.id == step.member_id), None)
    if entry is None:
        raise Harm(f"{step}: not listed")
    alive = world.runner(entry.id) is not None
    _asked_for(world, step, entry, world.is_heard(entry.id), wish)
    rest = [each for each in world.voters if each.id != entry.id]
    if not entry.learner:
        if sum(each.started for each in rest) < quorum(len(rest)):
            raise Harm(f"{step}: etcd refuses, not enough started members")
        if alive and world.live_voters() - 1 < quorum(len(rest)):
            raise Harm(f"{step}: etcd refuses, unhealthy cluster")
        others = [each for each in world.members if not each.learner and each.id != entry.id and world.runner(each.id)]
        due = [each for each in others if not _is_wanted(world, each, wish)]
        if world.answers(entry.id) and world.leader == entry.id and due and world.alarm != (entry.id, "CORRUPT"):
            raise Harm(f"{step}: the leader leaves before {due}")
    worlds = []
    if step.leads and step.host:
        worlds.append(_handed_over(world, wish.nodes[step.host]))
        world = worlds[-1]
    world = world._replace(members=tuple(each for each in world.members if each.id != entry.id)).settled()
    worlds.append(world)
    if step.host:
        worlds.append(_set_aside(world, wish.nodes[step.host], step))
    return Done(worlds)


def _is_wanted(world: World, entry: Entry, wish: Wish) -> bool:
    """Return whether an entry is a wanted node's, also where that is listed with the peer URL that it had before."""
    wanted = wish.places.values()
    return entry.place in wanted or any(world.host(place).data == entry.id for place in wanted)


def _asked_for(world: World, step: planning.RemoveMember, entry: Entry, alive: bool, wish: Wish) -> None:
    """Refuse the removal of members that nobody asked for."""
    wanted = wish.places.values()
    if entry.learner:
        return
    given_up = entry.place not in wanted and (entry.name, entry.id) in wish.confirmed
    if alive and not given_up and (entry.place in wanted or entry.name in wish.places):
        raise Harm(f"{step}: a healthy member of a node that is wanted")
    corrupt = world.alarm == (entry.id, "CORRUPT")
    missing = any(world.entry_at(place) is None and world.host(place).data not in world.listed for place in wanted)
    if alive and not corrupt and missing:
        raise Harm(f"{step}: before the members that are missing were added")
    if alive and other_versions(world, wish):
        raise Harm(f"{step}: while the version changes")
    if entry.place in wanted and entry.started and (entry.name, entry.id) not in wish.confirmed:
        raise Harm(f"{step}: nobody confirmed that its data is lost")
    if entry.name in wish.places and entry.started and not (alive and given_up):
        gone = [each for each in world.voters if each.started and not world.runner(each.id)]
        names = {each.name for each in gone if each.name in wish.places}
        hosts = [world.host(wish.places[name]) for name in names]
        if sum(host.powered and host.reachable and not host.data for host in hosts) > 1:
            raise Harm(f"{step}: several are replaced at once")


def other_versions(world: World, wish: Wish) -> set[str]:
    """Return the versions that wanted members run and that are not wanted, as far as anybody can see."""
    hosts = [world.host(place) for place in wish.places.values()]
    running = {wish.version(h.runs) for h in hosts if h.runs and h.reachable and world.runner(h.data)}
    return running - {wish.version(WANTED)}


def _retire(world: World, step: planning.Retire, wish: Wish) -> Done:
    return Done([_set_aside(world, wish.nodes[step.name], step)])


def _update_url(world: World, step: planning.UpdatePeerUrl, wish: Wish) -> Done:
    _needs_quorum(world, step)
    place = wish.places[step.name]
    if world.host(place).data != step.member_id:
        raise Harm(f"{step}: its data is not there")
    if any(host.data == step.member_id and host.runs and host.place != place for host in world.hosts):
        raise Harm(f"{step}: the member runs elsewhere")
    if world.host(place).runs not in ("", WANTED):
        raise Harm(f"{step}: it listens where it was until it restarts")
    return Done([_listed_at(world, step.member_id, place)])


def _listed_at(world: World, member_id: str, place: str) -> World:
    """Return the world once the cluster was told a member's peer URL."""
    return world._replace(
        members=tuple(each._replace(place=place) if each.id == member_id else each for each in world.members)
    )


def _add(world: World, step: planning.AddLearner, wish: Wish) -> Done:
    _needs_quorum(world, step)
    place = wish.places[step.name]
    voters = len(world.voters)
    if any(each.learner for each in world.members):
        raise Harm(f"{step}: etcd refuses, too many learners")
    if world.entry_at(place):
        raise Harm(f"{step}: etcd refuses, the peer URL exists")
    if voters > 1 and world.live_voters() < quorum(voters + 1):
        raise Harm(f"{step}: etcd refuses, unhealthy cluster")
    if world.alarm:
        raise Harm(f"{step}: with an alarm")
    versions = other_versions(world, wish)
    if versions and step.name not in wish.known:
        raise Harm(f"{step}: while the version changes")
    if any(minor(wish.version(WANTED)) < minor(each) for each in versions):
        raise Harm(f"{step}: an older version than the cluster's")
    # An id is never used twice; two joins of one node are told apart by what is listed and on disk.
    used = {each.id for each in world.members} | {h.data for h in world.hosts}
    new = next(f"j{place}{generation}" for generation in "xyz" if f"j{place}{generation}" not in used)
    return Done([world._replace(members=(*world.members, Entry(new, step.name, place, False, True)))])


def _join(world: World, step: planning.StartJoin, wish: Wish) -> Done:
    place = wish.places[step.name]
    entry = world.entry_at(place)
    if entry is None or entry.started:
        raise Harm(f"{step}: no entry waits for it")
    _needs_quorum(world, step)
    if any(minor(wish.version(WANTED)) < minor(each) for each in other_versions(world, wish)):
        raise Harm(f"{step}: an older version than the cluster's")
    worlds = []
    host = world.host(place)
    if host.data or host.bootstrapped or host.runs:
        world = _set_aside(world, place, step)
        worlds.append(world)
    world = world.with_host(place, active=WANTED, leaves=LEAVES)
    worlds.append(world)
    if wish.refused:
        return Done(worlds, "etcd refuses the revision")
    return Done([*worlds, world.with_host(place, data=entry.id, runs=WANTED)])


def _promote(world: World, step: planning.Promote, wish: Wish) -> Done:
    _needs_quorum(world, step)
    entry = next((each for each in world.members if each.id == step.member_id), None)
    if entry is None or not entry.learner:
        raise Harm(f"{step}: no learner")
    if not world.runner(entry.id):
        raise Harm(f"{step}: etcd refuses, it does not run")
    if sum(each.started for each in world.voters) + 1 < quorum(len(world.voters) + 1):
        raise Harm(f"{step}: etcd refuses, not enough started members")
    members = tuple(each._replace(learner=False) if each.id == entry.id else each for each in world.members)
    return Done([world._replace(members=members)])


def _disarm(world: World, step: planning.DisarmAlarms, wish: Wish) -> Done:
    _needs_quorum(world, step)
    if world.alarm and world.alarm[0] in world.listed:
        raise Harm(f"{step}: the alarm of a member")
    return Done([world._replace(alarm=None)])


def _reinstall(world: World, step: planning.Reinstall, wish: Wish) -> Done:
    if world.host(wish.places[step.name]).runs != WANTED:
        raise Harm(f"{step}: another revision runs")
    return Done([world.with_host(wish.places[step.name], active=WANTED, leaves=LEAVES)])


def _remember(world: World, step: planning.RememberServed, wish: Wish) -> Done:
    worlds = []
    for name in step.names:
        host = world.host(wish.places[name])
        if host.runs != WANTED or not world.runner(host.data):
            raise Harm(f"{step}: {name} does not serve with what is wanted")
        world = world.with_host(host.place, served=WANTED)
        worlds.append(world)
    return Done(worlds)


def _look(world: World, step: Step, wish: Wish) -> Done:
    _needs_quorum(world, step)
    return Done([world])


def _lowest(world: World, wish: Wish) -> Minor:
    runners = (world.runner(entry.id) for entry in world.members)
    return min(minor(wish.version(host.runs)) for host in runners if host)


def _enable(world: World, step: planning.EnableDowngrade, wish: Wish) -> Done:
    _needs_quorum(world, step)
    lowest = _lowest(world, wish)
    if step.minor != text((lowest[0], lowest[1] - 1)):
        raise Harm(f"{step}: etcd refuses, only one minor below {lowest}")
    return Done([world._replace(downgrade=step.minor), world._replace(downgrade=step.minor, storage=f"{step.minor}.0")])


def _cancel(world: World, step: planning.CancelDowngrade, wish: Wish) -> Done:
    _needs_quorum(world, step)
    lowest = _lowest(world, wish)
    return Done([world._replace(downgrade="", storage=f"{text(lowest)}.0")])


_ACTIONS: dict[type, Callable[..., Done]] = {
    planning.TrialStart: _trial,
    planning.StartNew: _start_new,
    planning.StartExisting: _start_existing,
    planning.SwitchCertificates: _switch,
    planning.RecordBootstrap: _record,
    planning.Restart: _restart,
    planning.Reinstall: _reinstall,
    planning.RememberServed: _remember,
    planning.RemoveMember: _remove,
    planning.Retire: _retire,
    planning.DisarmAlarms: _disarm,
    planning.UpdatePeerUrl: _update_url,
    planning.AddLearner: _add,
    planning.StartJoin: _join,
    planning.Promote: _promote,
    planning.CheckV2Store: _look,
    planning.SaveSnapshot: _look,
    planning.EnableDowngrade: _enable,
    planning.CancelDowngrade: _cancel,
}
