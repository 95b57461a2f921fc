"""When members were down, as systemd's own journal on their hosts says; all hosts share one monotonic clock."""

import json
from dataclasses import dataclass
from itertools import pairwise

from dev.lab.hosts import Host
from tests.lab.harness import Stack

# systemd's catalog (sd-messages.h): unit stopping, its process exited, unit started.
_DOWN = {"de5b426a63be47a7b6ac3eaac82e2f6f", "98e322203f7a4ed290d09fe03c09fe15"}
_UP = "39f53479d3a045ac8e11786248231fbf"
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, order=True)
class Outage:
    """From when to when a node's member did not run, in seconds of the machine's uptime; `end` may be infinite."""

    start: float
    end: float
    node: str


def cursor(host: Host) -> str:
    """Return the place in a host's journal that it has reached."""
    return host.run("journalctl -n 1 -o json --output-fields=__CURSOR | head -n 1").stdout


def _outages(node: str, host: Host, since: str) -> list[Outage]:
    after = json.loads(since)["__CURSOR"]
    text = host.run(
        f"journalctl --after-cursor='{after}' _PID=1 UNIT=etcd.service -o json --output-fields=MESSAGE_ID"
    ).stdout
    found: list[Outage] = []
    start: float | None = None
    for line in text.splitlines():
        entry = json.loads(line)
        moment = int(entry["__MONOTONIC_TIMESTAMP"]) / _MICROSECONDS
        if entry.get("MESSAGE_ID") in _DOWN and start is None:
            start = moment
        elif entry.get("MESSAGE_ID") == _UP and start is not None:
            found.append(Outage(start, moment, node))
            start = None
    return [*found, Outage(start, float("inf"), node)] if start is not None else found


class Outages:
    """What went down since this was made."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._since = {node: cursor(host) for node, host in stack.hosts.items()}

    def all(self) -> list[Outage]:
        """Return the outages of all members, in the order in which they began."""
        return sorted(
            outage for node, host in self._stack.hosts.items() for outage in _outages(node, host, self._since[node])
        )

    def nodes(self) -> list[str]:
        """Return the nodes whose member went down, once for each time."""
        return [outage.node for outage in self.all()]

    def never_two(self) -> None:
        """Check that no two members were down at the same time, and that none is down now."""
        outages = self.all()
        overlaps = [(one, other) for one, other in pairwise(outages) if other.start < one.end]
        assert not overlaps, f"two members were down at the same time: {overlaps}"
