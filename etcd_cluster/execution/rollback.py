"""The way back of a member that does not come up: its former revision, and the member list as it was."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.execution.operations import Former, Operations
from etcd_cluster.reasons import Reason

# How long a member that was put back may take until it gives a linearizable answer.
_ANSWER_SECONDS = 15


class NewAlarm(ClusterError):
    """An alarm that a restart has raised."""


async def put_back(ops: Operations, formers: Mapping[str, Former], error: ClusterError) -> NoReturn:
    """Start members on what they served with before, then raise `error` with what became of that."""

    async def start(name: str) -> str:
        former, member = formers[name], ops.member(name)
        await ops.say(f"{name} did not come up; putting it back on revision {former.revision}")
        wanted, before = (member.layout.data_dir, member.layout.own_wal), (former.data_dir, former.wal_dir)
        if former.data_dir and before != wanted:
            await ops.move_data(name, member.layout.config_dir, wanted, before)
        await ops.activate(name, former)
        return await ops.start(name, "restart", config_dir=former.config_dir)

    moved = {name: each for name, each in formers.items() if each.member_id}
    # With the others' votes the list is as before even while it starts; else once it gives its own.
    listed = {name for name, each in moved.items() if await _list_again(ops, name, each)}
    try:
        await ops.await_active(await ops.on_each(formers, start), ops.deadlines.member_start)
    except ClusterError as second:
        raise ClusterError(*_down(error.problems, second.problems)) from None
    problems = [await _came_back(ops, name) for name in formers]
    for name, former in moved.items():
        if name not in listed and not await _list_again(ops, name, former, own=True):
            problems.append(_unlisted(name, former))
    if isinstance(error, NewAlarm):
        problems += await _disarm(ops, next(iter(formers), ""))
    raise ClusterError(*error.problems, *problems) from None


async def _came_back(ops: Operations, name: str) -> Problem:
    what, action = "it runs on its former settings again", "Correct the settings; no member after it was touched"
    try:
        await ops.await_serving(name, _ANSWER_SECONDS)
    except ClusterError:
        what, action = (
            f"{what}, but it does not serve",
            f"Look at `journalctl -u etcd` on {name}, and correct the settings",
        )
    return Problem(Reason.STEP_FAILED, name, what, action)


async def _list_again(ops: Operations, name: str, former: Former, own: bool = False) -> bool:
    """Tell the cluster the peer URL that a member had before."""
    return await update_peer_urls(ops, former.member_id, former.peer_urls, None if own else name, check=False)


def _unlisted(name: str, former: Former) -> Problem:
    return Problem(
        Reason.STEP_FAILED,
        name,
        "the cluster still lists its new peer URL",
        f"Run `etcdctl member update {former.member_id} --peer-urls={','.join(former.peer_urls)}` on another member",
    )


def _down(first: Sequence[Problem], second: Sequence[Problem]) -> list[Problem]:
    """Return both failures, the second one as a member that is down; what both say is said once."""
    said = {(problem.where, problem.what) for problem in first}
    down = [
        Problem(
            Reason.STEP_FAILED,
            problem.where,
            "it is down: it does not start on its former settings either"
            + ("" if (problem.where, problem.what) in said else f". {problem.what}"),
            f"Look at `journalctl -u etcd` on {problem.where}; correct the cause and run `pulumi up` again",
        )
        for problem in second
    ]
    return [*first, *down]


async def _disarm(ops: Operations, name: str) -> list[Problem]:
    """Disarm what the restart has raised, unless that would disarm an alarm that was there before."""
    known = {alarm for host in ops.serving.values() for alarm in host.alarms}
    if not known and name in ops.sessions:
        result = await ops.etcdctl(name).run("alarm", "disarm", check=False)
        if result.status == 0:
            await ops.say("The alarm that came with the restart is disarmed")
            return []
    return [
        Problem(
            Reason.ALARM_AFTER_RESTART,
            "cluster",
            "the alarm is still raised, so it refuses writes",
            "Run `etcdctl alarm disarm` on a member",
        )
    ]


async def update_peer_urls(
    ops: Operations, member_id: str, urls: Sequence[str], without: str | None = None, check: bool = True
) -> bool:
    """Tell the cluster a member's peer URLs, asked from another node than `without`; return whether it took them."""
    others = [name for name in ops.serving if name != without]
    if not others and not check:
        return False
    teller = ops.leader(without=without if others else None)
    result = await teller.run("member", "update", member_id, f"--peer-urls={','.join(urls)}", check=check)
    return result.status == 0
