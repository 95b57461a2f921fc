"""Carrying out one step of a plan; each can be taken again after it was interrupted anywhere."""

import asyncio
import datetime
from collections.abc import Mapping

from etcd_cluster import planning
from etcd_cluster.errors import ClusterError
from etcd_cluster.execution import bootstrap, members, restart, trial, versions
from etcd_cluster.execution.operations import Deadlines, Operations, Snapshots
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason

__all__ = ["Deadlines", "Operations", "Snapshots", "execute", "leave_former", "wait_for_clocks"]


async def execute(ops: Operations, step: planning.Step) -> None:
    """Carry out one step on what `ops.facts` show; raises `ClusterError` when it did not come to its end."""
    ops.lease.check()
    await ops.say(f"{str(step)[0].upper()}{str(step)[1:]}")
    match step:
        case planning.StartNew():
            await bootstrap.start_new(ops, step)
        case planning.StartExisting():
            await bootstrap.start_existing(ops, step)
        case planning.AwaitServing():
            await bootstrap.await_serving(ops, step)
        case planning.SwitchCertificates():
            await bootstrap.switch_certificates(ops, step)
        case planning.RecordBootstrap():
            await bootstrap.record_bootstrap(ops, step.names)
        case planning.TrialStart():
            await trial.trial_start(ops, step)
        case planning.Restart():
            await restart.restart(ops, step)
        case planning.Reinstall():
            await ops.activate(step.name, then="runs")
        case planning.RememberServed():
            await ops.on_each(step.names, ops.remember_served)
        case planning.RemoveMember():
            await members.remove_member(ops, step)
        case planning.Retire():
            await members.retire(ops, step)
        case planning.DisarmAlarms():
            await members.disarm_alarms(ops)
        case planning.UpdatePeerUrl():
            await members.update_peer_url(ops, step)
        case planning.AddLearner():
            await members.add_learner(ops, step)
        case planning.StartJoin():
            await members.start_join(ops, step)
        case planning.Promote():
            await members.promote(ops, step)
        case planning.CheckV2Store():
            await versions.check_v2_store(ops, step)
        case planning.SaveSnapshot():
            await versions.save_snapshot(ops, step)
        case planning.EnableDowngrade():
            await versions.enable_downgrade(ops, step)
        case planning.CancelDowngrade():
            await versions.cancel_downgrade(ops, step)


async def leave_former(ops: Operations) -> None:
    """Clear the directories that the settings have left, private keys among it, once the members run without them."""

    async def leave(name: str) -> None:
        layout = ops.member(name).layout
        cleared = await ops.guarded(
            name,
            "clear_former_directories",
            config=layout.config_dir,
            install=layout.install_dir,
            bin=layout.bin_dir,
            data=layout.data_dir,
            wal=layout.wal_dir or "",
        )
        for directory in cleared.split():
            await ops.say(f"Removed keys, certificates and settings from {directory} on {name}, which it has left")

    await ops.on_each(
        (name for name, host in ops.facts.items() if host.has_former and name in ops.target.members), leave
    )


async def wait_for_clocks(ops: Operations, valid_from: datetime.datetime, facts: Mapping[str, HostFacts]) -> None:
    """Wait until no host's clock is before the certificates' first moment; they are not back-dated."""
    now = datetime.datetime.now(datetime.UTC)
    behind = {name: (valid_from - now).total_seconds() - host.clock_offset for name, host in facts.items()}
    name, seconds = max(behind.items(), key=lambda item: item[1], default=("", 0.0))
    if seconds <= 0:
        return
    if seconds > ops.deadlines.clock_wait:
        raise ClusterError.of(
            Reason.CLOCK_SKEW,
            name,
            f"its clock is {seconds:.0f} s before the first moment of the new certificates",
            "Set the clock (NTP) and run `pulumi up` again",
        )
    await ops.say(f"Waiting {seconds:.0f} s: the clock of {name} is behind this machine's")
    await asyncio.sleep(seconds)
