"""Bringing a running cluster to what is staged: observe, plan, execute one step, look again."""

import asyncio
import datetime
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from etcd import lease, planning
from etcd.elsewhere import alive_elsewhere
from etcd.errors import Cancelled, ClusterError, Problem, Unreachable, WrongHostKey
from etcd.execution import Deadlines, Hands, Snapshots, execute, wait_for_clocks
from etcd.member import Member
from etcd.observation import HostFacts, observe
from etcd.planning import Observed, Step, Target
from etcd.ssh import Address, Pool, Session

# etcd counts a peer as connected for membership changes only after 5 s (server.go, HealthInterval)
SETTLE_SECONDS = 5
_MOST_STEPS = 300
# After these the next step relies on connections that etcd must have seen for some time.
_UNSETTLING = (
    planning.Restart,
    planning.StartExisting,
    planning.StartJoin,
    planning.Promote,
    planning.RemoveMember,
    planning.UpdatePeerUrl,
)
_NEEDS_SETTLED = (planning.Restart, planning.AddLearner, planning.RemoveMember)
# A cluster that lost its leader has another one after two election timeouts, but for split votes (raft, section 5.2).
_ELECTIONS = 2
# etcd's default
_ELECTION_MILLISECONDS = "1000"


@dataclass(frozen=True)
class Outcome:
    """How a convergence ended: the cluster's id, each member's id (both hexadecimal), and the steps it took."""

    cluster_id: str
    member_ids: Mapping[str, str]
    steps: int


@dataclass(frozen=True)
class Run:
    """What a convergence works with: the connections, how to tell the user, and when to stop."""

    pool: Pool
    addresses: Mapping[str, Address]
    deadlines: Deadlines
    snapshots: Snapshots | None
    say: Callable[[str], Awaitable[None]]
    warn: Callable[[str], Awaitable[None]]
    cancelled: asyncio.Event
    token: str | None = None


@dataclass(frozen=True)
class Look:
    """One look at the whole cluster; `alive` are members that answer although no observed host runs them."""

    observed: Observed
    alive: frozenset[str]

    @property
    def facts(self) -> dict[str, HostFacts]:
        """The hosts that answered."""
        return {name: seen for name, seen in self.observed.items() if isinstance(seen, HostFacts)}


def _nodes(target: Target) -> dict[str, Member]:
    return {**target.leaving, **{name: wanted.member for name, wanted in target.members.items()}}


def _refuse_another_machine(name: str, target: Target, error: ClusterError) -> None:
    """Raise a wrong host key, unless the node leaves: its machine may be somebody else's by now."""
    if isinstance(error, WrongHostKey) and name in target.members:
        raise error


async def observe_all(run: Run, target: Target) -> Look:
    """Look at all hosts at once; a host that cannot be reached is a value, the problem it has."""
    nodes = _nodes(target)

    async def look(name: str) -> HostFacts | Problem:
        wanted = target.members.get(name)
        staged = (wanted.revision, wanted.certificates) if wanted else ("", "")
        try:
            session = await run.pool.session(name, run.addresses[name])
            return await observe(session, nodes[name], "member", run.deadlines.command, staged)
        except (Unreachable, WrongHostKey) as error:
            _refuse_another_machine(name, target, error)
            return error.problems[0]

    names = sorted(nodes)
    looks = dict(zip(names, await asyncio.gather(*(look(name) for name in names)), strict=True))
    observed = planning.without_strangers(looks, target)
    return Look(observed, await alive_elsewhere(run.pool, run.addresses, nodes, observed, run.deadlines.command))


async def converge(run: Run, target: Target, valid_from: datetime.datetime | None) -> Outcome:
    """Take the steps that lead from what is to `target`; raises `Refusal`, `Cancelled` or another `ClusterError`."""
    reachable: dict[str, Session] = {}
    for name in sorted(_nodes(target)):
        try:
            reachable[name] = await run.pool.session(name, run.addresses[name])
        except (Unreachable, WrongHostKey) as error:
            _refuse_another_machine(name, target, error)
            await run.warn(str(error))
    holder = f"run-{secrets.token_hex(6)}"
    async with lease.held(reachable, len(_nodes(target)), holder, run.deadlines.command) as hold:
        hands = Hands(reachable, target, hold, run.deadlines, run.snapshots, run.say, run.token)
        return await _steps(run, hands, valid_from)


async def _steps(run: Run, hands: Hands, valid_from: datetime.datetime | None) -> Outcome:
    warned: set[str] = set()
    done: frozenset[Step] = frozenset()
    settled, doubted, steps = True, False, 0
    while steps < _MOST_STEPS:
        look = await observe_all(run, hands.target)
        plan = planning.plan(look.observed, hands.target, look.alive, done)
        for warning in plan.warnings:
            if warning not in warned:
                await run.warn(warning)
            warned.add(warning)
        if not plan.steps:
            return _outcome(look.facts, hands.target, steps)
        step = plan.steps[0]
        if run.cancelled.is_set():
            raise Cancelled(
                Problem(
                    "cluster",
                    f"stopped as asked, with {len(plan.steps)} steps left; the next would be: {step}",
                    "Run `pulumi up` again to go on from here",
                )
            )
        if valid_from and steps == 0:
            await wait_for_clocks(hands, valid_from, look.facts)
        if not settled and isinstance(step, _NEEDS_SETTLED):
            await asyncio.sleep(SETTLE_SECONDS)
            settled = True
            continue
        if not doubted and _rests_on_silence(step, look):
            pause = _election_seconds(hands.target)
            await run.say(
                f"Looking once more in {pause:.0f} s, since this rests on members that did not answer: {step}"
            )
            await asyncio.sleep(pause)
            settled = doubted = True
            continue
        await execute(replace(hands, facts=look.facts), step)
        done, steps = done | {step}, steps + 1
        doubted = False
        settled = settled and not isinstance(step, _UNSETTLING)
    raise ClusterError(
        Problem("cluster", f"it is not as wanted after {_MOST_STEPS} steps", "Report this with the output above")
    )


def _rests_on_silence(step: Step, look: Look) -> bool:
    """Return whether a step stops or removes a member that runs perhaps, because it gave no answer this once."""
    answering = {seen.status.member_id for seen in look.facts.values() if seen.healthy and seen.status}
    if isinstance(step, planning.RemoveMember):
        return step.member_id not in answering | look.alive
    return isinstance(step, planning.StartExisting) and any(look.facts[name].is_running for name in step.names)


def _election_seconds(target: Target) -> float:
    """Return how long to wait for a leader, in seconds."""
    timeouts = (
        int(wanted.member.options.get("election-timeout", _ELECTION_MILLISECONDS)) for wanted in target.members.values()
    )
    return max(SETTLE_SECONDS, _ELECTIONS * max(timeouts, default=0) / 1000)


def _outcome(facts: Mapping[str, HostFacts], target: Target, steps: int) -> Outcome:
    statuses = {name: seen.status for name, seen in facts.items() if seen.status and name in target.members}
    cluster_ids = {status.cluster_id for status in statuses.values()}
    return Outcome(
        cluster_id=next(iter(cluster_ids), target.cluster_id or ""),
        member_ids={name: status.member_id for name, status in statuses.items()},
        steps=steps,
    )
