"""Relays frames between two interfaces; holds each for a while and drops some.

Stands in for tc netem where the kernel lacks it.
Arguments: pid file, machine name (its control group), two interfaces, milliseconds, loss in percent.
"""

import collections
import os
import random
import select
import signal
import socket
import sys
import time
from pathlib import Path

from dev.lab.processes import cgroups
from dev.lab.processes.identity import PidFile

# from linux/if_packet.h
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
ETH_P_ALL = 3

FRAME_BYTES = 70000
HELD_FRAMES = 20000
"""More than this many frames under way in one direction are dropped, as a full router would."""


def open_socket(interface: str) -> socket.socket:
    """Return a socket that gets every frame that arrives at an interface."""
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    # the header carries checksum and segmentation state along, so offloads need not be switched off
    link.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    link.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        link.setsockopt(socket.SOL_SOCKET, option, 8 << 20)
    link.bind((interface, ETH_P_ALL))
    link.setblocking(False)
    return link


class Direction:
    """Frames on their way from one interface to the other, in order."""

    def __init__(self, source: socket.socket, target: socket.socket, seconds: float, loss: float) -> None:
        self.source, self.target, self.seconds, self.loss = source, target, seconds, loss
        self.held: collections.deque[tuple[float, bytes]] = collections.deque()

    def take(self) -> None:
        """Read what has arrived, at most a batch, so that the other direction gets its turn."""
        for _ in range(256):
            try:
                frame = self.source.recv(FRAME_BYTES)
            except OSError:  # nothing more, or the link is down
                return
            if random.random() >= self.loss and len(self.held) < HELD_FRAMES:
                self.held.append((time.monotonic() + self.seconds, frame))

    def give(self, now: float) -> None:
        """Send what is due."""
        while self.held and self.held[0][0] <= now:
            try:
                self.target.send(self.held.popleft()[1])
            except OSError:  # the link is down: lost, as on a wire
                continue


def relay(one: socket.socket, other: socket.socket, seconds: float, loss: float) -> None:
    """Relay until a signal ends the process."""
    directions = {
        one.fileno(): Direction(one, other, seconds, loss),
        other.fileno(): Direction(other, one, seconds, loss),
    }
    poll = select.epoll()
    for handle in directions:
        poll.register(handle, select.EPOLLIN)
    while True:
        due = [direction.held[0][0] for direction in directions.values() if direction.held]
        wait = max(0.0, min(due) - time.monotonic()) if due else -1
        for handle, _ in poll.poll(wait):
            directions[handle].take()
        now = time.monotonic()
        for direction in directions.values():
            direction.give(now)


def main(argv: list[str]) -> None:
    """Join the host's control group, open both ends, note the pid, relay."""
    file, machine, one, other, ms, loss = argv
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    group = cgroups.group(machine) / "relay"
    group.mkdir(exist_ok=True)
    (group / "cgroup.procs").write_text(str(os.getpid()))
    ends = open_socket(one), open_socket(other)
    PidFile(Path(file)).save(os.getpid())
    relay(*ends, float(ms) / 1000, float(loss) / 100)


if __name__ == "__main__":
    main(sys.argv[1:])
