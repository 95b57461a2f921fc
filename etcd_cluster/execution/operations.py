"""What every step is made of: a guarded script on a host, a start that is waited for, an answer from etcd."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from etcd_cluster import scripts
from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.lease import Lease
from etcd_cluster.observation.etcdctl import Etcdctl
from etcd_cluster.observation.facts import HostFacts, observe
from etcd_cluster.observation.journal import last_words
from etcd_cluster.observation.query import Query
from etcd_cluster.planning import Target
from etcd_cluster.planning.rules import unqueryable
from etcd_cluster.planning.rules.trust import unverified
from etcd_cluster.progress import awaiting, reported
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Session
from etcd_cluster.versions import Minor, minor

# The guard in front of each script waits up to 120 s for another run's step to end.
_GUARD_SECONDS = 130
_ENDED = 3
POLL_SECONDS = 0.2
# Members that fail for the same cause do so at nearly the same time.
_MOMENT_SECONDS = 2.0
# No wait brings a client in that the member refuses.
_REFUSED_SECONDS = 5.0
CRASH_VARIABLE = "ETCD_CLUSTER_CRASH_AT"

T = TypeVar("T")


@dataclass(frozen=True)
class Deadlines:
    """How long a step may take, in seconds."""

    command: int
    bootstrap: int
    member_start: int
    catch_up: int
    shutdown: int
    clock_wait: int
    trial_start: int = 30


@dataclass(frozen=True)
class Snapshots:
    """Where snapshots are saved before an upgrade, how many stay, and how much space must stay free (MiB)."""

    directory: str
    keep: int
    reserve_megabytes: int


@dataclass(frozen=True)
class Former:
    """What a member goes back to when it does not come up: a revision, its version, and where it has its data.

    The other directories are those of its setup, empty where they are the wanted ones. `peer_urls` are those that the
    member list goes back to, with `member_id`, where a restart changes them.
    """

    revision: str
    version: str
    data_dir: str
    wal_dir: str
    config_dir: str = ""
    bin_dir: str = ""
    install_dir: str = ""
    member_id: str = ""
    peer_urls: Sequence[str] = ()


_crash_points_reached: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """End the process at once where a test asks for it by name, as a power cut would.

    `name:2` stands for the second time that this process gets there.
    """
    wanted, _, occurrence = os.environ.get(CRASH_VARIABLE, "").partition(":")
    if wanted != name:
        return
    _crash_points_reached[name] += 1
    if _crash_points_reached[name] == int(occurrence or 1):
        print(f"crashed as asked at {os.environ[CRASH_VARIABLE]}", file=sys.stderr, flush=True)
        os._exit(137)


@dataclass
class Operations:
    """The hosts of one cluster while the lease is held, and what was seen of them before this step."""

    sessions: Mapping[str, Session]
    target: Target
    lease: Lease
    deadlines: Deadlines
    snapshots: Snapshots | None
    say: Callable[[str], Awaitable[None]]
    token: str | None
    facts: Mapping[str, HostFacts] = field(default_factory=dict)
    warn_user: Callable[[str], Awaitable[None]] | None = None

    async def warn(self, message: str) -> None:
        """Warn the user."""
        await (self.warn_user or self.say)(message)

    def member(self, name: str) -> Member:
        """Return the member of a wanted or a leaving node."""
        wanted = self.target.members.get(name)
        return wanted.member if wanted else self.target.leaving[name]

    def etcdctl(self, name: str, seconds: int | None = None) -> Etcdctl:
        """Return `etcdctl` on a node, for the member as it ran before this step."""
        host = self.facts.get(name)
        place = host.place if host and host.is_running else None
        return Etcdctl(self.sessions[name], self.member(name), seconds or self.deadlines.command, place)

    def config_dir(self, name: str) -> str:
        """Return the configuration directory that a node's member used before this step."""
        host = self.facts.get(name)
        return host.place.config_dir if host and host.place else self.member(name).layout.config_dir

    @property
    def serving(self) -> dict[str, HostFacts]:
        """The nodes whose member gave a linearizable answer before this step."""
        return {name: host for name, host in self.facts.items() if host.serves}

    def leader(self, without: str | None = None) -> Etcdctl:
        """Return `etcdctl` on the leader's node, which judges best what is safe; else on any that serves."""
        ordered = sorted(
            (name for name in self.serving if name != without),
            key=lambda name: (not self.leads(name), name not in self.target.members, name),
        )
        if not ordered:
            raise ClusterError.of(Reason.NOT_SERVING, "cluster", "no member serves by now", "Run `pulumi up` again")
        return self.etcdctl(ordered[0])

    def leads(self, name: str) -> bool:
        """Return whether a node's member led before this step."""
        status = self.facts[name].status
        return status is not None and status.member_id == status.leader_id

    async def guarded(
        self,
        name: str,
        script: str,
        /,
        *,
        stdin: str | bytes = "",
        seconds: int = 0,
        **variables: str | int,
    ) -> str:
        """Run a changing script on a node, if the lease is still held; return what it prints."""
        self.lease.check()
        result = await self.sessions[name].run(
            scripts.guarded(script, holder=self.lease.holder, **variables),
            stdin=stdin.encode() if isinstance(stdin, str) else stdin,
            seconds=(seconds or self.deadlines.command) + _GUARD_SECONDS,
        )
        return result.stdout

    async def on_each(self, names: Iterable[str], action: Callable[[str], Awaitable[T]]) -> dict[str, T]:
        """Run an action on several nodes at once; every problem is reported, not only the first."""
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

    @property
    def floor(self) -> Minor:
        """The minor version below which etcd ends at its start, as far as a member that answers tells."""
        told = (minor(host.status.storage_version) for host in self.facts.values() if host.status)
        return max(told, default=(0, 0))

    def starts_as_is(self, name: str) -> bool:
        """Return whether a stopped member must start as it is: another minor version is a step of its own.

        Not where its own would end at its start.
        """
        active = self.facts[name].active_version
        return bool(active) and minor(active) != minor(self.member(name).version) and minor(active) >= self.floor

    def leaves_for_start(self, name: str) -> str:
        """Return the certificate set that a start uses: the staged one, unless a running member would refuse it."""
        host = self.facts.get(name)
        if host and host.active_certificates and self.serving and unverified(self.facts, [name]):
            return host.active_certificates
        return self.target.members[name].certificates

    async def former(self, name: str) -> Former | None:
        """Return what a member served with last, None where that is what it is to run, or nothing tells it.

        The host remembers it, so that a run that is interrupted after the switch leaves the next one a way back.
        """
        host, former = self.facts[name], None
        version = host.status.version if host.status else host.active_version
        if name in self.serving and host.running_revision:
            if host.served_revision != host.running_revision:
                await self.remember_served(name, host.running_revision)
            former = self._running(host, version)
        elif host.served_revision:
            former = Former(
                host.served_revision,
                host.served_version,
                host.served_data,
                host.served_wal,
                host.served_config,
                host.served_bin,
            )
        elif host.running_revision:
            former = self._running(host, version)
        if not former or former.revision == self.target.members[name].revision:
            return None
        # Where nobody answers, the version that was switched to may have raised the cluster's already.
        floor = self.floor if self.serving else max(self.floor, minor(host.active_version))
        return None if former.version and minor(former.version) < floor else former

    @staticmethod
    def _running(host: HostFacts, version: str) -> Former:
        place = (host.place.config_dir, host.place.bin_dir, host.place.install_dir) if host.place else ()
        return Former(host.running_revision or "", version, host.active_data, host.active_wal, *place)

    async def remember_served(self, name: str, revision: str | None = None) -> None:
        """Remember on a member's host that it serves with a revision, which is the staged one unless it is given.

        One that is given runs in the configuration directory that the member used before this step.
        """
        config = self.member(name).layout.config_dir
        noted = {config, self.config_dir(name)} if revision else {config}
        of = self.config_dir(name) if revision else config
        for each in sorted(noted):
            wanted = revision or self.target.members[name].revision
            await self.guarded(name, "record_served", config=each, revision=wanted, of=of)

    async def activate(self, name: str, former: Former | None = None, then: str = "starts") -> None:
        """Make the staged revision what the next start uses, or a former one.

        Where that is of another account, and the member `starts` right afterwards, it is stopped first. `idle` is the
        same for one that was seen stopped, and raises where it serves by now; with `runs` it just goes on.
        """
        target = self.target.members[name]
        layout = target.member.layout
        config = (former and former.config_dir) or layout.config_dir
        leaves = self.leaves_for_start(name)
        if config != layout.config_dir:
            leaves = self.facts[name].active_certificates if config == self.config_dir(name) else "current"
        await self.guarded(
            name,
            "activate",
            config=config,
            revision=former.revision if former else target.revision,
            certificates=leaves,
            bin=(former and former.bin_dir) or layout.bin_dir,
            install=(former and former.install_dir) or layout.install_dir,
            data=layout.data_dir,
            wal=layout.wal_dir or "",
            user=target.member.user,
            group=target.member.group,
            former=layout.config_dir if former else self.config_dir(name),
            then=then,
            seconds=self.deadlines.command + self.deadlines.shutdown,
        )

    async def start(self, name: str, verb: str, environment: str = "", config_dir: str = "") -> str:
        """Ask systemd for a (re)start and return the invocation that ran before."""
        config = config_dir or self.member(name).layout.config_dir
        return (await self.guarded(name, "start", config=config, verb=verb, stdin=environment)).strip()

    async def relocate(self, name: str, back: bool = False, idle: bool = False) -> None:
        """Stop the member and move its data, where it is not whole in the directories that are wanted.

        One that was seen `idle` and serves by now is not stopped; that raises.
        With `back`, what an interrupted move has taken returns to the directories that the active revision names.
        """
        host, layout = self.facts[name], self.member(name).layout
        place = host.active_data, host.active_wal
        wanted = place if back else (layout.data_dir, layout.own_wal)
        if not host.active_data or (place == wanted and not host.is_moving):
            return
        await self.say(f"Moving the data of {name} to {' and '.join(path for path in wanted if path)}")
        await self.move_data(name, self.config_dir(name), place, wanted, idle)

    async def move_data(
        self, name: str, config: str, old: tuple[str, str], new: tuple[str, str], idle: bool = False
    ) -> None:
        """Stop the member and move its data and its WAL directory, empty where that is inside the data directory."""
        member = self.member(name)
        await self.guarded(
            name,
            "relocate",
            config=config,
            old_data=old[0],
            old_wal=old[1],
            new_data=new[0],
            new_wal=new[1],
            user=member.user,
            group=member.group,
            idle="yes" if idle else "no",
            seconds=self.deadlines.catch_up,
        )

    async def await_active(self, before: Mapping[str, str], seconds: int) -> None:
        """Wait until each member is active again; at the first that ended, the others get only a moment more.

        Raises `ClusterError` that names every one that ended in that moment, or that ran out of time with it.
        """
        message = awaiting(before, "to be ready", seconds)
        await reported(self._all_active(before, seconds), self.say, message)

    async def _all_active(self, before: Mapping[str, str], seconds: int) -> None:
        waits = {asyncio.create_task(self.await_one(name, before[name], seconds)) for name in before}
        problems: list[Problem] = []
        try:
            pending, moment = waits, None
            while pending:
                done, pending = await asyncio.wait(pending, timeout=moment, return_when=asyncio.FIRST_COMPLETED)
                problems += [problem for wait in done if (problem := wait.result())]
                if problems and (moment is not None and not done):
                    break
                moment = _MOMENT_SECONDS if problems else None
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if problems:
            raise ClusterError(*sorted(problems, key=lambda problem: problem.where))

    async def await_one(self, name: str, invocation: str, seconds: int) -> Problem | None:
        """Wait until a member is active in another invocation than this one; return what is wrong when it is not."""
        result = await self.sessions[name].run(
            scripts.script("wait", seconds=seconds, before=invocation), seconds=seconds + 30, check=False
        )
        if result.status == 0:
            return None
        words = last_words(result.stdout or result.stderr)
        what = "etcd ended at its start" if result.status == _ENDED else f"etcd was not ready within {seconds} s"
        return Problem(
            Reason.START_FAILED,
            name,
            f"{what}. Last log lines:\n{words}\n",
            "Correct the cause and run `pulumi up` again",
        )

    async def look(self, name: str) -> HostFacts:
        """Look at a node and ask its member, where it runs by now."""
        return await observe(self.sessions[name], self.member(name), "member", self.deadlines.command)

    async def await_serving(self, name: str, seconds: int | None = None) -> None:
        """Wait until a member gives a linearizable answer and has applied what the leader had before this step.

        It may take as long as a start, unless `seconds` are given; one that refuses our client for some seconds refuses
        other clients too, and is not waited for any longer.
        """
        limit = min(self.deadlines.member_start, seconds or self.deadlines.member_start)
        message = awaiting([name], "to serve and to catch up", max(limit, 0))
        await reported(self._serves(name, limit), self.say, message)

    async def _serves(self, name: str, limit: int) -> None:
        goal = max((host.status.raft_index for host in self.serving.values() if host.status), default=0)
        loop = asyncio.get_running_loop()
        began, refused_from = loop.time(), 0.0
        deadline = began + limit
        while True:
            host = await self.look(name)
            if host.serves and host.status and host.status.raft_applied_index >= goal:
                return
            refused_from = (refused_from or loop.time()) if host.query is Query.CANNOT_ASK else 0.0
            if loop.time() > deadline or (refused_from and loop.time() - refused_from >= _REFUSED_SECONDS):
                raise ClusterError.of(
                    Reason.NOT_SERVING,
                    name,
                    f"it started, but did not serve and catch up in {loop.time() - began:.0f} s: "
                    f"{unqueryable.why(host)}",
                    f"Look at `journalctl -u etcd` on {name}",
                )
            await asyncio.sleep(POLL_SECONDS)
