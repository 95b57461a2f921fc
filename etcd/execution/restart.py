"""Restarting one member, and putting it back on its former revision when it does not come up."""

from etcd.errors import ClusterError, Problem
from etcd.execution.hands import Hands, crash_point
from etcd.planning import Restart


async def restart(hands: Hands, step: Restart) -> None:
    """Restart a member on its staged revision; raises after it was put back when it does not come up."""
    name, target = step.name, hands.target.members[step.name]
    if step.leads:
        await hand_over(hands, name)
    await hands.relocate(name)
    previous = await hands.activate(name)
    crash_point("revision-switched")
    before = {name: await hands.start(name, "restart")}
    crash_point("restarted")
    try:
        await hands.await_active(before, hands.deadlines.member_start)
        await hands.await_serving(name)
    except ClusterError as error:
        if not previous or previous == target.revision:
            raise
        await _put_back(hands, name, previous, error)
    crash_point("member-served")


async def hand_over(hands: Hands, name: str) -> None:
    """Move the leadership to another voter that serves, before the leader restarts or leaves."""
    heirs = sorted(
        (other not in hands.target.members, other, seen.status.member_id)
        for other, seen in hands.serving.items()
        if other != name and seen.status and not seen.status.is_learner
    )
    if not heirs:
        return
    _, heir, member_id = heirs[0]
    await hands.say(f"Moving the leadership from {name} to {heir}")
    await hands.etcdctl(name).run("move-leader", member_id, check=False)
    crash_point("leader-moved")


async def _put_back(hands: Hands, name: str, revision: str, error: ClusterError) -> None:
    await hands.say(f"{name} did not come up; putting it back on revision {revision}")
    seen = hands.facts[name]
    layout = hands.member(name).layout
    wanted = (layout.data_dir, layout.own_wal)
    if seen.active_data and (seen.active_data, seen.active_wal) != wanted:
        member = hands.member(name)
        arguments = layout.config_dir, *wanted, seen.active_data, seen.active_wal, member.user, member.group
        await hands.guarded(name, "relocate", *arguments, seconds=hands.deadlines.catch_up)
    await hands.activate(name, revision)
    before = {name: await hands.start(name, "restart")}
    await hands.await_active(before, hands.deadlines.member_start)
    raise ClusterError(
        *error.problems,
        Problem(name, "it runs on its former settings again", "Correct the settings; no other member was touched"),
    ) from None
