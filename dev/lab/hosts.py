"""Real Debian 12 hosts on one machine: each with its own systemd, sshd, disk, network namespace and address."""

import contextlib
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dev import cache, releases
from dev.lab import packages, release_server, sweeping
from dev.lab.machine import Places
from dev.lab.networking import network
from dev.lab.networking.addresses import Addresses, index
from dev.lab.networking.wire import Wired
from dev.lab.power import Powered
from dev.lab.processes import cgroups
from dev.lab.processes.clock import Clocked
from dev.lab.processes.identity import Identity, PidFile
from dev.lab.slots import DEFAULT_LAB, Registry, Slot, check_name
from dev.lab.storage import image, seed
from dev.lab.storage.disks import Disked
from dev.lab.system import LabError, detach, locked, run, tail, until

__all__ = ["Host", "Lab"]


class Host(Powered, Wired, Disked, Clocked):
    """One host. It is on or off; its disks, keys and addresses are kept over power off and reboot."""

    def freeze(self) -> None:
        """Hang the whole host: every process stops, the network stays up."""
        self.leader()
        cgroups.set_frozen(self.machine, True)

    def thaw(self) -> None:
        """Let a frozen host run on."""
        self.leader()
        cgroups.set_frozen(self.machine, False)

    def add_host_key(self, kind: str) -> None:
        """Give sshd another host key beside the ed25519 one: "rsa" or "ecdsa". The host must be on."""
        if kind not in ("rsa", "ecdsa"):
            raise LabError(f"host key type {kind!r}: want rsa or ecdsa")
        path = f"/etc/ssh/ssh_host_{kind}_key"
        self.run('rm -f -- "$2" "$2.pub"; ssh-keygen -q -t "$1" -N "" -f "$2"', args=[kind, path])
        self.run("systemctl restart ssh")
        self.wait_for_ssh()

    def ssh_command(self, user: str = "root") -> list[str]:
        """Return the words that open an ssh session as `user`; a command may follow them."""
        options = {
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "5",
            "UserKnownHostsFile": str(self.places.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "LogLevel": "ERROR",
        }
        settings = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return ["ssh", "-F", "/dev/null", "-i", str(self.places.key), *settings, f"{user}@{self.address}"]


class Lab:
    """Some hosts on a network of their own. Several labs may run side by side."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.name = slot.folder.name
        self.folder = slot.folder
        self.places = Places(slot.folder)
        self.addresses = Addresses(slot.number)
        self.gateway = self.addresses.gateway
        self.private_key = self.places.key
        self.known_hosts = self.places.known_hosts
        self.releases_url = f"http://{self.gateway}:{release_server.PORT}"
        self._server = PidFile(slot.folder / "run" / "release-server.pid")

    @classmethod
    def open(cls, name: str = DEFAULT_LAB, owner: int | None = None) -> "Lab":
        """Return the lab of that name; give it a slot and a key when it is new. Running hosts are left alone.

        Args:
            name: Lower-case letters, digits, hyphens. "dev" has slot 0.
            owner: The pid of the process for which the lab is made: once it is gone, `sweep` destroys the lab.
                Without one, a new lab is kept, and a lab that has an owner keeps it. A kept lab stays kept.

        Raises:
            LabError: The machine cannot run the lab, something is missing, or all slots are taken.
        """
        packages.require()
        check_name(name)
        identity = Identity.of(owner) if owner is not None else None
        if owner is not None and identity is None:
            raise LabError(f"lab {name}: its owner, process {owner}, is gone")
        lab = cls(Registry().take(name, cache.hosts() / "labs" / name, identity))
        seed.make_lab_key(lab.places)
        return lab

    @property
    def hosts(self) -> list[Host]:
        """The hosts that have been started once, by number."""
        found = [path.parent.name for path in self.folder.glob("hosts/h*/ready")]
        return [self.host(name) for name in sorted(found, key=index)]

    def host(self, name: str) -> Host:
        """Return the host of that name, h1 to h99, started or not."""
        return Host(name, self.addresses, self.places)

    def start(self, count: int = 3, say: Callable[[str], None] = lambda _: None) -> list[Host]:
        """Power on h1 to h`count` in parallel and return them when ssh answers; those that are on are left alone.

        The first start on a machine builds the base image. The release server starts too.

        Args:
            count: How many hosts.
            say: Is told what takes long.
        """
        image.ensure(say)
        with locked(self.folder / "network.lock"):
            network.up(self.addresses)
            network.allow_many_hosts()
        hosts = [self.host(f"h{number}") for number in range(1, count + 1)]
        with ThreadPoolExecutor(max(1, len(hosts))) as pool:
            for started in [pool.submit(host.start) for host in hosts]:
                started.result()
        self.serve_releases()
        return hosts

    def serve_releases(self) -> None:
        """Start the release server on the lab's gateway address, unless it runs."""
        with locked(self.folder / "server.lock"):
            if self._server.live():
                return
            self._server.forget()
            cache.releases().mkdir(parents=True, exist_ok=True)
            log = self.folder / "run" / "release-server.log"
            detach(
                "dev.lab.release_server", self._server.path, self.addresses.bridge, self.gateway,
                str(release_server.PORT),
                cache.releases(), self.requests_log, log=log,
            )  # fmt: skip
            if not until(lambda: self._server.live() is not None and release_server.answers(self.gateway), 10):
                raise LabError(f"the release server did not start on {self.gateway}: {tail(log)}")
            link = self.places.access / "checksums.yaml"
            link.unlink(missing_ok=True)
            link.symlink_to(releases.checksums())

    @property
    def requests_log(self) -> Path:
        """One line for each request that the release server got."""
        return self.folder / "run" / "requests.log"

    def link(self, checkout: Path) -> None:
        """Make `.lab` in a checkout point to the folder with this lab's key, known_hosts and checksums."""
        link = checkout / ".lab"
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise LabError(f"{link} is no link of the lab; move it away")
        link.symlink_to(self.places.access)

    def block(self, one: Host | str, other: Host | str) -> None:
        """Drop every frame between two hosts; both still reach the others."""
        one, other = self._names(one, other)
        network.block(image.ensure(), self.addresses, one, other)

    def unblock(self, one: Host | str | None = None, other: Host | str | None = None) -> None:
        """Let two blocked hosts talk again; without arguments, all."""
        if one is None or other is None:
            network.unblock_all(image.built(), self.addresses)
        else:
            network.unblock(image.ensure(), self.addresses, *self._names(one, other))

    @staticmethod
    def _names(one: Host | str, other: Host | str) -> tuple[str, str]:
        names = [host.name if isinstance(host, Host) else host for host in (one, other)]
        return names[0], names[1]

    def stop(self) -> None:
        """Power all hosts off hard, end the release server, remove the bridge. Disks and keys stay."""
        names = {path.name for kind in ("hosts", "run") for path in self.folder.glob(f"{kind}/h*")}
        with ThreadPoolExecutor(max(1, len(names))) as pool:
            for stopped in [pool.submit(self.host(name).kill) for name in names]:
                stopped.result()
        self._server.end()
        sweeping.remove_remains(self.addresses)

    def destroy(self) -> None:
        """Stop the lab, delete its disks and keys, free its slot."""
        registry = Registry()
        with locked(registry.lock):
            self._destroy(registry)

    def _destroy(self, registry: Registry) -> None:
        """Destroy the lab while the registry's lock is held, unless its slot is another lab's by now."""
        if not any((slot.number, slot.folder) == (self.slot.number, self.folder) for slot in registry.slots()):
            return
        self.stop()
        network.remove_routes(self.addresses)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        registry.free(self.slot.number)

    @classmethod
    def sweep(cls) -> list[str]:
        """Remove what killed runs left behind; labs that live are left alone. Returns what was done, a line each.

        Destroyed is a lab whose owner is gone, or whose folder is. In the others, a host that is not on loses
        what is left of its last run. Also removed is what carries the number of a slot that nobody has.
        """
        done: list[str] = []
        registry = Registry()
        with locked(registry.lock):
            for lab in map(cls, registry.slots()):
                if lab.slot.abandoned() or not lab.folder.exists():
                    done.append(f"destroyed lab {lab.name} (slot {lab.slot.number})")
                    lab._destroy(registry)
            taken = {slot.number for slot in registry.slots()}
            for number in sorted(sweeping.numbers_in_use() - taken):
                done.append(f"removed what was left in slot {number}")
                sweeping.remove_remains(Addresses(number))
                network.remove_routes(Addresses(number))
        kept = [cls(slot) for slot in registry.slots()]
        for lab in kept:
            done += lab._tidy()
        bases = {host.base() for lab in kept for host in lab.hosts}
        done += [f"removed the unused base image {path.name}" for path in image.remove_unused(bases)]
        return done

    def _tidy(self) -> list[str]:
        done = []
        for name in sorted({path.name for path in self.folder.glob("run/h*")}):
            host = self.host(name)
            with locked(host.lock):
                if host.is_running() or not sweeping.has_remains(host):
                    continue
                host.clear()
                for device in sweeping.loops_below(host.folder):
                    with contextlib.suppress(LabError):  # it went by itself meanwhile
                        run("losetup", "-d", device)
                done.append(f"cleaned up after {name} of lab {self.name}")
        return done
