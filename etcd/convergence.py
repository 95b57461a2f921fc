"""Bringing a running cluster to what is staged: observe, plan, execute one step, look again."""

import asyncio
import datetime
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from etcd import lease, planning
from etcd.errors import Cancelled, ClusterError, Problem, Unreachable
from etcd.execution import Deadlines, Executor
from etcd.observation import HostFacts, observe
from etcd.planning import Observed, Target
from etcd.ssh import Address, Pool, Session

# etcd counts a peer as connected for membership changes only after 5 s (server.go, HealthInterval)
SETTLE_SECONDS = 5
_MOST_STEPS = 200


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
    say: Callable[[str], Awaitable[None]]
    warn: Callable[[str], Awaitable[None]]
    cancelled: asyncio.Event
    token: str | None = None


async def observe_all(
    pool: Pool, addresses: Mapping[str, Address], target: Target, depth: str, seconds: int
) -> Observed:
    """Look at all hosts at once; a host that cannot be reached is a value, the problem it has."""

    async def look(name: str) -> HostFacts | Problem:
        try:
            session = await pool.session(name, addresses[name])
            return await observe(session, target.members[name].member, depth, seconds)
        except Unreachable as error:
            return error.problems[0]

    names = sorted(target.members)
    return dict(zip(names, await asyncio.gather(*(look(name) for name in names)), strict=True))


async def converge(run: Run, target: Target, valid_from: datetime.datetime | None) -> Outcome:
    """Take the steps that lead from what is to `target`; raises `Refusal`, `Cancelled` or another `ClusterError`."""
    reachable: dict[str, Session] = {}
    for name in sorted(target.members):
        try:
            reachable[name] = await run.pool.session(name, run.addresses[name])
        except Unreachable as error:
            await run.warn(str(error))
    holder = f"run-{secrets.token_hex(6)}"
    async with lease.held(reachable, len(target.members), holder, run.deadlines.command) as hold:
        return await _steps(
            run, target, valid_from, Executor(reachable, target, hold, run.deadlines, run.say, run.token)
        )


async def _steps(run: Run, target: Target, valid_from: datetime.datetime | None, executor: Executor) -> Outcome:
    warned: set[str] = set()
    for steps in range(_MOST_STEPS):
        observed = await observe_all(run.pool, run.addresses, target, "member", run.deadlines.command)
        plan = planning.plan(observed, target)
        facts = {name: seen for name, seen in observed.items() if isinstance(seen, HostFacts)}
        for warning in plan.warnings:
            if warning not in warned:
                await run.warn(warning)
            warned.add(warning)
        if not plan.steps:
            return _outcome(facts, steps)
        if run.cancelled.is_set():
            raise Cancelled(
                Problem(
                    "cluster",
                    f"stopped as asked, with {len(plan.steps)} steps left",
                    "Run `pulumi up` again to go on from here",
                )
            )
        if valid_from and steps == 0:
            await executor.wait_for_clocks(valid_from, facts)
        step = plan.steps[0]
        await executor.execute(step, facts)
        if isinstance(step, planning.Restart) and len(plan.steps) > 1:
            await asyncio.sleep(SETTLE_SECONDS)
    raise ClusterError(
        Problem("cluster", f"it is not as wanted after {_MOST_STEPS} steps", "Report this with the output above")
    )


def _outcome(facts: Mapping[str, HostFacts], steps: int) -> Outcome:
    statuses = {name: seen.status for name, seen in facts.items() if seen.status}
    cluster_ids = {status.cluster_id for status in statuses.values()}
    return Outcome(
        cluster_id=next(iter(cluster_ids), ""),
        member_ids={name: status.member_id for name, status in statuses.items()},
        steps=steps,
    )
