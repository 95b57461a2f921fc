"""Starting members: of a new cluster, and of one that has its data."""

import asyncio
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.execution.operations import CRASH_VARIABLE, POLL_SECONDS, Former, Operations, crash_point
from etcd_cluster.execution.proof import Unproven, prove
from etcd_cluster.execution.rollback import put_back
from etcd_cluster.observation.facts import observe
from etcd_cluster.planning import Attempt, AwaitServing, StartExisting, StartNew, SwitchCertificates, bootstrap_marker
from etcd_cluster.planning.rules import unqueryable
from etcd_cluster.planning.rules.bootstrap import has_other_data, is_member
from etcd_cluster.progress import awaiting, reported
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering.revision import bootstrap_environment
from etcd_cluster.ssh.session import as_text

# How long a member may take for an answer with new certificates; it reads them at each new connection.
_ANSWER_SECONDS = 15
# Where a test asks for a crash after so many of the first starts.
_STARTS_BEFORE_CRASH = {"first-started": 1, "second-started": 2}


async def start_new(ops: Operations, step: StartNew) -> None:
    """Announce the attempt on all hosts, start all members at once, and record the bootstrap once all are proven.

    Members of this attempt that serve already, of a run that was interrupted, stay as they are. Raises after those that
    this started were stopped again: the next run goes on with the same attempt.
    """
    cluster = ops.target.initial_cluster
    attempt = Attempt(step.attempt or ops.token or f"etcd-{secrets.token_hex(8)}", cluster)
    serving = [name for name in step.names if (host := ops.facts.get(name)) and is_member(name, host, attempt)]
    idle = [name for name in step.names if name not in serving]

    async def start(name: str) -> str:
        return await ops.start(name, "start", bootstrap_environment("new", cluster, attempt.id))

    await ops.on_each(idle, lambda name: _announce(ops, name, attempt))
    crash_point("announced")
    stale = [name for name in idle if _runs_other_settings(ops, name)]
    await ops.on_each(stale, lambda name: _halt(ops, name))
    await ops.on_each(idle, ops.activate)
    crash_point("activated")
    try:
        if early := _STARTS_BEFORE_CRASH.get(os.environ.get(CRASH_VARIABLE, "")):
            for name in idle[:early]:
                await start(name)
            crash_point(os.environ[CRASH_VARIABLE])
        before = await ops.on_each(idle, start)
        crash_point("started")
        await ops.await_active(before, ops.deadlines.bootstrap)
        crash_point("quorum")
        await prove(ops, step.names, attempt)
    except ClusterError as error:
        started = [name for name in idle if name in stale or not ops.facts[name].is_running]
        await _call_off(ops, started, attempt, error)
    await ops.on_each(
        step.names, lambda name: _record(ops, name, bootstrap_marker(attempt.cluster_id, attempt.member_ids[name]))
    )
    crash_point("born")


def _runs_other_settings(ops: Operations, name: str) -> bool:
    """Return whether a member of a bootstrap that failed runs on with what it was started with, which ends never."""
    host = ops.facts.get(name)
    return host is not None and host.is_running and host.running_revision != ops.target.members[name].revision


async def _announce(ops: Operations, name: str, attempt: Attempt) -> None:
    layout, host = ops.member(name).layout, ops.facts.get(name)
    other = host is not None and has_other_data(name, host, attempt)
    if other:
        await ops.say(f"The data on {name} is not of this bootstrap; it is renamed inside {layout.data_dir}")
    await _write_attempt(ops, name, attempt, "aside" if other else "keep")
    if host and host.has_wal and not other:
        await ops.relocate(name)


async def _write_attempt(ops: Operations, name: str, attempt: Attempt, own: str) -> None:
    layout = ops.member(name).layout
    await ops.guarded(
        name,
        "announce",
        config=layout.config_dir,
        data=layout.data_dir,
        wal=layout.wal_dir or "",
        own=own,
        stdin=attempt.text(),
    )


async def _halt(ops: Operations, name: str) -> None:
    await ops.guarded(name, "halt", seconds=ops.deadlines.shutdown)


async def _call_off(ops: Operations, started: Sequence[str], attempt: Attempt, error: ClusterError) -> NoReturn:
    """Stop what the bootstrap started, set aside what a member made that is not of it, and raise the error.

    A member that runs already, and is known not to be what was to be made, is stopped too.
    """
    named = {problem.where for problem in error.problems}
    wrong = error.wrong if isinstance(error, Unproven) else frozenset()
    problems = list(error.problems)

    async def stop(name: str) -> None:
        try:
            await _halt(ops, name)
            if name in named and not ops.facts[name].has_wal:
                host = await observe(ops.sessions[name], ops.member(name), "facts", ops.deadlines.command)
                if has_other_data(name, host, attempt):
                    await _write_attempt(ops, name, attempt, "aside")
        except ClusterError as second:
            if name not in named:
                problems.extend(second.problems)

    await asyncio.gather(*(stop(name) for name in {*started, *wrong}))
    raise ClusterError(*problems) from None


async def start_existing(ops: Operations, step: StartExisting) -> None:
    """Start members on their data; one whose minor version is to change starts as it is.

    Raises after those that do not come up were put back on what they served with, where that is another revision.
    """
    formers: dict[str, Former] = {}
    switched = [name for name in step.names if name in ops.target.members and not ops.starts_as_is(name)]

    async def start(name: str) -> str:
        if name in switched:
            if former := await ops.former(name):
                formers[name] = former
            await ops.relocate(name, idle=True)
            await ops.activate(name, then="idle")
        else:
            await ops.relocate(name, back=True, idle=True)
        return await ops.start(name, "start")

    before = await ops.on_each(step.names, start)
    crash_point("started-existing")
    # A learner gives no linearizable answer; its promotion waits for it instead.
    learners = {entry.member_id for host in ops.serving.values() for entry in host.members if entry.is_learner}
    voters = [name for name in step.names if not ((wal := ops.facts[name].wal) and wal.member_id in learners)]
    try:
        await ops.await_active(before, ops.deadlines.bootstrap)
        await ops.on_each(voters, ops.await_serving)
    except ClusterError as error:
        failed = {problem.where for problem in error.problems}
        unready = await ops.on_each(formers, lambda name: ops.await_one(name, before[name], 0))
        await _put_back_in_turn(
            ops, {name: former for name, former in formers.items() if name in failed or unready[name]}, error
        )
    await ops.on_each([name for name in voters if name in switched], ops.remember_served)


async def _put_back_in_turn(ops: Operations, formers: Mapping[str, Former], error: ClusterError) -> NoReturn:
    """Put back together those whose process has ended, and of those that run one after the other.

    The first that runs on its former settings and serves no more than before shows that these are not the cause, or
    that our question is: the others stay as they are.
    """
    looks = await ops.on_each(formers, ops.look)
    ended = [name for name in formers if not looks[name].is_running]
    running = [name for name in formers if name not in ended]
    if ended:
        error = await _put_back(ops, {name: formers[name] for name in ended}, error)
    for number, name in enumerate(running):
        error = await _put_back(ops, {name: formers[name]}, error)
        rest = running[number + 1 :]
        if rest and not (await ops.look(name)).serves:
            left = Problem(
                Reason.STEP_FAILED,
                as_text(rest),
                f"left as it is, since {name} does not serve on its former settings either",
                "Find out why these members do not serve before any of them is restarted",
            )
            raise ClusterError(*error.problems, left)
    raise error


async def _put_back(ops: Operations, formers: Mapping[str, Former], error: ClusterError) -> ClusterError:
    try:
        await put_back(ops, formers, error)
    except ClusterError as found:
        return found


async def await_serving(ops: Operations, step: AwaitServing) -> None:
    """Wait until members that are starting serve, or one of them has ended; raises when neither comes in time."""
    message = awaiting(step.names, "to serve, nothing is touched meanwhile", ops.deadlines.bootstrap)
    await reported(_all_serve(ops, step), ops.say, message)


async def _all_serve(ops: Operations, step: AwaitServing) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ops.deadlines.bootstrap
    while True:
        looks = await ops.on_each(step.names, ops.look)
        if all(host.serves for host in looks.values()) or not all(host.is_running for host in looks.values()):
            return
        if loop.time() > deadline:
            raise ClusterError(
                *(
                    Problem(
                        Reason.NOT_SERVING,
                        name,
                        f"{unqueryable.why(host)}, after {ops.deadlines.bootstrap} s",
                        f"Look at `journalctl -u etcd` on {name}; what was stopped (`systemctl stop etcd`), the next "
                        "`pulumi up` starts on the settings that are wanted",
                    )
                    for name, host in looks.items()
                    if not host.serves
                )
            )
        await asyncio.sleep(POLL_SECONDS)


async def record_bootstrap(ops: Operations, names: Iterable[str]) -> None:
    """Write the bootstrap marker of each member, with the ids that it tells itself."""

    async def record(name: str) -> None:
        status = await ops.etcdctl(name).status()
        await _record(ops, name, bootstrap_marker(status.cluster_id, status.member_id))

    await ops.on_each(names, record)


async def _record(ops: Operations, name: str, text: str) -> None:
    """Write the marker where the member runs too: a change of the directory may have been taken back half-way."""
    for config in sorted({ops.member(name).layout.config_dir, ops.config_dir(name)}):
        await ops.guarded(name, "record_bootstrap", config=config, stdin=text)


async def switch_certificates(ops: Operations, step: SwitchCertificates) -> None:
    """Switch to the staged leaf certificates, first on one member that serves: it must go on to serve with them."""
    first = min(
        (name for name in step.names if name in ops.serving), key=lambda name: (ops.leads(name), name), default=None
    )
    if first:
        await _switch(ops, first, ops.target.members[first].certificates)
        crash_point("first-certificates-switched")
        try:
            await ops.await_serving(first, _ANSWER_SECONDS)
        except ClusterError as error:
            await _switch_back(ops, first, error)
    await ops.on_each(
        [name for name in step.names if name != first],
        lambda name: _switch(ops, name, ops.target.members[name].certificates),
    )
    crash_point("certificates-switched")


async def _switch(ops: Operations, name: str, certificates: str, config: str = "") -> None:
    """Switch the link where the member runs, to what is in `config`, else where it is to run."""
    config = config or ops.member(name).layout.config_dir
    here = ops.config_dir(name)
    await ops.guarded(name, "certificates", config=config, certificates=certificates, here=here)


async def _switch_back(ops: Operations, name: str, error: ClusterError) -> NoReturn:
    former, result = ops.facts[name].active_certificates, ""
    if former:
        await _switch(ops, name, former, ops.config_dir(name))
        result = ", so it has its former ones again"
    raise ClusterError(
        Problem(
            Reason.STEP_FAILED,
            name,
            f"it did not go on to serve with its new certificates{result}: {error.problems[0].what}",
            "Correct the settings of the certificates; no other member got new ones",
        )
    ) from None
