"""Faults of a host's network cable."""

from dev.lab.machine import Machine
from dev.lab.networking import network
from dev.lab.processes.identity import PidFile
from dev.lab.system import LabError, detach, run, tail, until


class Wired(Machine):
    """The part of a host that is its network cable."""

    @property
    def relay_file(self) -> PidFile:
        """The process that delays the host's frames."""
        return PidFile(self.state / "relay.pid")

    def cut(self) -> None:
        """Pull the cable: the host sees its carrier go, and loses its addresses."""
        self.leader()
        run("ip", "link", "set", self.machine, "down")

    def heal(self) -> None:
        """Plug the cable in again."""
        self.leader()
        run("ip", "link", "set", self.machine, "up")

    def mute(self) -> None:
        """Let every frame vanish while the link stays up: the host notices nothing but silence."""
        self.leader()
        run("bridge", "link", "set", "dev", network.port(self.addresses, self.name), "state", "0")

    def unmute(self) -> None:
        """Let frames pass again."""
        self.leader()
        run("bridge", "link", "set", "dev", network.port(self.addresses, self.name), "state", "3")

    def delay(self, ms: float, loss_percent: float = 0) -> None:
        """Hold each frame for `ms` milliseconds, each way, and drop some, each way.

        A relay process does it, because not every kernel has netem. A former delay is replaced.
        """
        self.leader()
        self.undelay()
        near, far = self.addresses.relay(self.name)
        run("ip", "link", "set", self.machine, "nomaster")
        run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        network.no_link_local(near)
        network.no_link_local(far)
        run("ip", "link", "set", far, "master", self.addresses.bridge, "up")
        # this machine's own IP stack must not answer on the relay's two ends
        run("ip", "link", "set", near, "arp", "off", "up")
        run("ip", "link", "set", self.machine, "arp", "off")
        log = self.state / "relay.log"
        words = [str(self.relay_file.path), self.machine, self.machine, near, f"{ms:g}", f"{loss_percent:g}"]
        detach("dev.lab.networking.relay", *words, log=log)
        if not until(lambda: self.relay_file.live() is not None, 10):
            self.undelay()
            raise LabError(f"{self.name}: the relay did not start: {tail(log)}")

    def undelay(self) -> None:
        """Connect the host directly again; nothing happens when it is."""
        self.relay_file.end()
        near, _ = self.addresses.relay(self.name)
        if network.exists(near):
            run("ip", "link", "del", near)
            run("ip", "link", "set", self.machine, "arp", "on", "master", self.addresses.bridge, "up")
