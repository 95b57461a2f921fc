"""The order of versions: which change of version is possible, and what must come before the first restart."""

from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.steps import CancelDowngrade, CheckV2Store, EnableDowngrade, SaveSnapshot, Step
from etcd_cluster.planning.target import refuse
from etcd_cluster.reasons import Reason
from etcd_cluster.versions import Minor, Number, minor, parse, text

# What the last members of a minor must run at least before a member of the next one may come
# (etcd's upgrade pages; 3.5.32 is the first whose check covers the WAL, 3.6.11 is what 3.7 asks for).
_FLOORS: dict[Minor, Number] = {(3, 6): (3, 5, 32), (3, 7): (3, 6, 11)}

# What 3.5 wrote must be looked at before each of them: 3.6 refuses v2 data, 3.7 cannot read log entries of 3.5.
_LEAVES_V2: tuple[Minor, ...] = ((3, 6), (3, 7))


def wanted(cluster: ClusterState) -> str:
    """Return the version that all members are to run."""
    return next(iter(cluster.target.members.values())).member.version


def is_changing(cluster: ClusterState) -> bool:
    """Return whether any serving member runs another version than the wanted one."""
    return any(host.status.version != wanted(cluster) for host in cluster.serving.values() if host.status)


def refuse_mixed(cluster: ClusterState) -> list[Step]:
    """Refuse a version change together with a change of members, unless a dead member is being replaced.

    What is stopped starts before it is judged. A member that joins may be the first one on the wanted version, so what
    must come before that comes before the join too.
    """
    if not is_changing(cluster):
        return []
    _refuse_jump(cluster)
    joining = [*cluster.missing, *(name for name, entry in cluster.by_url.items() if not entry.name)]
    if joining and minor(wanted(cluster)) < max(
        minor(host.status.version) for host in cluster.serving.values() if host.status
    ):
        raise refuse(
            Reason.VERSION_BELOW_CLUSTER,
            joining[0],
            f"it cannot join with {wanted(cluster)}, which is below what the cluster runs",
            "Set `version` to what the cluster runs, let the member join, then change the version",
        )
    grows = set(cluster.target.members) - cluster.target.known if cluster.target.known else set(cluster.missing)
    shrinks = [cluster.label(entry) for entry in cluster.unwanted if cluster.is_alive(entry)]
    if grows or shrinks:
        names = ", ".join(sorted(grows) + shrinks)
        raise refuse(
            Reason.VERSION_CHANGES_WITH_MEMBERS,
            "version",
            f"it changes to {wanted(cluster)} together with the members ({names})",
            "Do one after the other, each with an `up` of its own",
        )
    return before_restarts(cluster) if joining and not cluster.alarms else []


def before_restarts(cluster: ClusterState) -> list[Step]:
    """Return what must be done before the first member runs another version; refuses impossible changes."""
    versions = sorted({host.status.version for host in cluster.serving.values() if host.status}, key=parse)
    if not is_changing(cluster):
        return cancelled(cluster)
    to = wanted(cluster)
    low, high = minor(versions[0]), minor(versions[-1])
    goal = minor(to)
    if cluster.alarms:
        raise refuse(
            Reason.ALARM_PREVENTS_VERSION,
            "version",
            f"the alarm {sorted(kind for _, kind in cluster.alarms)[0]} is raised, so the version stays",
            "Clear the alarm first",
        )
    steps: list[Step] = []
    if goal == (low[0], low[1] + 1):
        steps += cancelled(cluster)
        if goal in _LEAVES_V2 and high < goal and not any(isinstance(step, CheckV2Store) for step in cluster.done):
            steps.append(CheckV2Store(tuple(sorted(cluster.serving))))
    if goal < low:
        steps += _downgrade(cluster, goal)
    started = to in versions
    teller = cluster.leader or next(iter(cluster.serving))
    if not started and not any(isinstance(step, SaveSnapshot) for step in cluster.done):
        steps.append(SaveSnapshot(teller))
    return steps


def _refuse_jump(cluster: ClusterState) -> None:
    """Refuse a version that no member may take, neither by a restart nor by joining."""
    oldest = min((host.status.version for host in cluster.serving.values() if host.status), key=parse)
    to, low = wanted(cluster), minor(oldest)
    above, below = (low[0], low[1] + 1), (low[0], low[1] - 1)
    if minor(to) > above:
        raise refuse(
            Reason.VERSION_SKIPS_MINOR,
            "version",
            f"{to} is more than one minor above {oldest}",
            f"Upgrade to the newest {text(above)} first",
        )
    if minor(to) < below:
        raise refuse(
            Reason.VERSION_SKIPS_MINOR,
            "version",
            f"{to} is more than one minor below {text(low)}",
            "Go down one minor at a time",
        )
    if minor(to) == above:
        _refuse_old_base(above, oldest, to)


def _refuse_old_base(goal: Minor, oldest: str, to: str) -> None:
    floor = _FLOORS.get(goal)
    if floor and parse(oldest) < floor:
        raise refuse(
            Reason.VERSION_BASE_TOO_OLD,
            "version",
            f"{to} needs every member on at least {'.'.join(map(str, floor))}, and one runs {oldest}",
            f"Upgrade to the newest {text(minor(oldest))} first",
        )


def _downgrade(cluster: ClusterState, goal: Minor) -> list[Step]:
    # A member of 3.6 or later tells its storage version once it has one; until then it is not down.
    storages = [minor(host.status.storage_version) for host in cluster.serving.values() if host.status]
    if any(storage != goal for storage in storages):
        return [EnableDowngrade(text(goal), cluster.leader or next(iter(cluster.serving)))]
    return []


def cancelled(cluster: ClusterState) -> list[Step]:
    """Take back a downgrade that is under way, when the wanted version is above it."""
    goal = minor(wanted(cluster))
    for host in cluster.serving.values():
        under_way = host.status.downgrade_target if host.status else ""
        if under_way and minor(under_way) < goal:
            return [CancelDowngrade(cluster.leader or next(iter(cluster.serving)))]
    return []
