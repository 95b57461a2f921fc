"""What comes before the first restart on another version: checks, a snapshot, an online downgrade."""

import asyncio
import base64
import posixpath

from etcd_cluster import scripts
from etcd_cluster.errors import ClusterError
from etcd_cluster.execution.operations import Operations, crash_point
from etcd_cluster.observation.wal import last_v2_entry
from etcd_cluster.planning import CancelDowngrade, CheckV2Store, EnableDowngrade, SaveSnapshot
from etcd_cluster.progress import awaiting, reported
from etcd_cluster.reasons import Reason
from etcd_cluster.versions import minor

_POLL_SECONDS = 0.5


async def check_v2_store(ops: Operations, step: CheckV2Store) -> None:
    """Look on each member for what the next minor cannot read: v2 data for 3.6, log entries of 3.5 for 3.7."""
    to_3_7 = any(minor(wanted.member.version) == (3, 7) for wanted in ops.target.members.values())
    await ops.on_each(step.names, lambda name: (_check_log if to_3_7 else _check_v2_data)(ops, name))


def _in_use(ops: Operations, name: str) -> tuple[str, str]:
    """Return the data directory and the WAL directory of a running member; that may be empty."""
    host, layout = ops.facts[name], ops.member(name).layout
    return (host.active_data, host.active_wal) if host.active_data else (layout.data_dir, layout.own_wal)


async def _check_v2_data(ops: Operations, name: str) -> None:
    """Run `etcdutl check v2store` of the running version."""
    host, layout = ops.facts[name], ops.member(name).layout
    directory = layout.version_dir(host.active_version or ops.member(name).version)
    if host.place:
        directory = posixpath.dirname(host.place.etcdctl)
    data, wal = _in_use(ops, name)
    arguments = [f"{directory}/etcdutl", "check", "v2store", f"--data-dir={data}"]
    if wal:
        arguments.append(f"--wal-dir={wal}")
    result = await ops.sessions[name].run('exec "$@" 2>&1', *arguments, seconds=ops.deadlines.command, check=False)
    if result.status != 0:
        words = result.stdout.strip().splitlines()
        raise ClusterError.of(
            Reason.V2_DATA_LEFT,
            name,
            f"its data holds v2 content that 3.6 refuses ({words[-1] if words else 'no reason given'})",
            "Start each 3.5 member once with `snapshot-count: 1`, or migrate the v2 keys (etcd's upgrade page)",
        )


async def _check_log(ops: Operations, name: str) -> None:
    """Look for entries of 3.5 that a start would replay, since they are newer than the newest snapshot.

    3.5 writes its members' attributes and the cluster's version as v2 requests, and 3.7 panics on those
    (`unmarshal should never fail`, etcdserver/apply/apply.go), so a cluster is not ready for 3.7 before its members
    have saved a snapshot under 3.6.
    """
    data, wal = _in_use(ops, name)
    script = scripts.script("find_v2_entries", data=data, wal=wal)
    result = await ops.sessions[name].run(script, seconds=ops.deadlines.command)
    lines = [line.partition("=") for line in result.stdout.splitlines()]
    snapshot = max((int(value, 16) for key, _, value in lines if key == "snapshot"), default=0)
    last = last_v2_entry(base64.b64decode(value) for key, _, value in lines if key == "entry")
    if last > snapshot:
        raise ClusterError.of(
            Reason.V2_DATA_LEFT,
            name,
            f"its log still holds entries of etcd 3.5 up to index {last}, newer than its newest snapshot "
            f"(index {snapshot}), and 3.7 cannot read them",
            "Run one `pulumi up` on the present version with `snapshot-count: 1` in `etcd`, then take that out and "
            "change the version",
        )


async def save_snapshot(ops: Operations, step: SaveSnapshot) -> None:
    """Save a snapshot on the leader's host, verified, and drop the oldest beyond those to keep."""
    if ops.snapshots is None:
        return
    name, status = step.name, ops.facts[step.name].status
    size = status.db_size if status else 0
    layout, place = ops.member(name).layout, ops.facts[name].place
    output = await ops.guarded(
        name,
        "snapshot",
        config=ops.config_dir(name),
        bin=posixpath.dirname(place.etcdctl) if place else layout.bin_dir,
        endpoint=(place and place.endpoint) or ops.member(name).local_url,
        directory=ops.snapshots.directory,
        keep=ops.snapshots.keep,
        kilobytes=size // 1024 + ops.snapshots.reserve_megabytes * 1024,
        seconds=ops.deadlines.catch_up,
    )
    await ops.say(f"Saved a snapshot on {name}: {output.strip()}")
    crash_point("snapshot-saved")


async def enable_downgrade(ops: Operations, step: EnableDowngrade) -> None:
    """Ask for the downgrade and wait until every member's storage version is down."""
    etcdctl = ops.leader()
    await etcdctl.run("downgrade", "validate", step.minor)
    await etcdctl.run("downgrade", "enable", step.minor)
    crash_point("downgrade-enabled")
    message = awaiting(ops.serving, f"to bring the storage version down to {step.minor}", ops.deadlines.member_start)
    await reported(_storage_is_down(ops, step), ops.say, message)


async def _storage_is_down(ops: Operations, step: EnableDowngrade) -> None:
    deadline = asyncio.get_running_loop().time() + ops.deadlines.member_start
    while True:
        statuses = await ops.on_each(ops.serving, lambda name: ops.etcdctl(name).status())
        waiting = [name for name, status in statuses.items() if not status.storage_version.startswith(f"{step.minor}.")]
        if not waiting:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise ClusterError.of(
                Reason.STEP_FAILED,
                waiting[0],
                f"its storage version is not {step.minor} after {ops.deadlines.member_start} s",
                "Look at `journalctl -u etcd` on it; `etcdctl downgrade cancel` takes the downgrade back",
            )
        await asyncio.sleep(_POLL_SECONDS)


async def cancel_downgrade(ops: Operations, _step: CancelDowngrade) -> None:
    """Take a downgrade back."""
    await ops.leader().run("downgrade", "cancel")
