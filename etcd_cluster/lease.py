"""The right to change a cluster: held by one run at a time, on a majority of its hosts."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from etcd_cluster import scripts
from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.planning import quorum
from etcd_cluster.reasons import Reason
from etcd_cluster.ssh.session import Session, as_text

SECONDS = 45
_RENEW_SECONDS = 12
_RETRY_SECONDS = 1
_STEP_SECONDS = 120
_SCRIPT_SECONDS = _STEP_SECONDS + 30


def now() -> float:
    """Return seconds that pass while this machine sleeps too, where it can tell; the event loop's do not."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass
class Lease:
    """A run's hold on the cluster, granted at a time of `now()`; `lost` says why it ended early."""

    holder: str
    granted_at: float
    lost: ClusterError | None = None

    def check(self) -> None:
        """Raise when another run has taken over, or may have because this one is cut off from the hosts."""
        if self.lost:
            raise self.lost
        if now() - self.granted_at > SECONDS:
            raise ClusterError.of(
                Reason.LEASE_LOST,
                "cluster",
                f"the hold on it could not be renewed for {SECONDS} s, so another run may have taken over",
                "Check the network to the hosts and run `pulumi up` again",
            )

    def explained(self, error: ClusterError) -> ClusterError:
        """Return a step's failure together with the loss of the lease, which is the likely cause where there is one."""
        try:
            self.check()
        except ClusterError as lost:
            if told := [problem for problem in lost.problems if problem not in error.problems]:
                return ClusterError(*told, *error.problems)
        return error


def needed(hosts: int) -> int:
    """Return how many hosts must grant the lease: a majority, and all of them for one or two."""
    return hosts if hosts <= 2 else quorum(hosts)


@contextlib.asynccontextmanager
async def held(
    sessions: Mapping[str, Session],
    hosts: int,
    holder: str,
    wait_seconds: int,
    say: Callable[[str], Awaitable[None]] | None = None,
) -> AsyncIterator[Lease]:
    """Hold the lease on the hosts that answer, of `hosts` in all, and renew it until the block ends.

    Waits up to `wait_seconds` for another run's lease to end; raises `ClusterError` that names its holder. A majority
    is enough, unless another run holds any host: a killed one's lease ends on one host later than on the others, and a
    live one with other nodes in its settings may have a majority of its own.
    """
    deadline = now() + wait_seconds
    while True:
        asked = now()
        answers = await _on_all(sessions, "acquire", holder)
        blocked = _blocked(answers, hosts)
        others = _others(answers)
        if not blocked and not others:
            break
        late = now() > deadline
        if blocked or late:
            await _on_all(sessions, "release", holder)
        if late:
            raise blocked or _taken(others)
        if others and say:
            await say(f"Waiting for another run's hold on {as_text(sorted(others))} to end")
            say = None
        # The wait is for another run's clock, not for a condition that could be watched.
        await asyncio.sleep(_RETRY_SECONDS)
    if now() - asked > _RENEW_SECONDS:
        # A host on which another run's last step was still under way took its time, and the others' leases went on.
        asked = now()
        answers = await _on_all(sessions, "renew", holder, _RENEW_SECONDS)
        blocked, others = _blocked(answers, hosts), _others(answers)
        if blocked or others:
            await _on_all(sessions, "release", holder)
            raise blocked or _taken(others)
    lease = Lease(holder, asked)
    renewal = asyncio.create_task(_renew(sessions, hosts, lease))
    try:
        yield lease
    finally:
        renewal.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await renewal
        await _on_all(sessions, "release", holder)


async def _renew(sessions: Mapping[str, Session], hosts: int, lease: Lease) -> None:
    """Renew until another run has taken over; hosts that do not answer are asked again, see `Lease.check`."""
    pause: float = _RENEW_SECONDS
    while lease.lost is None:
        await asyncio.sleep(pause)
        asked = now()
        answers = await _on_all(sessions, "renew", lease.holder, _RENEW_SECONDS)
        blocked = _blocked(answers, hosts)
        if blocked is None:
            lease.granted_at, pause = asked, _RENEW_SECONDS
        elif "gone" in answers.values() or _others(answers):
            lease.lost = blocked
        else:
            pause = _RETRY_SECONDS


def _others(answers: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the hosts that another run holds or works on, each with the words of its answer."""
    return {name: answer.split() for name, answer in answers.items() if answer.startswith(("held ", "busy"))}


def _blocked(answers: Mapping[str, str], hosts: int) -> ClusterError | None:
    """Return why these answers grant no lease, or None when they do."""
    granted = [name for name, answer in answers.items() if answer == "granted"]
    if len(granted) >= needed(hosts):
        return None
    if others := _others(answers):
        return _taken(others)
    if "gone" in answers.values():
        return ClusterError.of(
            Reason.LEASE_LOST,
            "cluster",
            "this run's hold on it ended, and another run may have changed it since",
            "Run `pulumi up` again; it looks anew and goes on from there",
        )
    return ClusterError(
        Problem(
            Reason.LEASE_WITHOUT_MAJORITY,
            "cluster",
            f"only {len(granted)} of {hosts} hosts answer, and {needed(hosts)} must before anything is changed",
            "Bring the other hosts back first",
        )
    )


def _taken(others: Mapping[str, list[str]]) -> ClusterError:
    name, (kind, *told) = next(iter(others.items()))
    if kind == "busy":
        return ClusterError.of(
            Reason.LEASE_HELD,
            name,
            "a step of an earlier run is still under way on it",
            "Wait for it to end, or switch the host off if it hangs, then run `pulumi up` again",
        )
    other, seconds = told
    return ClusterError(
        Problem(
            Reason.LEASE_HELD,
            name,
            f"another run ({other}) is changing this cluster; its hold ends in {seconds} s unless it goes on",
            "Wait for it to end, then run `pulumi up` again",
        )
    )


async def _on_all(
    sessions: Mapping[str, Session], action: str, holder: str, seconds: float = _SCRIPT_SECONDS + 10
) -> dict[str, str]:
    """Ask all hosts at once; one that fails, or has not answered after `seconds`, counts as one that is not there."""

    async def ask(session: Session) -> str:
        try:
            async with asyncio.timeout(seconds):
                text = scripts.script("lease", action=action, me=holder, seconds=SECONDS, step_seconds=_STEP_SECONDS)
                result = await session.run(text, seconds=_SCRIPT_SECONDS, check=False)
        except (ClusterError, TimeoutError):
            return "unreachable"
        return result.stdout.strip()

    answers = await asyncio.gather(*(ask(session) for session in sessions.values()))
    return dict(zip(sessions, answers, strict=True))
