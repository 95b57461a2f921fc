"""Before 3.7: a log with entries of 3.5 that a start would replay is refused."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from etcd_cluster.errors import ClusterError
from etcd_cluster.execution import Deadlines, Operations, execute
from etcd_cluster.lease import Lease, now
from etcd_cluster.planning import CheckV2Store, Target, TargetMember
from etcd_cluster.ssh.session import Result
from tests.unit.observation.test_wal import ATTRIBUTES, USERS, VERSION
from tests.unit.samples import member, serving

_LOG = (
    bytes(300)
    + ATTRIBUTES
    + b"/0/members/667880157b8812c8/attributes\n"
    + bytes(70)
    + VERSION
    + b"/0/version\n"
    + USERS
    + b"/0/version"
)


class Here:
    """Runs scripts on this machine."""

    async def run(self, script: str, *arguments: str, check: bool = True, **_: Any) -> Result:
        """Run one that reads only."""
        words = ["sh", "-euc", script, "sh", *arguments]
        done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=check)
        return Result(done.returncode, done.stdout, done.stderr)


def refusal(data: Path, wal: Path | None, version: str = "3.7.3") -> str:
    """Check a member's directories and return what is refused, if anything."""

    async def say(_: str) -> None:
        """Nobody listens."""

    async def run() -> None:
        lease = Lease("run-1", now())
        target = Target({"a": TargetMember(member("a", version=version), "r2", "c1")})
        facts = {"a": serving("a", active_data=str(data), active_wal=str(wal or ""))}
        deadlines = Deadlines(60, 180, 120, 600, 90, 60)
        ops = Operations({"a": Here()}, target, lease, deadlines, None, say, None, facts)  # type: ignore[dict-item]
        await execute(ops, CheckV2Store(("a",)))

    try:
        asyncio.run(run())
    except ClusterError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("apart", [False, True])
def test_entries_of_3_5_are_refused_until_a_snapshot_is_newer(apart: bool, tmp_path: Path) -> None:
    data, wal = tmp_path, tmp_path / "log" / "wal" if apart else None
    folder = wal or data / "member" / "wal"
    folder.mkdir(parents=True)
    (folder / "0000000000000000-0000000000000000.wal").write_bytes(_LOG)
    told = refusal(data, wal)
    assert "a: its log still holds entries of etcd 3.5 up to index 4" in told
    assert "newer than its newest snapshot (index 0)" in told
    assert "snapshot-count: 1" in told
    snapshots = data / "member" / "snap"
    snapshots.mkdir(parents=True)
    (snapshots / "0000000000000002-0000000000000003.snap").touch()
    assert "(index 3)" in refusal(data, wal)
    (snapshots / "0000000000000001-0000000000000010.snap").touch()
    (snapshots / "db").touch()
    assert refusal(data, wal) == ""


def test_a_log_that_3_6_began_is_fit(tmp_path: Path) -> None:
    folder = tmp_path / "member" / "wal"
    folder.mkdir(parents=True)
    (folder / "0000000000000000-0000000000000000.wal").write_bytes(bytes(500) + USERS + b"/0/version" + bytes(500))
    assert refusal(tmp_path, None) == ""
