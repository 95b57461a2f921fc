"""What cannot change under an instance that stays: its volumes, where they are mounted, and the VPC around it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

from etcd_cluster.errors import Problem
from etcd_cluster.reasons import Reason

DATA, WAL = "data", "wal"
_SETTINGS = {DATA: "paths.data_dir", WAL: "paths.wal_dir"}
_RESTORE = "for the other layout, make another cluster and restore a snapshot into it (docs/restore.md)"


@dataclass(frozen=True)
class NodeVolume:
    """A volume of a node: its mount point, and its id (`vol-…`) where the settings name one, else empty."""

    mount_point: str
    volume_id: str

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any]) -> Self:
        """Read a resource's input."""
        return cls(inputs["mount_point"], inputs["volume_id"])

    @property
    def label(self) -> str:
        """How a message names it."""
        return self.volume_id or "a volume of its own"


def moved(node: str, before: Mapping[str, str], wanted: Mapping[str, str]) -> list[Problem]:
    """Return why volumes of `node` cannot be mounted as wanted; both are mount points by purpose (data, wal).

    The instance mounts them as its user data said at its first boot, and etcd's files lie on them: neither a running
    instance nor a new one on the same volumes follows another setting.
    """
    problems = []
    if WAL in wanted and WAL not in before:
        problems.append(
            Problem(
                Reason.INSTANCE_LAYOUT_FIXED,
                node,
                "`ec2.wal_volume` cannot be added: its log lies on the data volume, and a member does not move it",
                f"Take `ec2.wal_volume` out again; {_RESTORE}",
            )
        )
    if WAL in before and WAL not in wanted:
        problems.append(
            Problem(
                Reason.INSTANCE_LAYOUT_FIXED,
                node,
                "`ec2.wal_volume` cannot be taken out: its log lies there, and its instance stops to detach a volume",
                f"Put `ec2.wal_volume` back; {_RESTORE}",
            )
        )
    problems += [
        Problem(
            Reason.INSTANCE_LAYOUT_FIXED,
            node,
            f"`{_SETTINGS[purpose]}` cannot become {wanted[purpose]}: its volume is mounted at {before[purpose]}",
            f"Set it to {before[purpose]}; {_RESTORE}",
        )
        for purpose in sorted(before.keys() & wanted.keys())
        if before[purpose] != wanted[purpose]
    ]
    return problems


def remounted(node: str, before: Collection[str], wanted: Collection[str]) -> list[Problem]:
    """Return why the volumes of `node` cannot be mounted elsewhere, where nothing but their mount points is known."""
    if set(before) == set(wanted):
        return []
    return [
        Problem(
            Reason.INSTANCE_LAYOUT_FIXED,
            node,
            f"its volumes are mounted at {', '.join(sorted(before))} and cannot move to {', '.join(sorted(wanted))}",
            f"Set `ec2.wal_volume`, `paths.data_dir` and `paths.wal_dir` as they were; {_RESTORE}",
        )
    ]


def exchanged(
    node: str, before: Mapping[str, NodeVolume], wanted: Mapping[str, NodeVolume], generation: int
) -> list[Problem]:
    """Return why `node` cannot get the wanted volumes while its instance, of `generation`, stays."""
    return [
        Problem(
            Reason.INSTANCE_LAYOUT_FIXED,
            node,
            f"its {purpose} volume cannot become {wanted[purpose].label} while its instance stays "
            f"(now: {before[purpose].label})",
            f"Set `nodes.{node}.ec2.{purpose}_volume_id` as it was, or raise `nodes.{node}.ec2.generation` to "
            f"{generation + 1} too, which replaces the instance",
        )
        for purpose in sorted(before.keys() & wanted.keys())
        if before[purpose].volume_id != wanted[purpose].volume_id
    ]


def other_vpc(before: str, wanted: str) -> list[Problem]:
    """Return why the network of the cluster's own VPC cannot change; empty stands for no VPC of its own."""
    if not before or not wanted or before == wanted:
        return []
    return [
        Problem(
            Reason.INSTANCE_LAYOUT_FIXED,
            "ec2.vpc.cidr",
            f"it was {before} and cannot become {wanted}, since the instances lie in that network",
            f"Set it to {before}; for another network, destroy the stack first, or make another one",
        )
    ]


def other_hosts(before: str, wanted: str) -> Problem | None:
    """Return why the setting `hosts` cannot change; empty for a state that does not tell, or a first run."""
    if before != "ec2" or wanted == "ec2":
        return None
    return Problem(
        Reason.INSTANCE_LAYOUT_FIXED,
        "hosts",
        f"it was ec2 and cannot become {wanted}: this stack made the hosts, and would terminate all instances at once",
        "Set it to ec2; to leave EC2, make another cluster and restore a snapshot into it (docs/restore.md)",
    )
