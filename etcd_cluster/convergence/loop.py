"""Bringing a running cluster to what is staged: observe, plan, execute one step, look again."""

import asyncio
import datetime
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from etcd_cluster import lease, planning
from etcd_cluster.convergence import confirmation
from etcd_cluster.convergence.repeats import Repeats
from etcd_cluster.convergence.unobserved_members import Answers, ask_unobserved_members
from etcd_cluster.errors import Cancelled, ClusterError, Problem, Unreachable
from etcd_cluster.execution import Deadlines, Operations, Snapshots, execute, leave_former, wait_for_clocks
from etcd_cluster.observation.facts import HostFacts, observe
from etcd_cluster.planning import Observed, Step, Target
from etcd_cluster.progress import looking, reported
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Address, Pool, Session

_MOST_STEPS = 300
_MOST_CONFIRMATIONS = 5
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


@dataclass(frozen=True)
class Outcome:
    """How a convergence ended: the cluster's id, each member's id (both hexadecimal), and the steps it took."""

    cluster_id: str
    member_ids: Mapping[str, str]
    steps: int


@dataclass(frozen=True)
class RolloutContext:
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
class Observation:
    """One look at the whole cluster; `answers` are those of members that no observed host runs."""

    observed: Observed
    answers: Answers = field(default_factory=Answers)

    @property
    def facts(self) -> dict[str, HostFacts]:
        """The hosts that answered."""
        return {name: host for name, host in self.observed.items() if isinstance(host, HostFacts)}


def _nodes(target: Target) -> dict[str, Member]:
    return {**target.leaving, **{name: wanted.member for name, wanted in target.members.items()}}


def _raise_for_wanted(name: str, target: Target, error: ClusterError) -> None:
    """Raise what is wrong with a host that can be reached, unless its node leaves: then it is as good as gone.

    Its machine may hang, refuse the key, or be somebody else's by now.
    """
    if name in target.members and not isinstance(error, Unreachable):
        raise error


async def observe_all(run: RolloutContext, target: Target) -> Observation:
    """Look at all hosts at once; a host that cannot be reached is a value, the problem it has."""
    nodes = _nodes(target)

    async def look(name: str) -> HostFacts | Problem:
        wanted = target.members.get(name)
        staged = (wanted.revision, wanted.certificates) if wanted else ("", "")
        try:
            session = await run.pool.session(name, run.addresses[name])
            seconds = run.deadlines.command
            return await reported(
                observe(session, nodes[name], "member", seconds, staged), run.say, looking(name, seconds)
            )
        except ClusterError as error:
            _raise_for_wanted(name, target, error)
            return error.problems[0]

    names = sorted(nodes)
    looks = dict(zip(names, await asyncio.gather(*(look(name) for name in names)), strict=True))
    observed = planning.without_foreign_hosts(looks, target)
    return Observation(
        observed, await ask_unobserved_members(run.pool, run.addresses, nodes, observed, run.deadlines.command)
    )


async def converge(run: RolloutContext, target: Target, valid_from: datetime.datetime | None) -> Outcome:
    """Take the steps that lead from what is to `target`; raises `Refusal`, `Cancelled` or another `ClusterError`."""
    reachable: dict[str, Session] = {}
    for name in sorted(_nodes(target)):
        try:
            reachable[name] = await run.pool.session(name, run.addresses[name])
        except ClusterError as error:
            _raise_for_wanted(name, target, error)
            await run.warn(str(error))
    holder = f"run-{secrets.token_hex(6)}"
    async with lease.held(reachable, len(_nodes(target)), holder, run.deadlines.command, run.say) as hold:
        ops = Operations(reachable, target, hold, run.deadlines, run.snapshots, run.say, run.token, warn_user=run.warn)
        try:
            return await _steps(run, ops, valid_from)
        except Cancelled:
            raise
        except ClusterError as error:
            raise hold.explained(error) from None


async def _steps(run: RolloutContext, ops: Operations, valid_from: datetime.datetime | None) -> Outcome:
    warned: set[tuple[Reason, str]] = set()
    done: frozenset[Step] = frozenset()
    confirmations, repeats = _Confirmations(run, ops.target), Repeats()
    settled, steps = True, 0
    while steps < _MOST_STEPS:
        look = await observe_all(run, ops.target)
        try:
            plan = planning.plan(look.observed, ops.target, look.answers.answering, done, look.answers.unclear)
        except planning.Refusal as refusal:
            passing = confirmation.may_be_transient(ops.target, look.facts, look.answers.may_run)
            first = refusal.problems[0]
            if passing and await confirmations.is_new(refusal.identity, f"refused, {first.where}: {first.what}"):
                continue
            raise
        for warning in plan.warnings:
            if warning.identity not in warned:
                await run.warn(str(warning))
            warned.add(warning.identity)
        if not plan.steps:
            await leave_former(replace(ops, facts=look.facts))
            return _outcome(look.facts, ops.target, steps)
        step = plan.steps[0]
        if run.cancelled.is_set():
            raise Cancelled(
                Problem(
                    Reason.CANCELLED,
                    "cluster",
                    f"stopped as asked, with {len(plan.steps)} steps left; the next would be: {step}",
                    "Run `pulumi up` again to go on from here",
                )
            )
        if valid_from and steps == 0:
            await wait_for_clocks(ops, valid_from, look.facts)
        if not settled and isinstance(step, _NEEDS_SETTLED):
            await asyncio.sleep(confirmation.SETTLE_SECONDS)
            settled = True
            continue
        silence = confirmation.needs_confirmation(step, ops.target, look.facts, look.answers.may_run)
        if silence and await confirmations.is_new(step, str(step)):
            settled = True
            continue
        if repeats.needs_look(step, look.facts):
            await asyncio.sleep(confirmation.SETTLE_SECONDS)
            settled = True
            continue
        await execute(replace(ops, facts=look.facts), step)
        repeats.taken(step, look.facts)
        done, steps = done | {step}, steps + 1
        confirmations.clear()
        settled = settled and not isinstance(step, _UNSETTLING)
    raise ClusterError(
        Problem(
            Reason.TOO_MANY_STEPS,
            "cluster",
            f"it is not as wanted after {_MOST_STEPS} steps",
            "Report this with the output above",
        )
    )


class _Confirmations:
    """What rests on members that did not answer; it is believed at the second look in a row."""

    def __init__(self, run: RolloutContext, target: Target) -> None:
        self._run = run
        self._pause = confirmation.election_seconds(wanted.member for wanted in target.members.values())
        self._last: object = None
        self._count = 0

    def clear(self) -> None:
        """Begin anew, after a step."""
        self._last, self._count = None, 0

    async def is_new(self, identity: object, text: str) -> bool:
        """Return False for what the last look showed already; else wait until it is worth to look again.

        `identity` is the step, or what makes the refusal the same one; `text` is how a message names it.
        """
        if identity == self._last:
            return False
        self._last, self._count = identity, self._count + 1
        if self._count > _MOST_CONFIRMATIONS:
            raise ClusterError.of(
                Reason.ANSWERS_UNSTEADY,
                "cluster",
                f"its members answer at one look and not at the next, for {_MOST_CONFIRMATIONS} times now",
                "Look at `journalctl -u etcd` on them, and at the network between them",
            )
        await self._run.say(
            f"Looking once more in {self._pause:.0f} s, since this rests on members that did not answer: {text}"
        )
        await asyncio.sleep(self._pause)
        return True


def _outcome(facts: Mapping[str, HostFacts], target: Target, steps: int) -> Outcome:
    statuses = {name: host.status for name, host in facts.items() if host.status and name in target.members}
    cluster_ids = {status.cluster_id for status in statuses.values()}
    return Outcome(
        cluster_id=next(iter(cluster_ids), target.cluster_id or ""),
        member_ids={name: status.member_id for name, status in statuses.items()},
        steps=steps,
    )
