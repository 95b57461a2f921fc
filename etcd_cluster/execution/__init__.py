"""Carrying out one step of a plan; each can be taken again after it was interrupted anywhere."""

import asyncio
import datetime
from collections.abc import Mapping

from etcd_cluster import planning
from etcd_cluster.errors import ClusterError
from etcd_cluster.execution import bootstrap, members, restart, trial, versions
from etcd_cluster.execution.operations import Deadlines, Hands, Snapshots
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason

__all__ = ["Deadlines", "Hands", "Snapshots", "execute", "leave_former", "wait_for_clocks"]


async def execute(hands: Hands, step: planning.Step) -> None:
    """Carry out one step on what `hands.facts` tell; raises `ClusterError` when it did not come to its end."""
    hands.lease.check()
    await hands.say(f"{str(step)[0].upper()}{str(step)[1:]}")
    match step:
        case planning.StartNew():
            await bootstrap.start_new(hands, step)
        case planning.StartExisting():
            await bootstrap.start_existing(hands, step)
        case planning.AwaitServing():
            await bootstrap.await_serving(hands, step)
        case planning.SwitchCertificates():
            await bootstrap.switch_certificates(hands, step)
        case planning.RecordBirth():
            await bootstrap.record_birth(hands, step.names)
        case planning.TrialStart():
            await trial.trial_start(hands, step)
        case planning.Restart():
            await restart.restart(hands, step)
        case planning.Reinstall():
            await hands.activate(step.name, then="runs")
        case planning.RememberServed():
            await hands.on_each(step.names, hands.remember_served)
        case planning.RemoveMember():
            await members.remove_member(hands, step)
        case planning.Retire():
            await members.retire(hands, step)
        case planning.DisarmAlarms():
            await members.disarm_alarms(hands)
        case planning.UpdatePeerUrl():
            await members.update_peer_url(hands, step)
        case planning.AddLearner():
            await members.add_learner(hands, step)
        case planning.StartJoin():
            await members.start_join(hands, step)
        case planning.Promote():
            await members.promote(hands, step)
        case planning.CheckV2Store():
            await versions.check_v2_store(hands, step)
        case planning.SaveSnapshot():
            await versions.save_snapshot(hands, step)
        case planning.EnableDowngrade():
            await versions.enable_downgrade(hands, step)
        case planning.CancelDowngrade():
            await versions.cancel_downgrade(hands, step)


async def leave_former(hands: Hands) -> None:
    """Clear the directories that the settings have left, private keys among it, once the members run without them."""

    async def leave(name: str) -> None:
        layout = hands.member(name).layout
        cleared = await hands.guarded(
            name,
            "clear_former_directories",
            config=layout.config_dir,
            install=layout.install_dir,
            bin=layout.bin_dir,
            data=layout.data_dir,
            wal=layout.wal_dir or "",
        )
        for directory in cleared.split():
            await hands.say(f"Removed keys, certificates and settings from {directory} on {name}, which it has left")

    await hands.on_each(
        (name for name, seen in hands.facts.items() if seen.has_former and name in hands.target.members), leave
    )


async def wait_for_clocks(hands: Hands, valid_from: datetime.datetime, facts: Mapping[str, HostFacts]) -> None:
    """Wait until no host's clock is before the certificates' first moment; they are not back-dated."""
    now = datetime.datetime.now(datetime.UTC)
    behind = {name: (valid_from - now).total_seconds() - seen.clock_offset for name, seen in facts.items()}
    name, seconds = max(behind.items(), key=lambda item: item[1], default=("", 0.0))
    if seconds <= 0:
        return
    if seconds > hands.deadlines.clock_wait:
        raise ClusterError.of(
            Reason.CLOCK_SKEW,
            name,
            f"its clock is {seconds:.0f} s before the first moment of the new certificates",
            "Set the clock (NTP) and run `pulumi up` again",
        )
    await hands.say(f"Waiting {seconds:.0f} s: the clock of {name} is behind this machine's")
    await asyncio.sleep(seconds)
