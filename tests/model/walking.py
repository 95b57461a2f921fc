"""Walking a modelled cluster: plan, first step, plan …, with a crash allowed at every point in between."""

# ruff: noqa: ARG001, ARG005, E501 - every cause takes the same arguments, and stands in a row of its table

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Any

from etcd_cluster import planning
from etcd_cluster.errors import Problem
from etcd_cluster.planning import Attempt, CheckV2Store, Refusal, Restart, SaveSnapshot, Step, TrialStart, quorum
from etcd_cluster.reasons import Reason
from etcd_cluster.versions import minor, text
from tests.model.simulation import LEAVES, WANTED, Entry, Harm, Host, Wish, World, observe, seen_serving, take, untried

State = tuple[World, frozenset[Step]]


# what a human must do


def _wanted(world: World, wish: Wish) -> list[Host]:
    return [world.host(place) for place in wish.places.values()]


def _answers(host: Host) -> bool:
    return host.powered and host.reachable


def _is_down(world: World, wish: Wish, name: str) -> bool:
    return name in wish.nodes and not _answers(world.host(wish.nodes[name]))


def _down_and_due(world: World, wish: Wish, name: str) -> bool:
    if not _is_down(world, wish, name):
        return False
    entry = world.entry_at(wish.nodes[name])
    stale = any(host.runs not in ("", WANTED) and _answers(host) for host in _wanted(world, wish))
    return stale or not seen_serving(world, wish) or entry is None or entry.learner or not world.bootstrapped


def _few_voters(world: World, wish: Wish, _name: str) -> bool:
    return len(world.voters) > 1 and world.answering_voters() < quorum(len(world.voters) + 1)


def _versions(world: World, wish: Wish) -> set[str]:
    return {wish.version(host.runs) for host in world.hosts if host.runs and world.runner(host.data)}


def _members_differ(world: World, wish: Wish) -> bool:
    return {entry.place for entry in world.members} != set(wish.places.values())


def _version_differs(world: World, wish: Wish) -> bool:
    return bool(_versions(world, wish) - {wish.version(WANTED)})


def _lost(world: World, wish: Wish, name: str) -> bool:
    place = wish.places[name]
    entry, host = world.entry_at(place), world.host(place)
    # Before its bootstrap is recorded a member without data was never started.
    unconfirmed = (name, entry.id) not in wish.confirmed if entry else False
    return world.bootstrapped and entry is not None and entry.started and not host.data and unconfirmed


def _other_data(world: World, wish: Wish, name: str) -> bool:
    place = wish.places[name]
    entry, host = world.entry_at(place), world.host(place)
    return entry is not None and entry.started and bool(host.data) and host.data != entry.id


def _gone(world: World, wish: Wish) -> int:
    return sum(
        1
        for place in wish.places.values()
        if _answers(world.host(place))
        and not world.host(place).data
        and not ((entry := world.entry_at(place)) and not entry.started)
    )


def _old_answers(world: World, wish: Wish, name: str) -> bool:
    given_up = any((entry.name, entry.id) in wish.confirmed for entry in world.members if entry.name == name)
    return world.entry_at(wish.places[name]) is None and not given_up


def _is_copy(world: World, wish: Wish, name: str) -> bool:
    place = wish.places[name]
    return any(h.data == world.host(place).data and h.runs and h.powered and h.place != place for h in world.hosts)


def _alarmed(world: World) -> bool:
    return world.alarm is not None and world.alarm[0] in world.listed


def _unasked(world: World, wish: Wish, name: str) -> bool:
    host = world.host(wish.places[name])
    proven = host.served in ("", host.runs)
    return host.hidden in ("unasked", "refuses") and (
        proven or not seen_serving(world, wish) or world.answering_voters() < quorum(len(world.voters))
    )


# What must be true of the world for each refusal to be right, with the node that it names. What stands here needs a
# human; a refusal for any other reason is harm.
Cause = Callable[[World, Wish, str], bool]
CAUSES: dict[Reason, Cause] = {
    Reason.HOST_UNREACHABLE: _down_and_due,
    Reason.HOST_DOWN_DURING_CHANGE: _down_and_due,
    Reason.BOOTSTRAP_NEEDS_ALL_HOSTS: _down_and_due,
    Reason.DATA_MISSING: _lost,
    Reason.DATA_MISSING_WITHOUT_QUORUM: lambda w, s, n: w.bootstrapped and not seen_serving(w, s) and not w.host(s.places[n]).data,
    Reason.DATA_MISSING_ON_SEVERAL: lambda w, s, n: _gone(w, s) > 1,
    Reason.DATA_OF_ANOTHER_MEMBER: _other_data,
    Reason.DATA_OF_RUNNING_MEMBER: _is_copy,
    Reason.DATA_DUPLICATED: _is_copy,
    Reason.DATA_CORRUPT: lambda w, s, n: bool(w.alarm and w.alarm[1] == "CORRUPT"),
    Reason.FOREIGN_DATA: lambda w, s, n: w.host(s.places[n]).foreign,
    Reason.BOOTSTRAP_FOREIGN_DATA: lambda w, s, n: all(h.data not in ("", *w.listed) for h in _wanted(w, s)),
    Reason.OLD_MEMBER_RUNNING: _old_answers,
    Reason.NO_QUORUM_TO_ADD: _few_voters,
    Reason.NO_QUORUM_TO_REMOVE: lambda w, s, n: w.answering_voters() - 1 < quorum(len(w.voters) - 1),
    Reason.NO_QUORUM_TO_RESTART: lambda w, s, n: w.host(s.places[n]).sick or bool(w.host(s.places[n]).hidden),
    Reason.QUERY_FAILED: _unasked,
    Reason.REVISION_UNPROVEN: _unasked,
    Reason.MEMBER_SILENT: lambda w, s, n: w.host(s.places[n]).sick or w.host(s.places[n]).hidden == "mute",
    Reason.MEMBER_ERROR: lambda w, s, n: not seen_serving(w, s) and bool(w.host(s.places[n]).runs),
    Reason.ALARM_PREVENTS_ADD: lambda w, s, n: _alarmed(w) and _members_differ(w, s),
    Reason.ALARM_PREVENTS_VERSION: lambda w, s, n: _alarmed(w) and _version_differs(w, s),
    Reason.VERSION_CHANGES_WITH_MEMBERS: lambda w, s, n: _version_differs(w, s) and (_members_differ(w, s) or s.known != frozenset(s.places)),
    Reason.VERSION_BELOW_CLUSTER: lambda w, s, n: _version_differs(w, s),
}  # fmt: skip


def refuse_without_cause(problem: Problem, world: World, wish: Wish) -> None:
    """Raise `Harm` where nothing in the world asks a human to act."""
    cause = CAUSES.get(problem.reason)
    if cause is None:
        raise Harm(f"refused for {problem.reason.name}, which no human is named for: {problem}")
    if not cause(world, wish, problem.where):
        raise Harm(f"refused without cause, {problem.reason.name}: {problem}")


# walking


@dataclass
class Walk:
    """How far a walk came: the states it saw and how often it ended how."""

    states: int = 0
    starts: int = 0
    ends: dict[str, int] = field(default_factory=dict)

    def end(self, how: str) -> None:
        """Count an end."""
        self.ends[how] = self.ends.get(how, 0) + 1


def walk(worlds: Iterable[World], wish: Wish, seen: Walk) -> None:
    """Walk from these worlds to every end; raises `Harm` that tells the state and the step."""
    follows: dict[State, State | None] = {}
    nothing: frozenset[Step] = frozenset()
    waiting: list[State] = []
    for world in worlds:
        seen.starts += 1
        waiting.append((world, nothing))
    while waiting:
        state = waiting.pop()
        if state in follows:
            continue
        world, done = state
        try:
            follows[state] = _next(world, done, wish, seen, waiting)
        except Harm as harm:
            raise Harm(f"{harm}\n{told(world, wish)}\n{sorted(map(str, done))}") from None
    seen.states += len(follows)
    _refuse_loops(follows, wish)


def _next(world: World, done: frozenset[Step], wish: Wish, seen: Walk, waiting: list[State]) -> State | None:
    """Take the first step of the plan; crashes wait for their turn, what follows without one is returned."""
    observed, alive, unclear = observe(world, wish)
    try:
        plan = planning.plan(observed, wish.target, alive, done, unclear)
    except Refusal as refusal:
        for problem in refusal.problems:
            refuse_without_cause(problem, world, wish)
        for reason in sorted({problem.reason.name for problem in refusal.problems}):
            seen.end(reason)
        return None
    if not plan.steps:
        refuse_undesired(world, wish)
        seen.end("as wanted")
        return None
    step = plan.steps[0]
    if isinstance(step, Restart):
        refuse_hasty(world, step, done, wish)
    refuse_untried(world, step, done, wish)
    result = take(world, step, wish)
    previous = world
    # A bootstrap that nobody has met serving may be stopped and begun again.
    in_use = world.bootstrapped or seen_serving(world, wish)
    for after in result.worlds:
        if in_use:
            refuse_outage(previous, after, step)
        previous = after
        waiting.append((after, frozenset()))
    if result.failed:
        seen.end(re.sub(r"^\w+ stays", "a member stays", result.failed))
        return None
    kept = done | {step} if isinstance(step, SaveSnapshot | CheckV2Store | TrialStart) else done
    following = (result.worlds[-1], kept)
    waiting.append(following)
    return following


def refuse_outage(before: World, after: World, step: Step) -> None:
    """From three voters on, no step may cost the quorum; nor may a removal on the way down to two."""
    if len(before.voters) >= 3 and before.has_quorum and not after.has_quorum:
        raise Harm(f"{step}: the quorum is lost")


def refuse_hasty(world: World, step: Restart, done: frozenset[Step], wish: Wish) -> None:
    """The first restart on another version needs a snapshot, and 3.6 a check of what 3.5 left."""
    host = world.host(wish.places[step.name])
    if not host.runs or wish.version(host.runs) == wish.version(WANTED):
        return
    running = _versions(world, wish)
    if wish.version(WANTED) not in running and not any(isinstance(each, SaveSnapshot) for each in done):
        raise Harm(f"{step}: no snapshot before another version")
    first = all(minor(each) == (3, 5) for each in running) and minor(wish.version(WANTED)) == (3, 6)
    if first and not any(isinstance(each, CheckV2Store) for each in done):
        raise Harm(f"{step}: v2 data was not looked for")
    if world.alarm:
        raise Harm(f"{step}: another version with an alarm")


def refuse_untried(world: World, step: Step, done: frozenset[Step], wish: Wish) -> None:
    """Nothing starts with what no trial start has shown to work on its host."""
    if not wish.trial:
        return
    tried = {name for each in done if isinstance(each, TrialStart) for name in each.names}
    if left := untried(world, step, wish) - tried:
        raise Harm(f"{step}: {sorted(left)} were not tried")


def refuse_undesired(world: World, wish: Wish) -> None:
    """Where the planner has nothing to do, everything must be as wanted, but for hosts that are down."""
    if {entry.place for entry in world.members} != set(wish.places.values()):
        raise Harm("nothing to do, but the members differ")
    if world.alarm and world.alarm[0] not in world.listed:
        raise Harm("nothing to do, but the alarm of a removed member holds the cluster up")
    for name, place in wish.places.items():
        host, entry = world.host(place), world.entry_at(place)
        if entry is None or entry.learner or not entry.started:
            raise Harm(f"nothing to do, but {name} does not vote")
        if not _answers(host):
            continue
        if (host.data, host.runs, host.leaves, host.bootstrapped or host.sick) != (entry.id, WANTED, LEAVES, True):
            raise Harm(f"nothing to do, but {name} is not as wanted")
        if host.active != WANTED or host.served not in ("", WANTED):
            raise Harm(f"nothing to do, but {name} would start with something else")
    for name, place in wish.leaving.items():
        host = world.host(place)
        if _answers(host) and not host.foreign and (host.data or host.runs):
            raise Harm(f"nothing to do, but {name} is not set aside")


def _refuse_loops(follows: dict[State, State | None], wish: Wish) -> None:
    settled: set[State] = set()
    for start in follows:
        path: dict[State, None] = {}
        state: State | None = start
        while state is not None and state not in settled:
            if state in path:
                raise Harm(f"it goes in circles\n{told(state[0], wish)}")
            path[state] = None
            state = follows[state]
        settled.update(path)


def told(world: World, wish: Wish) -> str:
    """Return a world in lines."""
    lines = [
        f"wanted {dict(wish.places)} leaving {dict(wish.leaving)} confirmed {set(wish.confirmed)} known {set(wish.known)}"
    ]
    lines += [f"  {host}" for host in world.hosts]
    lines += [f"  {entry}" for entry in world.members]
    lines.append(f"  leader {world.leader} alarm {world.alarm} storage {world.storage} {world.downgrade}")
    return "\n".join(lines)


# all clusters

# healthy, stale, wrong version, powered off, unreachable but serving, stopped, stopped and stale, wiped,
# wiped and confirmed, removed behind our back, birth not recorded, old leaf certificates, sick, sick on a stale revision,
# a disk of another member, moved with its data, replaced by an empty host, the same with the old member alive,
# and that confirmed, a copy of the disk elsewhere while the member runs, a host that another cluster has by now,
# switched to a former revision that was then taken back, sick on the wanted revision with a former one that served,
# etcdctl fails on its host, the same on a stale revision, it refuses our client on a stale revision that served, the
# same on the wanted revision that never did, it votes on a stale revision and gives no answer
VOTERS = "HSVDATtWwGBCKkOMRrscZexNnfPj"
# learner, stopped learner, wiped learner, unstarted, unstarted with another member's data, unstarted voter,
# powered off learner
LEARNERS = "LlQUuXd"
# unreachable, serving, and refusing our client; replaced by an empty host while the old member refuses our client; a
# copy of the disk elsewhere while the member refuses our client
REFUSING = "aqv"
NAMES = "abcdefg"


def build(kinds: str, leader: int = 0) -> tuple[World, dict[str, str], frozenset[tuple[str, str]]]:
    """Return a cluster of one member a letter, the address that each node has by now, and what is confirmed."""
    hosts: list[Host] = []
    entries: list[Entry] = []
    places: dict[str, str] = {}
    confirmed = set()
    for number, kind in enumerate(kinds):
        name, place, id_ = NAMES[number], str(number + 1), f"a{number + 1}"
        places[name] = place
        host = Host(place, id_, WANTED)
        entry = Entry(id_, name, place, True, kind in LEARNERS and kind != "X")
        match kind:
            case "S":
                host = host._replace(runs="r0", active="r0")
            case "V":
                host = host._replace(runs="v0", active="v0")
            case "D" | "d":
                host = host._replace(powered=False, runs="")
            case "A" | "a":
                host = host._replace(reachable=False, hidden="refuses" if kind == "a" else "")
            case "T" | "l":
                host = host._replace(runs="")
            case "t":
                host = host._replace(runs="", active="r0")
            case "W" | "w" | "Q":
                host = host._replace(runs="", data="")
            case "G":
                host = host._replace(runs="", data=f"x{place}")
            case "O":
                host = host._replace(runs="", data=f"x{place}")
            case "B":
                host = host._replace(bootstrapped=False)
            case "C":
                host = host._replace(leaves="c0")
            case "K":
                host = host._replace(sick=True)
            case "e":
                host = host._replace(active="r0")
            case "x":
                host = host._replace(sick=True, served="r0")
            case "k":
                host = host._replace(runs="r0", active="r0", sick=True)
            case "N":
                host = host._replace(hidden="unasked")
            case "n":
                host = host._replace(runs="r0", active="r0", hidden="unasked")
            case "f":
                host = host._replace(runs="r0", active="r0", hidden="refuses", served="r0")
            case "P":
                host = host._replace(hidden="refuses", served="r0")
            case "j":
                host = host._replace(runs="r0", active="r0", hidden="mute")
            case "y" | "Y" | "h":
                # Listed with the peer URL that it had before: it runs so, it runs as wanted, it is stopped.
                runs = {"y": "r0", "Y": WANTED, "h": ""}[kind]
                host = host._replace(runs=runs, active=runs or "r0")
                entry = entry._replace(place=f"9{place}")
            case "Z":
                host = Host(place, f"z{place}", WANTED, foreign=True)
            case "M" | "R" | "r" | "s" | "c" | "q" | "v":
                old = (
                    host if kind in "rscqv" else host._replace(powered=False, runs="", data="" if kind == "M" else id_)
                )
                old = old._replace(hidden="refuses" if kind in "qv" else "")
                hosts.append(old)
                places[name] = str(number + 11)
                host = Host(places[name], id_ if kind in "Mcv" else "", bootstrapped=kind in "Mcv")
            case "L":
                host = host._replace(bootstrapped=False)
            case "U" | "X":
                host = Host(place, bootstrapped=False)
                entry = entry._replace(started=False)
            case "u":
                host = Host(place, f"x{place}")
                entry = entry._replace(started=False)
        if kind in "ws":
            confirmed.add((name, id_))
        hosts.append(host)
        if kind != "G":
            entries.append(entry)
    live = World(tuple(hosts), tuple(entries)).settled()
    voters = [entry.id for entry in live.voters if live.runner(entry.id)]
    if voters and live.has_quorum:
        live = live._replace(leader=voters[leader])
    return live, places, frozenset(confirmed)


def clusters(size: int, most_unusual: int, voters: str = VOTERS, learners: str = LEARNERS) -> Iterator[str]:
    """Yield every mix of members once, with at most one that does not vote yet, and so many that are not healthy."""
    for mix in combinations_with_replacement(voters, size):
        if sum(kind != "H" for kind in mix) <= most_unusual:
            yield "".join(mix)
    for mix in combinations_with_replacement(voters, size - 1):
        if sum(kind != "H" for kind in mix) < most_unusual:
            yield from ("".join((*mix, learner)) for learner in learners)


def wishes(kinds: str, places: dict[str, str]) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Yield what may be wanted of a cluster: the same, one more, one fewer, one swapped; and who leaves."""
    new = {NAMES[len(kinds)]: "31"}
    yield places, {}
    yield {**places, **new}, {}
    if len(places) > 3:
        yield dict(list(places.items())[2:]), {name: str(number + 1) for number, name in enumerate(list(places)[:2])}
    for number, name in enumerate(places):
        if kinds[number] in kinds[:number] and number < len(places) - 1:
            continue
        rest = {other: place for other, place in places.items() if other != name}
        # A node that leaves is known at the address that the state has.
        leaving = {name: str(number + 1)}
        if rest:
            yield rest, leaving
            yield rest, {}
        yield {**rest, **new}, leaving


def walk_all(
    mixes: Iterable[str],
    alarms: bool = True,
    versions: tuple[str, ...] = ("3.6.14",),
    seen: Walk | None = None,
    only: int | None = None,
    trial: bool = False,
) -> Walk:
    """Walk from every mix, with every wish, leader and alarm; worlds with the same wish share what was seen.

    With `only`, one of them is walked, chosen by that number; with `trial`, trial starts come first.
    """
    seen = seen or Walk()
    tasks: dict[tuple[object, ...], tuple[Wish, list[World]]] = {}
    for kinds in mixes:
        leaders = range(sum(kind in "HSVABC" for kind in kinds)) if len(kinds) <= 3 else range(1)
        for leader in leaders or (0,):
            try:
                world, places, confirmed = build(kinds, leader)
            except IndexError:
                continue
            if not any(entry.started for entry in world.voters):
                continue
            worlds = [world]
            if alarms:
                first = next((entry.id for entry in world.voters), "")
                worlds += [world._replace(alarm=(first, kind)) for kind in ("NOSPACE", "CORRUPT")]
                worlds.append(world._replace(alarm=("e0", "CORRUPT")))
            for want, leaving in wishes(kinds, places):
                for old in versions if "V" in kinds else versions[:1]:
                    refusals = (False, True) if set(kinds) & set("StTy") else (False,)
                    for refused in refusals:
                        key = (tuple(want.items()), tuple(leaving.items()), confirmed, len(kinds), old, refused)
                        if key not in tasks:
                            table = (("r0", "3.6.16"), ("v0", old), (WANTED, "3.6.16"))
                            known = frozenset(NAMES[: len(kinds)])
                            wish = Wish(want, leaving, known, confirmed, versions=table, refused=refused, trial=trial)
                            tasks[key] = (wish, [])
                        wish, starts = tasks[key]
                        extra = () if all(host.place != "31" for host in world.hosts) else None
                        empty = Host("31", bootstrapped=False)
                        for each in worlds:
                            hosts = (*each.hosts, empty) if extra is not None and "31" in want.values() else each.hosts
                            starts.append(each._replace(hosts=hosts, storage=_lowest(each, wish)))
    chosen = list(tasks.values())
    if only is not None and chosen:
        wish, starts = chosen[only % len(chosen)]
        chosen = [(wish, [starts[only % len(starts)]])]
    for wish, starts in chosen:
        walk(starts, wish, seen)
    return seen


def _lowest(world: World, wish: Wish) -> str:
    """Return the storage version: that of the oldest member, also of one that does not run."""
    hosts = [host for host in world.hosts if host.data in world.listed]
    return f"{text(min((minor(wish.version(host.runs or host.active)) for host in hosts), default=(3, 6)))}.0"


# bootstraps


def bare(**changes: Any) -> Host:
    """Return a host on which no bootstrap was recorded."""
    return Host("", bootstrapped=False)._replace(**changes)


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
    return World(tuple(hosts), entries if announced else (), bootstrapped=False).settled()
