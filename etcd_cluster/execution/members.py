"""Changing who is a member, through the leader: it judges best what is safe."""

import asyncio
from collections.abc import Mapping, Sequence

from etcd_cluster.errors import ClusterError
from etcd_cluster.execution.operations import Operations, crash_point
from etcd_cluster.execution.restart import hand_over
from etcd_cluster.execution.rollback import update_peer_urls
from etcd_cluster.observation.facts import ListedMember
from etcd_cluster.planning import AddLearner, Promote, RemoveMember, Retire, StartJoin, UpdatePeerUrl
from etcd_cluster.progress import awaiting, reported
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering.revision import bootstrap_environment
from etcd_cluster.specs.member import initial_cluster

_PROMOTE_PAUSE_SECONDS = 0.5


async def remove_member(ops: Operations, step: RemoveMember) -> None:
    """Remove a member from the list, then stop it and rename its data, if its host is known and answers."""
    if step.leads:
        await hand_over(ops, step.host, _client_urls(ops, step.member_id) if step.host is None else ())
    crash_point("before-remove")
    await ops.leader(without=step.host if step.leads else None).run("member", "remove", step.member_id)
    crash_point("removed")
    if step.host and step.host in ops.sessions:
        await set_aside(ops, step.host)
    crash_point("set-aside")


def _client_urls(ops: Operations, member_id: str) -> Sequence[str]:
    listed = (entry for host in ops.serving.values() for entry in host.members)
    return next((entry.client_urls for entry in listed if entry.member_id == member_id), ())


async def retire(ops: Operations, step: Retire) -> None:
    """Set aside what a removed member left on its host."""
    await set_aside(ops, step.name)


async def set_aside(ops: Operations, name: str) -> None:
    """Stop and disable the member, rename its data inside its directories, and forget its markers."""
    host, layout = ops.facts[name], ops.member(name).layout
    data, wal = (host.active_data, host.active_wal) if host.active_data else (layout.data_dir, layout.own_wal)
    config = ops.config_dir(name)
    await ops.guarded(name, "retire", config=config, data=data, wal=wal, seconds=ops.deadlines.shutdown)


async def stop(ops: Operations, name: str) -> None:
    """Stop and disable the member, its data untouched; another leads first. Does nothing without our stamp."""
    host = ops.facts[name]
    if host.stamp is None or host.stamp.node != name:
        return
    if name in ops.serving and ops.leads(name):
        await hand_over(ops, name)
    config, host_id = ops.config_dir(name), host.stamp.host
    await ops.guarded(name, "stop", config=config, host_id=host_id, seconds=ops.deadlines.shutdown)
    crash_point("stopped")


async def disarm_alarms(ops: Operations) -> None:
    """Disarm all alarms; the step is due only where none is a listed member's."""
    await ops.leader().run("alarm", "disarm")


async def update_peer_url(ops: Operations, step: UpdatePeerUrl) -> None:
    """Tell the cluster a member's new peer URL; the member itself starts with it afterwards."""
    await update_peer_urls(ops, step.member_id, [ops.member(step.name).peer_url])
    crash_point("peer-url-updated")


async def add_learner(ops: Operations, step: AddLearner) -> None:
    """Add a learner to the list."""
    url = ops.member(step.name).peer_url
    await ops.leader().run("member", "add", step.name, "--learner", f"--peer-urls={url}")
    crash_point("learner-added")


async def start_join(ops: Operations, step: StartJoin) -> None:
    """Start a listed member for the first time; what another member left in its directories is set aside."""
    name, host = step.name, ops.facts[step.name]
    if host.has_wal or host.leftover or host.bootstrapped or host.is_running:
        await set_aside(ops, name)
    members = await ops.leader().members()
    wanted = {node: target.member.peer_url for node, target in ops.target.members.items()}
    environment = bootstrap_environment("existing", initial_cluster(listed_urls(members, wanted)), "")
    await ops.activate(name)
    crash_point("join-activated")
    before = {name: await ops.start(name, "start", environment)}
    crash_point("join-started")
    await ops.await_active(before, ops.deadlines.member_start)


def listed_urls(members: Sequence[ListedMember], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the peer URL of every listed member, by names that are each used once; `wanted` is the URL of each node.

    Count and URLs must match the list exactly (etcd, membership/cluster.go), so an unstarted entry counts too. Names
    are not compared, but two URLs below one name are one member: the id stands for a member that leaves and has the
    name of the node that takes its place.
    """
    nodes = {url: node for node, url in wanted.items()}
    urls = [(entry, entry.peer_urls[0]) for entry in members if entry.peer_urls]
    return {
        nodes.get(url) or (entry.name if entry.name and entry.name not in wanted else entry.member_id): url
        for entry, url in urls
    }


async def promote(ops: Operations, step: Promote) -> None:
    """Promote a learner, and wait until it answers as a voter.

    etcd refuses until the learner has applied 90 % of what the leader has, so it is asked again.
    """
    message = awaiting([step.name], "to catch up", ops.deadlines.catch_up)
    await reported(_promoted(ops, step), ops.say, message)
    await ops.await_serving(step.name)


async def _promoted(ops: Operations, step: Promote) -> None:
    deadline = asyncio.get_running_loop().time() + ops.deadlines.catch_up
    while True:
        result = await ops.leader(without=step.name).run("member", "promote", step.member_id, check=False)
        if result.status == 0:
            crash_point("promoted")
            return
        words = (result.stderr.strip() or result.stdout.strip()).splitlines()
        reason = words[-1] if words else "no reason given"
        catching_up = "in sync with leader" in reason or "unhealthy cluster" in reason
        if not catching_up or asyncio.get_running_loop().time() > deadline:
            raise ClusterError.of(
                Reason.STEP_FAILED,
                step.name,
                f"it could not be promoted within {ops.deadlines.catch_up} s ({reason})",
                f"Look at `journalctl -u etcd` on {step.name}; the next `pulumi up` goes on from here",
            )
        await asyncio.sleep(_PROMOTE_PAUSE_SECONDS)
