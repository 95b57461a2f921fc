"""The proof that each member of a bootstrap belongs to this cluster with these settings, before that is recorded."""

import asyncio
import json
from collections.abc import Mapping, Sequence

from etcd_cluster import scripts
from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.execution.operations import Operations
from etcd_cluster.observation.etcdctl import SECONDS_IF_DOWN, Etcdctl
from etcd_cluster.observation.facts import ListedMember, MemberStatus, parse_answering
from etcd_cluster.observation.journal import last_words
from etcd_cluster.planning import Attempt
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering import revision as render
from etcd_cluster.ssh.session import as_text

_PAUSE_SECONDS = 0.5
_ACTION = "Correct that and run `pulumi up` again; the bootstrap was not recorded"


class Unproven(ClusterError):
    """Members that run and are not proven; those of them in `wrong` are known not to be what was to be made."""

    wrong: frozenset[str] = frozenset()


async def prove(ops: Operations, names: Sequence[str], attempt: Attempt) -> None:
    """Raise `Unproven` that names each member which does not belong to the attempt with what is staged for it."""

    async def member(name: str) -> tuple[str, bool]:
        if wrong := await _started_wrong(ops, name):
            return wrong, True
        if silent := await _gives_no_answer(ops, name):
            return silent, False
        return await _is_other(ops, name, attempt), True

    found = {name: each for name, each in (await ops.on_each(names, member)).items() if each[0]}
    if found:
        error = Unproven(
            *(Problem(Reason.BOOTSTRAP_UNPROVEN, name, what, _ACTION) for name, (what, _) in found.items())
        )
        error.wrong = frozenset(name for name, (_, is_wrong) in found.items() if is_wrong)
        raise error


async def _started_wrong(ops: Operations, name: str) -> str:
    result = await ops.sessions[name].run(scripts.script("process"), seconds=ops.deadlines.command)
    # What serves already, of a run that was interrupted, may run a former revision: it is changed by a roll afterwards.
    revision = "" if name in ops.serving else ops.target.members[name].revision
    return process_problem(result.stdout, render.environment(ops.member(name)), revision)


def process_problem(printed: str, wanted: Mapping[str, str], revision: str) -> str:
    """Return what is wrong with the process that `process.sh` printed, empty where nothing is.

    An empty `revision` stands for any; then only variables that no revision has are wrong.
    """
    pairs = [line.split("=", 1) for line in printed.splitlines() if "=" in line]
    drop_ins = [value for key, value in pairs if key == "drop-in"]
    variables = {key: value for key, value in pairs if key.startswith("ETCD_")}
    runs = next((value for key, value in pairs if key == render.REVISION_VARIABLE), "")
    allowed = wanted.keys() | set(render.bootstrap_variables("", "", ""))
    where = f" (see {as_text(drop_ins)})" if drop_ins else ""
    if added := sorted(variables.keys() - allowed):
        return f"its process was started with {as_text(added)}, which this program does not set{where}"
    if not revision:
        return ""
    if runs != revision:
        return f"its process runs {f'revision {runs}' if runs else 'without'} the staged settings{where}"
    owned = set(render.bootstrap_variables("", "", ""))
    if changed := sorted(key for key in wanted.keys() - owned if variables.get(key) != wanted[key]):
        return f"its process was started with another {as_text(changed)} than is staged{where}"
    return ""


def _etcdctl(ops: Operations, name: str) -> Etcdctl:
    """Return `etcdctl` for a member as it runs by now: what this step has started serves where it is wanted."""
    if name in ops.serving:
        return ops.etcdctl(name)
    return Etcdctl(ops.sessions[name], ops.member(name), ops.deadlines.command)


async def _gives_no_answer(ops: Operations, name: str) -> str:
    """Ask the member as a client does, for some seconds: it may be between two leaders."""
    etcdctl, loop = _etcdctl(ops, name), asyncio.get_running_loop()
    deadline = loop.time() + ops.deadlines.command / 6
    while True:
        result = await etcdctl.run("-w", "json", "endpoint", "health", check=False, limit=SECONDS_IF_DOWN)
        if _is_healthy(result.stdout):
            return ""
        if loop.time() > deadline:
            words = last_words(result.stderr or result.stdout)
            return f"it gives our client, with its certificate, no linearizable answer:\n{words}\n"
        await asyncio.sleep(_PAUSE_SECONDS)


async def _is_other(ops: Operations, name: str, attempt: Attempt) -> str:
    etcdctl = _etcdctl(ops, name)
    status, members = await asyncio.gather(etcdctl.status(), etcdctl.members())
    peer_url = ops.member(name).peer_url if name not in ops.serving else ""
    return identity_problem(name, attempt, status, members, peer_url)


def _is_healthy(printed: str) -> bool:
    try:
        return bool(parse_answering(json.loads(printed)))
    except json.JSONDecodeError:
        return False


def identity_problem(
    name: str, attempt: Attempt, status: MemberStatus, members: Sequence[ListedMember], peer_url: str
) -> str:
    """Return what is wrong with what a member tells of itself and of the cluster, empty where nothing is."""
    if status.cluster_id != attempt.cluster_id:
        return f"it is a member of cluster {status.cluster_id}, not of {attempt.cluster_id}, which was to be made"
    if status.member_id != attempt.member_ids.get(name):
        return f"it is member {status.member_id}, not {attempt.member_ids.get(name)}"
    listed = {entry.member_id: entry for entry in members}
    if listed.keys() != set(attempt.member_ids.values()):
        return f"it lists the members {as_text(sorted(listed))}, not {as_text(sorted(attempt.member_ids.values()))}"
    own = listed[status.member_id]
    if peer_url and own.peer_urls != (peer_url,):
        return f"it is listed with the peer URL {as_text(own.peer_urls)}, not {peer_url}"
    return ""
