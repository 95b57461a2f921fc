"""Restarting one member, which must serve afterwards and raise no alarm."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.execution.operations import Hands, crash_point
from etcd_cluster.execution.rollback import NewAlarm, put_back, update_peer_urls
from etcd_cluster.observation.etcdctl import Etcdctl
from etcd_cluster.observation.facts import ListedMember, parse_alarms
from etcd_cluster.observation.query import words
from etcd_cluster.planning import Restart
from etcd_cluster.planning.rules import quota
from etcd_cluster.reasons import Reason
from etcd_cluster.versions import minor

# A cluster in use writes within this time; etcd raises the alarm at the first write that does not fit.
_ALARM_SECONDS = 3.0
# Between the questions for the list of alarms, before a roll stops without an answer.
_AGAIN_SECONDS = (1.0, 2.0, 4.0, 0.0)
_ALARM_ACTION = {
    "NOSPACE": "Set a `etcd.quota-backend-bytes` that the database fits in, or compact and defragment it",
    "CORRUPT": "Look at `journalctl -u etcd` on its members; its data differs from that of the others",
}


async def restart(hands: Hands, step: Restart) -> None:
    """Restart a member on its staged revision; raises after it was put back when it does not come up."""
    name = step.name
    former = await hands.former(name)
    if step.leads:
        await hand_over(hands, name)
    moved = await _tell_new_url(hands, step) if step.moves else None
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
        await _refuse_new_alarms(hands, name)
    except _AlarmsNotTold:
        raise
    except ClusterError as error:
        if ran and _ends_an_upgrade(hands, name):
            raise ClusterError(*error.problems, _stays(hands, name)) from None
        if former and moved:
            former = replace(former, peer_urls=moved.peer_urls, member_id=moved.member_id)
        await put_back(hands, {name: former} if former else {}, error)
    await hands.remember_served(name)
    crash_point("member-served")


class _AlarmsNotTold(ClusterError):
    """Nobody told which alarms are raised: no reason to put a member back that serves, nor to go on."""


async def _tell_new_url(hands: Hands, step: Restart) -> ListedMember | None:
    """Tell the cluster the member's new peer URL; return the entry as it was."""
    listed = (entry for seen in hands.serving.values() for entry in seen.members)
    entry = next((entry for entry in listed if entry.member_id == step.moves), None)
    await update_peer_urls(hands, step.moves, [hands.member(step.name).peer_url])
    crash_point("peer-url-updated")
    return entry


async def _refuse_new_alarms(hands: Hands, name: str) -> None:
    """Raise for an alarm that was not there before the restart; one for space comes with the first write."""
    known = {alarm for seen in hands.serving.values() for alarm in seen.alarms}
    wanted = hands.member(name).options.get(quota.OPTION, "0")
    if quota.is_changed(hands.facts[name], wanted):
        await asyncio.sleep(_ALARM_SECONDS)
    raised = parse_alarms(await _alarm_list(hands, name))
    if new := sorted(set(raised) - known):
        raise NewAlarm(
            *(
                Problem(
                    Reason.ALARM_AFTER_RESTART,
                    name,
                    f"the alarm {kind} of member {member_id} was raised with its restart",
                    _ALARM_ACTION.get(kind, "Look at it"),
                )
                for member_id, kind in new
            )
        )


async def _alarm_list(hands: Hands, name: str) -> object:
    etcdctl = Etcdctl(hands.sessions[name], hands.member(name), hands.deadlines.command)
    for pause in _AGAIN_SECONDS:
        answer, result = await etcdctl.ask("alarm", "list")
        if isinstance(answer, dict):
            return answer
        await asyncio.sleep(pause)
    raise _AlarmsNotTold(
        Problem(
            Reason.ALARM_AFTER_RESTART,
            name,
            f"it serves, but does not tell which alarms are raised ({words(result.stderr) or 'no reason told'}), so no "
            "other member is restarted",
            "Look at `etcdctl alarm list` on it, then run `pulumi up` again; it goes on from here",
        )
    )


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
        Reason.STEP_FAILED,
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
