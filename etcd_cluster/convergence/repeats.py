"""A step that was taken and changed nothing is an error, not something to do for ever."""

from collections.abc import Mapping
from dataclasses import replace

from etcd_cluster.errors import ClusterError
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import Step
from etcd_cluster.reasons import Reason

_PASSING = ("MainPID", "NRestarts", "SubState")


def _lasting(host: HostFacts) -> HostFacts:
    """Return what a look shows without what changes by itself."""
    status = host.status and replace(
        host.status, leader_id="", raft_term=0, raft_index=0, raft_applied_index=0, db_size=0, errors=()
    )
    unit = {key: value for key, value in host.unit.items() if key not in _PASSING}
    return replace(host, clock_offset=0.0, status=status, unit=unit, query_words="")


class Repeats:
    """What a run has taken, and what the hosts showed before each step."""

    def __init__(self) -> None:
        self._last: Step | None = None
        self._before: dict[Step, Mapping[str, HostFacts]] = {}
        self._looked_again = False

    def taken(self, step: Step, facts: Mapping[str, HostFacts]) -> None:
        """Remember a step that was taken on these facts."""
        self._last, self._looked_again = step, False
        self._before[step] = {name: _lasting(host) for name, host in facts.items()}

    def needs_look(self, step: Step, facts: Mapping[str, HostFacts]) -> bool:
        """Return whether to look once more before a step that was taken already; raises when that was done."""
        same = self._before.get(step) == {name: _lasting(host) for name, host in facts.items()}
        if not same and step != self._last:
            return False
        if self._looked_again:
            shows = "shows the same as before it" if same else "shows that it is due again"
            raise ClusterError.of(
                Reason.STEP_WITHOUT_EFFECT,
                "cluster",
                f'the step "{step}" was taken, and a look at the hosts {shows}',
                "Something there undoes it or hides it: look at what it names, and at configuration management, "
                "before you run `pulumi up` again",
            )
        self._looked_again = True
        return True
