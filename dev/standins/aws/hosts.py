"""What stands behind instances and volumes: hosts and image files of a lab, or nothing at all in a unit test."""

import json
import os
from pathlib import Path

from dev.lab.hosts import Host, Lab
from dev.lab.networking.addresses import Addresses, index
from dev.lab.storage import seed
from dev.lab.system import LabError, run
from dev.standins.resource_plugin.plugin import OperationError

VARIABLE = "ETCD_CLUSTER_LAB_AWS"
_SEED = "/var/lib/cloud/seed/nocloud"
# A host keeps shutting down for as long as etcd's own unit may take to stop.
STOP_SECONDS = 120


class Hosts:
    """Instances that are names only."""

    network = Addresses(0).network

    def host_at(self, address: str) -> str | None:
        """Return the name of the host with that address, None where there can be none."""
        number = int(address.rpartition(".")[2]) - 10
        return f"h{number}" if 1 <= number <= 99 else None

    def launch(self, host: str, identity: str, user_data: str, public_keys: list[str]) -> None:
        """Start a host with a new root disk that does what its user data says; return when its PID 1 runs."""

    def start(self, host: str) -> None:
        """Start a stopped host with the disks it has."""

    def stop(self, host: str) -> None:
        """Shut a host down."""

    def terminate(self, host: str) -> None:
        """Power a host off hard and throw its root disk away."""

    def is_running(self, host: str) -> bool:
        """Return whether the host is on."""
        return True

    def make_volume(self, file: Path, size: int) -> None:
        """Make an empty volume of `size` GiB, or let one grow."""

    def attach(self, host: str, volume: str, file: Path) -> None:
        """Let a host see a volume, now when it is on, and at every boot."""

    def detach(self, host: str, volume: str) -> None:
        """Take a volume from a host. Raises `OperationError` while the host has it mounted."""


class LabHosts(Hosts):
    """Hosts of a lab."""

    def __init__(self, name: str) -> None:
        """Open the lab."""
        self.lab = Lab.open(name)
        self.network = self.lab.addresses.network

    def _host(self, name: str) -> Host:
        index(name)
        return self.lab.host(name)

    def launch(self, host: str, identity: str, user_data: str, public_keys: list[str]) -> None:
        made = self._host(host)
        made.kill()
        if made.folder.exists():
            made.reset()
        name = "ip-" + made.address.replace(".", "-")
        meta = {"instance-id": identity, "local-hostname": name, "public-keys": public_keys}
        files = {f"{_SEED}/meta-data": json.dumps(meta), f"{_SEED}/user-data": user_data}
        seed.prepare(made, seed.Launch(files))
        made.start(wait=False)

    def start(self, host: str) -> None:
        self._host(host).start(wait=False)

    def stop(self, host: str) -> None:
        if self.is_running(host):
            self._host(host).stop(STOP_SECONDS)

    def terminate(self, host: str) -> None:
        gone = self._host(host)
        gone.kill()
        if gone.folder.exists():
            gone.reset()

    def is_running(self, host: str) -> bool:
        return self._host(host).is_running()

    def make_volume(self, file: Path, size: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        run("truncate", "-s", f"{size}G", file)
        for device in run("losetup", "-j", file, "-n", "-O", "NAME").stdout.split():
            run("losetup", "-c", device)

    def attach(self, host: str, volume: str, file: Path) -> None:
        self._host(host).attach(by_id(volume), file)

    def detach(self, host: str, volume: str) -> None:
        try:
            self._host(host).detach(by_id(volume))
        except LabError as error:
            raise OperationError(f"timeout while waiting to become 'detached' (last state: 'busy'): {error}") from error


def by_id(volume: str) -> str:
    """Return the name under /dev/disk/by-id that EC2's Nitro instances give a volume."""
    return f"nvme-Amazon_Elastic_Block_Store_{volume.replace('-', '')}"


def open_hosts() -> tuple[Hosts, Path]:
    """Return the hosts and the account's folder that the variable names: a lab, or a folder without hosts.

    Raises:
        OperationError: The variable is not set, or the lab cannot be opened.
    """
    given = os.environ.get(VARIABLE)
    if not given:
        raise OperationError(
            f"no valid credential sources found: this is the lab's stand-in for AWS; set {VARIABLE} to a lab's name, "
            "or ETCD_CLUSTER_PLUGINS to a folder with the real plugin"
        )
    if "/" in given:
        return Hosts(), Path(given)
    try:
        hosts = LabHosts(given)
    except LabError as error:
        raise OperationError(f"the lab's stand-in for AWS: {error}") from error
    return hosts, hosts.lab.folder / "aws"
