"""Restarting one member, and putting it back on its former revision when it does not come up."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from etcd.errors import ClusterError, Problem
from etcd.execution.hands import Former, Hands, crash_point
from etcd.planning import Restart
from etcd.planning.versions import minor


async def restart(hands: Hands, step: Restart) -> None:
    """Restart a member on its staged revision; raises after it was put back when it does not come up."""
    name = step.name
    former = await hands.former(name)
    if step.leads:
        await hand_over(hands, name)
    await hands.relocate(name)
    await hands.activate(name)
    crash_point("revision-switched")
    before = {name: await hands.start(name, "restart")}
    crash_point("restarted")
    ran = False
    try:
        await hands.await_active(before, hands.deadlines.member_start)
        ran = True
        await hands.await_serving(name)
    except ClusterError as error:
        if ran and _ends_an_upgrade(hands, name):
            raise ClusterError(*error.problems, _stays(hands, name)) from None
        await put_back(hands, {name: former} if former else {}, error)
    await hands.remember_served(name)
    crash_point("member-served")


def _ends_an_upgrade(hands: Hands, name: str) -> bool:
    """Return whether a member was the last one on the former minor version.

    Once it runs the next one too, etcd raises the cluster's version, and the former minor ends at its start
    (etcdserver/version/downgrade.go, MustDetectDowngrade).
    """
    wanted = minor(hands.member(name).version)
    others = [seen.status.version for other, seen in hands.serving.items() if other != name and seen.status]
    seen = hands.facts[name]
    before = seen.status.version if seen.status else seen.active_version
    return bool(before) and minor(before) < wanted and all(minor(version) == wanted for version in others)


def _stays(hands: Hands, name: str) -> Problem:
    version = hands.member(name).version
    return Problem(
        name,
        f"it stays on {version}: once all members run it, etcd refuses to start the former version",
        f"Look at `journalctl -u etcd` on {name}, correct the cause and run `pulumi up` again",
    )


async def hand_over(hands: Hands, name: str | None, endpoints: Sequence[str] = ()) -> None:
    """Move the leadership to another voter that serves, before the leader restarts or leaves.

    A leader on no observed host, `name` None, is asked at its `endpoints` from the heir's.
    """
    heirs = sorted(
        (other not in hands.target.members, other, seen.status.member_id)
        for other, seen in hands.serving.items()
        if other != name and seen.status and not seen.status.is_learner
    )
    if not heirs or not (name or endpoints):
        return
    _, heir, member_id = heirs[0]
    await hands.say(f"Moving the leadership from {name or ', '.join(endpoints)} to {heir}")
    await hands.etcdctl(name or heir).run("move-leader", member_id, endpoints=endpoints, check=False)
    crash_point("leader-moved")


async def put_back(hands: Hands, formers: Mapping[str, Former], error: ClusterError) -> NoReturn:
    """Start members on what they served with before, then raise `error` with what became of that."""

    async def start(name: str) -> str:
        former, member = formers[name], hands.member(name)
        await hands.say(f"{name} did not come up; putting it back on revision {former.revision}")
        wanted, before = (member.layout.data_dir, member.layout.own_wal), (former.data_dir, former.wal_dir)
        if former.data_dir and before != wanted:
            arguments = member.layout.config_dir, *wanted, *before, member.user, member.group
            await hands.guarded(name, "relocate", *arguments, seconds=hands.deadlines.catch_up)
        await hands.activate(name, former)
        return await hands.start(name, "restart", config_dir=former.config_dir)

    try:
        await hands.await_active(await hands.on_each(formers, start), hands.deadlines.member_start)
    except ClusterError as second:
        raise ClusterError(*error.problems, *second.problems) from None
    back = "it runs on its former settings again", "Correct the settings; no member after it was touched"
    raise ClusterError(*error.problems, *(Problem(name, *back) for name in formers)) from None
