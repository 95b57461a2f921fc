"""The order of versions: which change of version is possible, and what must come before the first restart."""

from etcd_cluster.planning.state import Situation
from etcd_cluster.planning.steps import CancelDowngrade, CheckV2Store, EnableDowngrade, SaveSnapshot, Step
from etcd_cluster.planning.target import refuse
from etcd_cluster.reasons import Reason
from etcd_cluster.versions import Minor, Number, minor, parse, text

# What the last members of a minor must run at least before a member of the next one may come
# (etcd's upgrade pages; 3.5.32 is the first whose check covers the WAL, 3.6.11 is what 3.7 asks for).
_FLOORS: dict[Minor, Number] = {(3, 6): (3, 5, 32), (3, 7): (3, 6, 11)}

# What 3.5 wrote must be looked at before each of them: 3.6 refuses v2 data, 3.7 cannot read log entries of 3.5.
_LEAVES_V2: tuple[Minor, ...] = ((3, 6), (3, 7))


def wanted(now: Situation) -> str:
    """Return the version that all members are to run."""
    return next(iter(now.target.members.values())).member.version


def is_changing(now: Situation) -> bool:
    """Return whether any serving member runs another version than the wanted one."""
    return any(seen.status.version != wanted(now) for seen in now.serving.values() if seen.status)


def refuse_mixed(now: Situation) -> list[Step]:
    """Refuse a version change together with a change of members, unless a dead member is being replaced.

    What is stopped starts before it is judged. A member that joins may be the first one on the wanted version, so what
    must come before that comes before the join too.
    """
    if not is_changing(now):
        return []
    _refuse_jump(now)
    joining = [*now.missing, *(name for name, entry in now.by_url.items() if not entry.name)]
    if joining and minor(wanted(now)) < max(minor(seen.status.version) for seen in now.serving.values() if seen.status):
        raise refuse(
            Reason.VERSION_BELOW_CLUSTER,
            joining[0],
            f"it cannot join with {wanted(now)}, which is below what the cluster runs",
            "Set `version` to what the cluster runs, let the member join, then change the version",
        )
    grows = set(now.target.members) - now.target.known if now.target.known else set(now.missing)
    shrinks = [now.label(entry) for entry in now.unwanted if now.is_alive(entry)]
    if grows or shrinks:
        names = ", ".join(sorted(grows) + shrinks)
        raise refuse(
            Reason.VERSION_CHANGES_WITH_MEMBERS,
            "version",
            f"it changes to {wanted(now)} together with the members ({names})",
            "Do one after the other, each with an `up` of its own",
        )
    return before_restarts(now) if joining and not now.alarms else []


def before_restarts(now: Situation) -> list[Step]:
    """Return what must be done before the first member runs another version; refuses impossible changes."""
    versions = sorted({seen.status.version for seen in now.serving.values() if seen.status}, key=parse)
    if not is_changing(now):
        return cancelled(now)
    to = wanted(now)
    low, high = minor(versions[0]), minor(versions[-1])
    goal = minor(to)
    if now.alarms:
        raise refuse(
            Reason.ALARM_PREVENTS_VERSION,
            "version",
            f"the alarm {sorted(kind for _, kind in now.alarms)[0]} is raised, so the version stays",
            "Clear the alarm first",
        )
    steps: list[Step] = []
    if goal == (low[0], low[1] + 1):
        steps += cancelled(now)
        if goal in _LEAVES_V2 and high < goal and not any(isinstance(step, CheckV2Store) for step in now.done):
            steps.append(CheckV2Store(tuple(sorted(now.serving))))
    if goal < low:
        steps += _downgrade(now, goal)
    started = to in versions
    teller = now.leader or next(iter(now.serving))
    if not started and not any(isinstance(step, SaveSnapshot) for step in now.done):
        steps.append(SaveSnapshot(teller))
    return steps


def _refuse_jump(now: Situation) -> None:
    """Refuse a version that no member may take, neither by a restart nor by joining."""
    oldest = min((seen.status.version for seen in now.serving.values() if seen.status), key=parse)
    to, low = wanted(now), minor(oldest)
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


def _downgrade(now: Situation, goal: Minor) -> list[Step]:
    # A member of 3.6 or later tells its storage version once it has one; until then it is not down.
    storages = [minor(seen.status.storage_version) for seen in now.serving.values() if seen.status]
    if any(storage != goal for storage in storages):
        return [EnableDowngrade(text(goal), now.leader or next(iter(now.serving)))]
    return []


def cancelled(now: Situation) -> list[Step]:
    """Take back a downgrade that is under way, when the wanted version is above it."""
    goal = minor(wanted(now))
    for seen in now.serving.values():
        under_way = seen.status.downgrade_target if seen.status else ""
        if under_way and minor(under_way) < goal:
            return [CancelDowngrade(now.leader or next(iter(now.serving)))]
    return []
