"""Trying on its host what is staged for a member, before the member is started or restarted with it."""

import asyncio

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.execution import trial_unit
from etcd_cluster.execution.operations import Operations, crash_point
from etcd_cluster.execution.trial_unit import End, Result
from etcd_cluster.observation import query
from etcd_cluster.observation.journal import last_words
from etcd_cluster.planning import TrialStart
from etcd_cluster.reasons import Reason

# trial.sh asks etcdctl a few times once etcd is ready, and cleans up.
_SECONDS_BESIDE = 60
_SOON_SECONDS = 5.0
_WHAT = {
    End.NOT_READY: "etcd did not come up with what is staged, tried apart from the cluster",
    End.CLIENT_REFUSED: (
        "etcd came up with what is staged, tried apart from the cluster, but gave this program's client certificate "
        "no answer, and so clients might get none either"
    ),
    End.PEER_REFUSED: (
        "etcd came up with what is staged, tried apart from the cluster, but refused its own peer certificate, so "
        "members could not connect to each other"
    ),
}
_ACTION = "No member was started or restarted with it. Correct the settings or the host and run `pulumi up` again"
# etcd says these at each start, or says the same once more in other words.
_NOISE = (
    "Running http and grpc server on single port",
    "exceeded recommended request limit",
    "simple token is not cryptographically signed",
    "setting up serving from embedded etcd failed",
    "Failed to detect schema version",
    "failed to update storage version",
    "stopped publish because server is stopping",
    "WARNING: [core]",
    "Starting etcd-trial.service",
    "Started etcd-trial.service",
    "Failed to start etcd-trial.service",
    "created by ",
    "Error: context deadline exceeded",
    "Failed to get the status of endpoint",
)
_ETCDCTL = '"logger":"etcd-client"'


async def trial_start(ops: Operations, step: TrialStart) -> None:
    """Make the trial starts on all hosts at once; raises `ClusterError` that names each host where one failed.

    One that could not be made for a reason of its own is a warning: the roll has its own ways to stop.
    """
    trials = asyncio.ensure_future(ops.on_each(step.names, lambda name: _try_on(ops, name)))
    try:
        if not (await asyncio.wait({trials}, timeout=_SOON_SECONDS))[0]:
            limit = ops.deadlines.trial_start
            await ops.say(f"Waiting for etcd to be ready in the trial start, for {limit} s at most")
        results = await trials
    finally:
        trials.cancel()
    crash_point("tried")
    for name, result in results.items():
        if result.end is End.SKIPPED:
            reason = result.lines.strip()
            await ops.warn(f"{name}: no trial start was made: {reason}")
    problems = [
        Problem(Reason.TRIAL_START_FAILED, name, f"{_WHAT[result.end]}:\n{words(result.lines)}\n", _ACTION)
        for name, result in results.items()
        if result.end in _WHAT
    ]
    if problems:
        raise ClusterError(*problems)


async def _try_on(ops: Operations, name: str) -> Result:
    wanted, seconds = ops.target.members[name], ops.deadlines.trial_start
    # The staged leaf certificates, also where a restart keeps the active ones: the switch may come in this run too.
    how = wanted.member, wanted.revision, wanted.certificates, seconds
    output = await ops.guarded(
        name, "trial", **trial_unit.variables(*how), stdin=trial_unit.archive(*how), seconds=seconds + _SECONDS_BESIDE
    )
    try:
        return Result.parse(output)
    except ValueError:
        return Result(End.SKIPPED, f"it ended without a result ({output.strip()[:200]})")


def words(lines: str) -> str:
    """Return what tells why a trial failed, indented: the lines of systemd, etcd and etcdctl, each once."""
    listed = lines.splitlines()
    if any("Failed with result" in line for line in listed):
        listed = [line for line in listed if not line.startswith("systemd: ")]
    kept = [line for line in listed if not any(noise in line for noise in _NOISE)]
    return last_words("\n".join(f"etcdctl: {query.words(line)}" if _ETCDCTL in line else line for line in kept))
