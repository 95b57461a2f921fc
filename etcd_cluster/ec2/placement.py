"""Which place (a subnet or a zone) each node's instance stands in."""

from collections.abc import Mapping, Sequence

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.reasons import Reason


def assign(
    nodes: Sequence[str], places: Sequence[str], given: Mapping[str, str], before: Mapping[str, str]
) -> dict[str, str]:
    """Return the place of each node, in the order of `nodes`.

    A node stays where it was `before`; a `given` place of its own comes first. Another node goes to the place with
    the fewest nodes, of several to the first. So adding or removing a node never moves another. Raises
    `ClusterError` when the place of a node that stays is no longer among `places`, or when there is no place at all.
    """
    kept = {name: given.get(name) or before.get(name) for name in nodes}
    problems = [
        Problem(
            Reason.INSTANCE_PLACE_MISSING,
            name,
            f"it stands in {place}, which is no longer among the places for instances",
            f"Put {place} back, or take {name} out of `nodes` first",
        )
        for name, place in kept.items()
        if place and name not in given and place not in places
    ]
    if not places and None in kept.values():
        problems.append(
            Problem(Reason.INSTANCE_PLACE_MISSING, "ec2", "there is no place for an instance", "Name subnets or zones")
        )
    if problems:
        raise ClusterError(*problems)
    taken = [place for place in kept.values() if place]
    assigned: dict[str, str] = {}
    for name, place in kept.items():
        if place is None:
            place = min(places, key=taken.count)
            taken.append(place)
        assigned[name] = place
    return assigned
