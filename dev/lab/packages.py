"""The system packages that the lab needs on this machine."""

import os
import shutil
import sys

from dev.lab.system import LabError, run

PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "bridge": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
}
"""Each program that the lab calls and the Debian package it comes in."""


def missing() -> list[str]:
    """Return the Debian packages that must be installed first, sorted."""
    return sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})


def unfit() -> str | None:
    """Return why this machine cannot run the lab at all, or None when it can."""
    if not sys.platform.startswith("linux"):
        return f"the lab needs Linux, this is {sys.platform}"
    if os.geteuid() != 0:
        return "the lab needs root: it makes network namespaces, mounts and loop devices"
    if missing() and not shutil.which("apt-get"):
        return f"the lab needs {', '.join(missing())} and finds no apt-get to install them"
    return None


def require() -> None:
    """Raise a LabError that names what is missing, unless the lab can run here."""
    if reason := unfit():
        raise LabError(reason)
    if packages := missing():
        raise LabError(
            f"missing system packages: {' '.join(packages)}; `python -m dev.lab packages --install` installs them"
        )


def install(packages: list[str]) -> None:
    """Install Debian packages through apt-get; nothing else that they merely recommend."""
    if not packages:
        return
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", timeout=300, env=env)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, timeout=600, env=env)
