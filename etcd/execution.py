"""Carrying out one step of a plan; each can be run again after it was interrupted anywhere."""

import asyncio
import datetime
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from etcd import planning, scripts
from etcd.errors import ClusterError, Problem
from etcd.etcdctl import Etcdctl
from etcd.lease import Lease
from etcd.observation import HostFacts, observe
from etcd.planning import Attempt, Target
from etcd.render import bootstrap_environment
from etcd.ssh import Session

# The guard in front of each script waits up to 120 s for another run's step to end.
_GUARD_SECONDS = 130
_ENDED, _OUT_OF_TIME = 3, 4
_CRASH_VARIABLE = "ETCD_CLUSTER_CRASH_AT"

T = TypeVar("T")


@dataclass(frozen=True)
class Deadlines:
    """How long a step may take, in seconds."""

    command: int
    bootstrap: int
    member_start: int
    clock_wait: int


def crash_point(name: str) -> None:
    """End the process at once where a test asks for it by name, as a power cut would."""
    if os.environ.get(_CRASH_VARIABLE) == name:
        os._exit(137)


class Executor:
    """Carries out steps on the hosts of one cluster while the lease is held."""

    def __init__(
        self,
        sessions: Mapping[str, Session],
        target: Target,
        lease: Lease,
        deadlines: Deadlines,
        say: Callable[[str], Awaitable[None]],
        token: str | None,
    ) -> None:
        self._sessions = sessions
        self._target = target
        self._lease = lease
        self._deadlines = deadlines
        self._say = say
        self._token = token

    async def execute(self, step: planning.Step, facts: Mapping[str, HostFacts]) -> None:
        """Carry out one step; raises `ClusterError` when it did not come to its end."""
        self._lease.check()
        match step:
            case planning.StartNew():
                await self._start_new(step)
            case planning.StartExisting():
                await self._start_existing(step, facts)
            case planning.SwitchCertificates():
                await self._on_each(step.names, self._switch_certificates)
            case planning.RecordBirth():
                await self._record_birth(step.names)
            case planning.Restart():
                await self._restart(step, facts)

    async def wait_for_clocks(self, valid_from: datetime.datetime, facts: Mapping[str, HostFacts]) -> None:
        """Wait until no host's clock is before the certificates' first moment; they are not back-dated."""
        now = datetime.datetime.now(datetime.UTC)
        behind = {name: (valid_from - now).total_seconds() - seen.clock_offset for name, seen in facts.items()}
        name, seconds = max(behind.items(), key=lambda item: item[1], default=("", 0.0))
        if seconds <= 0:
            return
        if seconds > self._deadlines.clock_wait:
            raise ClusterError(
                Problem(
                    name,
                    f"its clock is {seconds:.0f} s before the first moment of the new certificates",
                    "Set the clock (NTP) and run `pulumi up` again",
                )
            )
        await self._say(f"Waiting {seconds:.0f} s: the clock of {name} is behind this machine's")
        await asyncio.sleep(seconds)

    async def _start_new(self, step: planning.StartNew) -> None:
        cluster = self._target.initial_cluster
        attempt = Attempt(step.attempt or self._token or f"etcd-{secrets.token_hex(8)}", cluster)
        verb = "Going on with" if step.attempt else "Starting"
        await self._say(f"{verb} a new cluster of {len(step.names)}: {', '.join(step.names)}")

        async def announce(name: str) -> None:
            layout = self._target.members[name].member.layout
            arguments = layout.config_dir, layout.data_dir, layout.wal_dir or ""
            await self._guarded(name, "announce", *arguments, stdin=attempt.text())

        await self._on_each(step.names, announce)
        crash_point("announced")
        await self._on_each(step.names, self._activate)
        crash_point("activated")
        environment = bootstrap_environment("new", cluster, attempt.id)
        if os.environ.get(_CRASH_VARIABLE) == "first-started":
            await self._start(step.names[0], "start", environment)
            crash_point("first-started")
        before = await self._on_each(step.names, lambda name: self._start(name, "start", environment))
        crash_point("started")
        try:
            await self._await_active(before, self._deadlines.bootstrap)
        except ClusterError:
            await self._on_each(step.names, self._stop_unborn)
            raise
        crash_point("quorum")
        await self._record_birth(step.names)
        crash_point("born")

    async def _start_existing(self, step: planning.StartExisting, facts: Mapping[str, HostFacts]) -> None:
        await self._say(f"Starting {', '.join(step.names)} on the data that is there")
        await self._on_each(step.names, self._activate)

        async def start(name: str) -> str:
            return await self._start(name, "restart" if facts[name].is_running else "start", "")

        before = await self._on_each(step.names, start)
        await self._await_active(before, self._deadlines.bootstrap)

    async def _restart(self, step: planning.Restart, facts: Mapping[str, HostFacts]) -> None:
        others = [name for name in self._target.members if name != step.name]
        if step.leads and others:
            await self._move_leader(step.name, others, facts)
        await self._say(f"Restarting {step.name} on revision {self._target.members[step.name].revision}")
        previous = await self._activate(step.name)
        crash_point("revision-switched")
        before = {step.name: await self._start(step.name, "restart", "")}
        crash_point("restarted")
        try:
            await self._await_active(before, self._deadlines.member_start)
            await self._await_serving(step.name)
        except ClusterError as error:
            if not previous or previous == self._target.members[step.name].revision:
                raise
            await self._put_back(step.name, previous, error)

    async def _put_back(self, name: str, revision: str, error: ClusterError) -> None:
        await self._say(f"{name} did not come up; putting it back on revision {revision}")
        await self._activate(name, revision)
        before = {name: await self._start(name, "restart", "")}
        await self._await_active(before, self._deadlines.member_start)
        raise ClusterError(
            *error.problems,
            Problem(name, "it runs on its former settings again", "Correct the settings; no other member was touched"),
        ) from None

    async def _move_leader(self, name: str, others: Iterable[str], facts: Mapping[str, HostFacts]) -> None:
        ids = {other: status.member_id for other in others if (status := facts[other].status) and facts[other].healthy}
        if not ids:
            return
        to = sorted(ids)[0]
        await self._say(f"Moving the leadership from {name} to {to}")
        await self._etcdctl(name).run("move-leader", ids[to], check=False)

    async def _await_serving(self, name: str) -> None:
        """Wait until a restarted member gives a linearizable answer and has applied what it knows of."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._deadlines.member_start
        while True:
            seen = await observe(
                self._sessions[name], self._target.members[name].member, "member", self._deadlines.command
            )
            if seen.healthy:
                return
            if loop.time() > deadline:
                raise ClusterError(
                    Problem(
                        name,
                        f"it started, but gave no linearizable answer within {self._deadlines.member_start} s",
                        "Look at `journalctl -u etcd` on it",
                    )
                )
            await asyncio.sleep(0.2)

    async def _record_birth(self, names: Iterable[str]) -> None:
        async def record(name: str) -> None:
            status = await self._etcdctl(name).status()
            text = planning.born_text(status.cluster_id, status.member_id)
            await self._guarded(name, "born", self._target.members[name].member.layout.config_dir, stdin=text)

        await self._on_each(names, record)

    async def _activate(self, name: str, revision: str | None = None) -> str:
        """Make a staged revision what the next start uses, and return the name of the one before."""
        target = self._target.members[name]
        layout = target.member.layout
        output = await self._guarded(
            name,
            "activate",
            layout.config_dir,
            revision or target.revision,
            target.certificates,
            layout.bin_dir,
            layout.install_dir,
            layout.data_dir,
            layout.wal_dir or "",
            target.member.user,
            target.member.group,
        )
        return output.partition("previous=")[2].strip()

    async def _start(self, name: str, verb: str, environment: str) -> str:
        """Ask systemd for a (re)start and return the invocation that ran before."""
        config = self._target.members[name].member.layout.config_dir
        return (await self._guarded(name, "start", config, verb, stdin=environment)).strip()

    async def _stop_unborn(self, name: str) -> None:
        await self._guarded(name, "halt")

    async def _switch_certificates(self, name: str) -> None:
        target = self._target.members[name]
        await self._guarded(name, "certificates", target.member.layout.config_dir, target.certificates)

    async def _await_active(self, before: Mapping[str, str], seconds: int) -> None:
        """Wait until each member is active again; at the first that ended, stop waiting for the others."""
        waits = {asyncio.create_task(self._await_one(name, before[name], seconds)) for name in before}
        problems: list[Problem] = []
        try:
            for wait in asyncio.as_completed(waits):
                if problem := await wait:
                    problems.append(problem)
                    break
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if problems:
            raise ClusterError(*problems)

    async def _await_one(self, name: str, invocation: str, seconds: int) -> Problem | None:
        result = await self._sessions[name].run(
            scripts.script("wait"), str(seconds), invocation, seconds=seconds + 30, check=False
        )
        if result.status == 0:
            return None
        words = result.stdout.strip() or result.stderr.strip() or "the journal has no error"
        what = "etcd ended at its start" if result.status == _ENDED else f"etcd was not ready within {seconds} s"
        return Problem(name, f"{what}. Its last words:\n{words}\n", "Correct the cause and run `pulumi up` again")

    def _etcdctl(self, name: str) -> Etcdctl:
        return Etcdctl(self._sessions[name], self._target.members[name].member, self._deadlines.command)

    async def _guarded(self, name: str, script: str, *arguments: str, stdin: str = "") -> str:
        self._lease.check()
        result = await self._sessions[name].run(
            scripts.guarded(script),
            self._lease.holder,
            *arguments,
            stdin=stdin.encode(),
            seconds=self._deadlines.command + _GUARD_SECONDS,
        )
        return result.stdout

    async def _on_each(self, names: Iterable[str], action: Callable[[str], Awaitable[T]]) -> dict[str, T]:
        """Run an action on several nodes at once; every problem is told, not only the first."""
        listed = list(names)
        results = await asyncio.gather(*(action(name) for name in listed), return_exceptions=True)
        problems: list[Problem] = []
        done: dict[str, T] = {}
        for name, result in zip(listed, results, strict=True):
            if isinstance(result, ClusterError):
                problems += result.problems
            elif isinstance(result, BaseException):
                raise result
            else:
                done[name] = result
        if problems:
            raise ClusterError(*problems)
        return done
