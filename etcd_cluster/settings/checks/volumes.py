"""Checks of EBS volumes: the limits of gp3, whether etcd has room, and existing volumes."""

import math
from collections import Counter
from collections.abc import Iterator

from etcd_cluster.settings.model import Settings
from etcd_cluster.settings.model.ec2 import Ec2, Volume
from etcd_cluster.settings.problems import Path, SettingProblem, display_value, invalid, problem

MIB, GIB = 2**20, 2**30
# https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
IOPS_PER_GIB = 500
THROUGHPUT_PER_IOPS = 0.25
# etcd's own: SegmentSizeBytes of server/storage/wal, DefaultMaxWALs and DefaultQuotaBytes
SEGMENT = 64 * MIB
MAX_WALS = 5
QUOTA = 2 * GIB


def check_volumes(settings: Settings, ec2: Ec2) -> Iterator[SettingProblem]:
    """Yield volumes that gp3 does not offer, and those too small for what etcd writes there."""
    data, wal = ec2.data_volume, ec2.wal_volume
    yield from _check_gp3(("ec2", "data_volume"), data)
    if wal is not None:
        yield from _check_gp3(("ec2", "wal_volume"), wal)
    elif settings.paths.wal_dir is not None:
        yield problem(
            ("paths", "wal_dir"),
            "must not be set without ec2.wal_volume",
            "The WAL would lie on the instance's own disk and be gone with the instance.",
            "Set ec2.wal_volume, or leave it out to keep the WAL on the data volume.",
            involves=(("ec2", "wal_volume"),),
        )
    wal_bytes = max(_wal_bytes(settings, name) for name in settings.nodes) if settings.nodes else 0
    options = (("etcd", "max-wals"), ("etcd", "max-request-bytes"))
    if wal is not None and wal.size * GIB < wal_bytes:
        yield _too_small(
            "wal_volume",
            wal,
            wal_bytes,
            "etcd keeps `max-wals` files of 64 MiB, each of which a request of `max-request-bytes` may overfill, and"
            " prepares the next two.",
            options,
        )
    quota = max(_number(settings, name, "quota-backend-bytes", QUOTA) for name in settings.nodes or ("",))
    data_bytes = 2 * max(quota, 0) + (0 if wal is not None else wal_bytes)
    if data.size * GIB < data_bytes:
        yield _too_small(
            "data_volume",
            data,
            data_bytes,
            "It holds the database up to `quota-backend-bytes` and, while it is defragmented or received from the"
            " leader, a second copy" + ("." if wal is not None else ", and the WAL."),
            (*options, ("etcd", "quota-backend-bytes")),
        )
    yield from _check_existing_volumes(settings, ec2)


def _check_existing_volumes(settings: Settings, ec2: Ec2) -> Iterator[SettingProblem]:
    volumes = {
        ("nodes", name, "ec2", what): volume
        for name, node in settings.nodes.items()
        for what, volume in (("data_volume_id", node.ec2.data_volume_id), ("wal_volume_id", node.ec2.wal_volume_id))
    }
    often = Counter(volume for volume in volumes.values() if volume is not None)
    for key, volume in volumes.items():
        if volume is not None and often[volume] > 1:
            yield invalid(
                key,
                display_value(key, volume),
                "a volume of its own",
                "Two members have this one.",
                "Name another one, or leave it out to get a new one.",
            )
    for name, node in settings.nodes.items():
        data, wal = node.ec2.data_volume_id, node.ec2.wal_volume_id
        if wal is not None if ec2.wal_volume is None else (wal is None) != (data is None):
            yield problem(
                ("nodes", name, "ec2", "wal_volume_id"),
                "must be set where data_volume_id and ec2.wal_volume are, and only there",
                "A member's data and its WAL belong together.",
                "Name both volumes of the member, or none.",
                involves=(("nodes", name, "ec2", "data_volume_id"), ("ec2", "wal_volume")),
            )


def _check_gp3(key: Path, volume: Volume) -> Iterator[SettingProblem]:
    most_iops = max(3_000, IOPS_PER_GIB * volume.size)
    if volume.iops > most_iops:
        yield invalid(
            (*key, "iops"),
            str(volume.iops),
            f"at most {most_iops} with {volume.size} GiB",
            f"gp3 gives {IOPS_PER_GIB} IOPS for each GiB.",
            f"Lower it, or raise size to {math.ceil(volume.iops / IOPS_PER_GIB)}.",
            involves=((*key, "size"),),
        )
    most_throughput = int(volume.iops * THROUGHPUT_PER_IOPS)
    if volume.throughput > most_throughput:
        yield invalid(
            (*key, "throughput"),
            str(volume.throughput),
            f"at most {most_throughput} with {volume.iops} iops",
            f"gp3 gives {THROUGHPUT_PER_IOPS} MiB/s for each I/O operation per second.",
            f"Lower it, or raise iops to {math.ceil(volume.throughput / THROUGHPUT_PER_IOPS)}.",
            involves=((*key, "iops"),),
        )


def _too_small(name: str, volume: Volume, needed: int, why: str, involves: tuple[Path, ...]) -> SettingProblem:
    gib = math.ceil(needed / GIB)
    return invalid(
        ("ec2", name, "size"),
        str(volume.size),
        f"at least {gib} GiB for these options",
        why,
        f"Raise it to {gib} or more, or lower the options.",
        involves=involves,
    )


def _wal_bytes(settings: Settings, node: str) -> int:
    files = _number(settings, node, "max-wals", MAX_WALS)
    return (files + 2) * (SEGMENT + _number(settings, node, "max-request-bytes", 0))


def _number(settings: Settings, node: str, option: str, default: int) -> int:
    """Return an option's value; etcd takes 0 for its default, and what is no number has a problem of its own."""
    value = settings.options(node).get(option, "0") if node else "0"
    return int(value) or default if value.lstrip("-").isdecimal() else default
