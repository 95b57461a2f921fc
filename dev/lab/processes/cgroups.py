"""The lab's control groups: one a host, so that its systemd sees a tree of its own."""

import contextlib
from pathlib import Path

from dev.lab.system import LabError, run, until

OWN_MOUNT = Path("/run/etcd-cluster-lab/cgroup2")


def parse_mounts(text: str) -> Path | None:
    """Return the mount point of cgroup v2 from the text of `/proc/mounts`, None without one."""
    for line in text.splitlines():
        _, point, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(point)
    return None


def root() -> Path:
    """Return the folder that holds the lab's groups.

    Where this machine runs cgroup v1 only, v2 is mounted in a place of our own; its hierarchy is empty there.
    """
    found = parse_mounts(Path("/proc/mounts").read_text())
    if not found:
        OWN_MOUNT.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "cgroup2", "none", OWN_MOUNT)
        found = OWN_MOUNT
    return found / "lab"


def group(machine: str) -> Path:
    """Return the group of one host."""
    return root() / machine


def processes(machine: str) -> list[int]:
    """Return the pids in a host's group, its supervisor and nspawn among them."""
    pids: list[int] = []
    for file in group(machine).glob("**/cgroup.procs"):
        with contextlib.suppress(OSError):  # the group went away meanwhile
            pids += [int(line) for line in file.read_text().split()]
    return pids


def set_frozen(machine: str, frozen: bool) -> None:
    """Stop or resume every process inside a host, and wait until it is so."""
    payload = group(machine) / "host" / "payload"
    (payload / "cgroup.freeze").write_text("1" if frozen else "0")
    wanted = f"frozen {int(frozen)}"
    if not until(lambda: wanted in (payload / "cgroup.events").read_text(), 10):
        raise LabError(f"{machine}: not {wanted} after 10 s")


def remove(machine: str) -> None:
    """Kill whatever is left in a host's group and remove it. Membership makes the processes certainly ours."""
    top = group(machine)
    if not top.is_dir():
        return
    (top / "cgroup.kill").write_text("1")
    if not until(lambda: not processes(machine), 10):
        raise LabError(f"{machine}: processes {processes(machine)} will not die")

    def removed() -> bool:
        for folder in sorted(top.glob("**/"), key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(OSError):  # a dying process holds it a moment longer
                folder.rmdir()
        return not top.exists()

    if not until(removed, 5):
        raise LabError(f"the control group {top} cannot be removed")


def inner_pid(pid: int) -> int | None:
    """Return the pid that a process has in its own pid namespace, None when it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return None
