"""The stages of a plan that change who is a member: drop the dead, repair, add, remove.

A healthy swap adds before it removes, so that it never has less fault tolerance than before.
"""

from etcd_cluster.observation.facts import HostFacts, ListedMember
from etcd_cluster.planning.rules import replacement
from etcd_cluster.planning.state import Situation
from etcd_cluster.planning.steps import (
    AddLearner,
    DisarmAlarms,
    Promote,
    RecordBirth,
    Reinstall,
    RememberServed,
    RemoveMember,
    Retire,
    StartExisting,
    StartJoin,
    Step,
    UpdatePeerUrl,
)
from etcd_cluster.planning.target import Refusal, quorum, refuse
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering.config_diff import former_peer_urls


def start(now: Situation) -> list[Step]:
    """Start members that have their data and are stopped: what else is wrong must not keep them from serving."""
    stopped = tuple(
        sorted(
            name
            for name, entry in now.by_url.items()
            if (seen := now.facts.get(name))
            and not seen.is_running
            and replacement.has_own_data(seen, entry)
            # Where one with this id answers already, a second one would vote twice.
            and entry.member_id not in now.may_run
        )
    )
    if not stopped:
        _refuse_what_may_run(now)
    return [StartExisting(stopped)] if stopped else []


def _refuse_what_may_run(now: Situation) -> None:
    """Refuse to leave a member stopped without a word, since something at its address is not silent."""
    for name, entry in now.by_url.items():
        seen = now.facts.get(name)
        if entry.member_id in now.unclear and seen and not seen.is_running and replacement.has_own_data(seen, entry):
            raise refuse(
                Reason.ADDRESS_OF_ANOTHER_HOST,
                name,
                f"it is stopped, but member {entry.member_id} {now.still(entry.member_id, entry.client_urls)}",
                f"Find out what answers there: `nodes.{name}.address` and `nodes.{name}.ssh` have to lead to one host",
            )


def drop(now: Situation) -> list[Step]:
    """Drop members that are not wanted and do not answer, learners that lost their data, and what they left."""
    steps: list[Step] = [DisarmAlarms(now.stray_alarms)] if now.stray_alarms else []
    dead = [(entry, now.host_of(entry)) for entry in now.unwanted if not now.is_alive(entry)]
    dead += [(entry, None) for entry in replacement.replaced(now).values()]
    for entry, host in dead:
        # Who gives no answer may vote all the same. Where the voters that answer are no quorum, one of these does.
        if not entry.is_learner:
            _refuse_without_quorum(now, entry)
        steps.append(RemoveMember(entry.member_id, now.label(entry), host))
    steps += [
        RemoveMember(entry.member_id, name, None)
        for name, entry in now.by_url.items()
        if entry.is_learner and entry.name and name in now.facts and not now.facts[name].has_wal
    ]
    listed = {entry.member_id for entry in now.listed}
    for name in now.target.leaving:
        seen = now.facts.get(name)
        ids = {each.member_id for each in (seen.wal, seen.status) if each} if seen else set()
        if seen and (seen.is_running or seen.has_wal) and not ids & listed:
            steps.append(Retire(name))
    return steps


def repair(now: Situation) -> list[Step]:
    """Tell new addresses, and go on with a join that was begun."""
    steps: list[Step] = []
    remembered: list[str] = []
    for name, entry in now.moved.items():
        moved = now.facts.get(name)
        # One that runs and restarts anyway moves with its restart, so that never two members are between two URLs.
        restarts = moved and moved.is_running and moved.running_revision != now.target.members[name].revision
        if moved and moved.has_wal and not restarts:
            _refuse_where_it_does_not_listen(now, name, moved)
            steps.append(UpdatePeerUrl(name, entry.member_id))
    for name, entry in now.by_url.items():
        seen = now.facts.get(name)
        if seen is None:
            continue
        own_data = replacement.has_own_data(seen, entry)
        if seen.has_wal and not own_data and entry.name:
            raise refuse(
                Reason.DATA_OF_ANOTHER_MEMBER,
                name,
                f"its disk holds the data of another member ({seen.wal.member_id if seen.wal else 'unknown'}), not of "
                f"{entry.member_id}",
                "Check which disk is mounted on which host",
            )
        if not own_data and not entry.name:
            replacement.refuse_lost_disk(now, name, seen)
            steps.append(StartJoin(name))
    for name, entry in now.by_url.items():
        if entry.is_learner and name in now.down:
            raise Refusal(now.down[name])
        if entry.is_learner and not any(isinstance(step, StartJoin) and step.name == name for step in steps):
            steps.append(Promote(name, entry.member_id))
    for name in now.by_url:
        seen = now.facts.get(name)
        if not seen or not seen.is_running or seen.running_revision != now.target.members[name].revision:
            continue
        # A switch that was interrupted and taken back would come into force at the next crash or reboot.
        lost = (*seen.uninstalled, *(("the active revision",) if seen.is_switched else ()))
        if lost:
            steps.append(Reinstall(name, lost))
        if seen.is_unproven and name in now.serving:
            remembered.append(name)
    if remembered:
        steps.append(RememberServed(tuple(sorted(remembered))))
    unrecorded = tuple(sorted(name for name in now.serving if name in now.target.members and not now.facts[name].born))
    if unrecorded:
        steps.append(RecordBirth(unrecorded))
    return steps


def _refuse_where_it_does_not_listen(now: Situation, name: str, seen: HostFacts) -> None:
    """Refuse to tell the cluster a URL that a running member does not have and, as it is staged, does not get."""
    has, wanted = former_peer_urls(seen), now.target.members[name].member.peer_url
    if seen.is_running and has and wanted not in has:
        raise refuse(
            Reason.PEER_URL_NOT_SERVED,
            name,
            f"the settings want it at {wanted}, and what is staged for it leaves it at {', '.join(has)}",
            "Run `pulumi up` without `--target` and `--exclude`",
        )


def add(now: Situation) -> list[Step]:
    """Add the wanted nodes that are no members, one learner at a time."""
    # A corrupt member that is not wanted leaves first: nothing is added while its alarm is raised.
    if not now.missing or _corrupt(now):
        return []
    if unreachable := [now.down[name] for name in now.missing if name in now.down]:
        raise Refusal(*unreachable)
    if now.alarms:
        raise refuse(
            Reason.ALARM_PREVENTS_ADD,
            "cluster",
            f"the alarm {sorted(kind for _, kind in now.alarms)[0]} is raised, so no member can be added",
            "Compact, defragment and disarm the alarm first; to raise the quota, change only that setting",
        )
    # etcd makes an exception for a single member (etcdserver/util.go, isConnectedToQuorumAfterAddingNewMemberSince)
    needed = quorum(len(now.voters) + 1) if len(now.voters) > 1 else 1
    if now.healthy_voters() < needed:
        raise refuse(
            Reason.NO_QUORUM_TO_ADD,
            now.missing[0],
            f"{now.healthy_voters()} of {len(now.voters)} voters answer, and etcd adds a member only while {needed} do",
            "Repair or take out the members that do not answer first",
        )
    steps: list[Step] = []
    for name in sorted(now.missing):
        if seen := now.facts.get(name):
            replacement.refuse_lost_disk(now, name, seen)
        steps += [AddLearner(name), StartJoin(name), Promote(name, "")]
    return steps


def _corrupt(now: Situation) -> list[ListedMember]:
    """Return the members that are not wanted, answer, and have corrupt data."""
    return [entry for entry in now.unwanted if now.is_alive(entry) and (entry.member_id, "CORRUPT") in now.alarms]


def remove(now: Situation) -> list[Step]:
    """Remove the members that are not wanted and answer, the leader last."""
    going = sorted(
        (entry for entry in now.unwanted if now.is_alive(entry)),
        key=lambda entry: (not entry.is_learner, entry.member_id == now.leader_id, now.label(entry)),
    )
    if not going:
        return []
    going = _corrupt(now) or going
    first = going[0]
    successor = now.by_url.get(first.name)
    if successor and not now.answers(successor) and not _corrupt(now):
        raise refuse(
            Reason.SUCCESSOR_SILENT,
            now.label(first),
            f"it stays, since the member in its place ({successor.member_id}) does not answer",
            f"Repair {first.name} first",
        )
    # While members are still to be added, this is a forecast only; it is judged when its turn comes.
    if not first.is_learner and (not now.missing or _corrupt(now)):
        _refuse_without_quorum(now, first)
    return [
        RemoveMember(entry.member_id, now.label(entry), now.host_of(entry), entry.member_id == now.leader_id)
        for entry in going
    ]


def _refuse_without_quorum(now: Situation, entry: ListedMember) -> None:
    """Refuse the removal of a voter without which too few would answer."""
    staying = len(now.voters) - 1
    healthy = now.healthy_voters(without=[entry.member_id])
    if healthy < quorum(staying):
        raise refuse(
            Reason.NO_QUORUM_TO_REMOVE,
            now.label(entry),
            f"without it {healthy} of {staying} voters would answer, and {quorum(staying)} must",
            "Repair the members that do not answer first",
        )
