"""Starting members: of a new cluster, and of one that has its data."""

import asyncio
import os
import secrets
from collections.abc import Iterable

from etcd.errors import ClusterError, Problem
from etcd.execution.hands import CRASH_VARIABLE, POLL_SECONDS, Former, Hands, crash_point
from etcd.execution.restart import put_back
from etcd.planning import Attempt, AwaitServing, StartExisting, StartNew, SwitchCertificates, born_text, unasked
from etcd.render import bootstrap_environment


async def start_new(hands: Hands, step: StartNew) -> None:
    """Announce the attempt on all hosts, start all members at once, and record the birth at the first quorum."""
    cluster = hands.target.initial_cluster
    attempt = Attempt(step.attempt or hands.token or f"etcd-{secrets.token_hex(8)}", cluster)

    async def announce(name: str) -> None:
        layout = hands.member(name).layout
        arguments = layout.config_dir, layout.data_dir, layout.wal_dir or ""
        await hands.guarded(name, "announce", *arguments, stdin=attempt.text())

    async def start(name: str) -> str:
        return await hands.start(name, "start", bootstrap_environment("new", cluster, attempt.id))

    await hands.on_each(step.names, announce)
    crash_point("announced")
    await hands.on_each(step.names, hands.activate)
    crash_point("activated")
    if os.environ.get(CRASH_VARIABLE) == "first-started":
        await start(step.names[0])
        crash_point("first-started")
    before = await hands.on_each(step.names, start)
    crash_point("started")
    try:
        await hands.await_active(before, hands.deadlines.bootstrap)
    except ClusterError:
        await hands.on_each(step.names, lambda name: hands.guarded(name, "halt"))
        raise
    crash_point("quorum")
    await record_birth(hands, step.names)
    crash_point("born")


async def start_existing(hands: Hands, step: StartExisting) -> None:
    """Start members on their data; one whose minor version is to change starts as it is.

    Raises after those that do not come up were put back on what they served with, where that is another revision.
    """
    formers: dict[str, Former] = {}
    switched = [name for name in step.names if name in hands.target.members and not hands.starts_as_is(name)]

    async def start(name: str) -> str:
        if name in switched:
            if former := await hands.former(name):
                formers[name] = former
            await hands.relocate(name)
            await hands.activate(name)
        else:
            await hands.relocate(name, back=True)
        return await hands.start(name, "start")

    before = await hands.on_each(step.names, start)
    crash_point("started-existing")
    # A learner gives no linearizable answer; its promotion waits for it instead.
    learners = {entry.member_id for seen in hands.serving.values() for entry in seen.members if entry.is_learner}
    voters = [name for name in step.names if not ((wal := hands.facts[name].wal) and wal.member_id in learners)]
    try:
        await hands.await_active(before, hands.deadlines.bootstrap)
        await hands.on_each(voters, hands.await_serving)
    except ClusterError as error:
        failed = {problem.where for problem in error.problems}
        ended = await hands.on_each(formers, lambda name: hands.await_one(name, before[name], 0))
        await put_back(hands, {name: formers[name] for name in formers if name in failed or ended[name]}, error)
    await hands.on_each([name for name in voters if name in switched], hands.remember_served)


async def await_serving(hands: Hands, step: AwaitServing) -> None:
    """Wait until members that are starting serve, or one of them has ended; raises when neither comes in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + hands.deadlines.bootstrap
    while True:
        looks = await hands.on_each(step.names, hands.look)
        if all(seen.serves for seen in looks.values()) or not all(seen.is_running for seen in looks.values()):
            return
        if loop.time() > deadline:
            raise ClusterError(
                *(
                    Problem(
                        name,
                        f"{unasked.why(seen)}, after {hands.deadlines.bootstrap} s",
                        f"Look at `journalctl -u etcd` on {name}; what was stopped (`systemctl stop etcd`), the next "
                        "`pulumi up` starts on the settings that are wanted",
                    )
                    for name, seen in looks.items()
                    if not seen.serves
                )
            )
        await asyncio.sleep(POLL_SECONDS)


async def record_birth(hands: Hands, names: Iterable[str]) -> None:
    """Write the born marker of each member, with the ids that it tells itself."""

    async def record(name: str) -> None:
        status = await hands.etcdctl(name).status()
        text = born_text(status.cluster_id, status.member_id)
        await hands.guarded(name, "born", hands.member(name).layout.config_dir, stdin=text)

    await hands.on_each(names, record)


async def switch_certificates(hands: Hands, step: SwitchCertificates) -> None:
    """Switch each node's link to the staged leafs."""

    async def switch(name: str) -> None:
        certificates = hands.target.members[name].certificates
        await hands.guarded(name, "certificates", hands.member(name).layout.config_dir, certificates)

    await hands.on_each(step.names, switch)
    crash_point("certificates-switched")
