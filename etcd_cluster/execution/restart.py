"""Restarting one member, which must serve afterwards and raise no alarm."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.execution.operations import Operations, crash_point
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


async def restart(ops: Operations, step: Restart) -> None:
    """Restart a member on its staged revision; raises after it was put back when it does not come up."""
    name = step.name
    former = await ops.former(name)
    if step.leads:
        await hand_over(ops, name)
    moved = await _tell_new_url(ops, step) if step.moves else None
    await ops.relocate(name)
    await ops.activate(name)
    crash_point("revision-switched")
    before = {name: await ops.start(name, "restart")}
    crash_point("restarted")
    ran = False
    try:
        await ops.await_active(before, ops.deadlines.member_start)
        ran = True
        await ops.await_serving(name)
        await _refuse_new_alarms(ops, name)
    except _AlarmsNotTold:
        raise
    except ClusterError as error:
        if ran and _ends_an_upgrade(ops, name):
            raise ClusterError(*error.problems, _stays(ops, name)) from None
        if former and moved:
            former = replace(former, peer_urls=moved.peer_urls, member_id=moved.member_id)
        await put_back(ops, {name: former} if former else {}, error)
    await ops.remember_served(name)
    crash_point("member-served")


class _AlarmsNotTold(ClusterError):
    """Nobody told which alarms are raised: no reason to put a member back that serves, nor to go on."""


async def _tell_new_url(ops: Operations, step: Restart) -> ListedMember | None:
    """Tell the cluster the member's new peer URL; return the entry as it was."""
    listed = (entry for host in ops.serving.values() for entry in host.members)
    entry = next((entry for entry in listed if entry.member_id == step.moves), None)
    await update_peer_urls(ops, step.moves, [ops.member(step.name).peer_url])
    crash_point("peer-url-updated")
    return entry


async def _refuse_new_alarms(ops: Operations, name: str) -> None:
    """Raise for an alarm that was not there before the restart; one for space comes with the first write."""
    known = {alarm for host in ops.serving.values() for alarm in host.alarms}
    wanted = ops.member(name).options.get(quota.OPTION, "0")
    if quota.is_changed(ops.facts[name], wanted):
        await asyncio.sleep(_ALARM_SECONDS)
    raised = parse_alarms(await _alarm_list(ops, name))
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


async def _alarm_list(ops: Operations, name: str) -> object:
    etcdctl = Etcdctl(ops.sessions[name], ops.member(name), ops.deadlines.command)
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


def _ends_an_upgrade(ops: Operations, name: str) -> bool:
    """Return whether a member was the last one on the former minor version.

    Once it runs the next one too, etcd raises the cluster's version, and the former minor ends at its start
    (etcdserver/version/downgrade.go, MustDetectDowngrade).
    """
    wanted = minor(ops.member(name).version)
    others = [host.status.version for other, host in ops.serving.items() if other != name and host.status]
    host = ops.facts[name]
    before = host.status.version if host.status else host.active_version
    return bool(before) and minor(before) < wanted and all(minor(version) == wanted for version in others)


def _stays(ops: Operations, name: str) -> Problem:
    version = ops.member(name).version
    return Problem(
        Reason.STEP_FAILED,
        name,
        f"it stays on {version}: once all members run it, etcd refuses to start the former version",
        f"Look at `journalctl -u etcd` on {name}, correct the cause and run `pulumi up` again",
    )


async def hand_over(ops: Operations, name: str | None, endpoints: Sequence[str] = ()) -> None:
    """Move the leadership to another voter that serves, before the leader restarts or leaves.

    A leader on no observed host, `name` None, is asked at its `endpoints` from the heir's.
    """
    heirs = sorted(
        (other not in ops.target.members, other, host.status.member_id)
        for other, host in ops.serving.items()
        if other != name and host.status and not host.status.is_learner
    )
    if not heirs or not (name or endpoints):
        return
    _, heir, member_id = heirs[0]
    await ops.say(f"Moving the leadership from {name or ', '.join(endpoints)} to {heir}")
    await ops.etcdctl(name or heir).run("move-leader", member_id, endpoints=endpoints, check=False)
    crash_point("leader-moved")
