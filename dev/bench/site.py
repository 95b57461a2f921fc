"""The hosts that both contenders work on: emptied before each measurement."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from dev.lab.hosts import Host, Lab
from dev.lab.system import LabError


@contextmanager
def opened(name: str, owner: int) -> Iterator[Lab]:
    """Yield a lab that is destroyed at the end, and by any later sweep should this process be killed."""
    lab = Lab.open(name, owner=owner)
    try:
        yield lab
    finally:
        lab.destroy()


def empty_hosts(lab: Lab, count: int, say: Callable[[str], None]) -> dict[str, Host]:
    """Return `count` freshly booted hosts with new disks, by the names of the members that go on them."""

    def discard(host: Host) -> None:
        host.kill()
        host.reset()

    def settle(host: Host) -> None:
        state = host.run("systemctl is-system-running --wait", check=False).stdout.strip()
        if state != "running":
            raise LabError(f"{host.name} is {state} after it booted")

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(discard, lab.hosts))
        hosts = lab.start(count, say)
        list(pool.map(settle, hosts))
    return {f"etcd-{number}": host for number, host in enumerate(hosts, 1)}


def check_members(hosts: Mapping[str, Host], etcdctl: str) -> None:
    """Raise a `LabError` unless every member gives a linearizable answer, asked once from the first host."""
    endpoints = ",".join(f"https://{host.address}:2379" for host in hosts.values())
    first = next(iter(hosts.values()))
    done = first.run(f"{etcdctl} --endpoints={endpoints} endpoint health", check=False)
    if done.returncode:
        raise LabError(f"not every member is healthy:\n{done.stdout}{done.stderr}")


def main_pids(hosts: Mapping[str, Host]) -> list[str]:
    """Return the PID of etcd on each host."""

    def pid(host: Host) -> str:
        done: subprocess.CompletedProcess[str] = host.run("systemctl show -p MainPID --value etcd.service")
        return done.stdout.strip()

    return [pid(host) for host in hosts.values()]
