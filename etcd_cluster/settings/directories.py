"""Directories on the hosts: which may be used, and whether one contains another."""

import re
from pathlib import PurePosixPath

from etcd_cluster.settings.problems import InvalidValue

ALLOWED = "an absolute path of letters, digits and the characters . _ - + @, not a directory of the system itself"

# Shared by everything on the host: a removal or a change of owner there would not be ours to make.
SYSTEM = frozenset(
    [
        "/",
        "/bin",
        "/boot",
        "/data",
        "/etc",
        "/etc/systemd",
        "/etc/ssl",
        "/etc/pki",
        "/home",
        "/lib",
        "/lib64",
        "/media",
        "/mnt",
        "/opt",
        "/root",
        "/sbin",
        "/srv",
        "/usr",
        "/usr/bin",
        "/usr/etc",
        "/usr/lib",
        "/usr/lib64",
        "/usr/libexec",
        "/usr/local",
        "/usr/local/etc",
        "/usr/local/lib",
        "/usr/local/sbin",
        "/usr/local/share",
        "/usr/sbin",
        "/usr/share",
        "/usr/src",
        "/var",
        "/var/cache",
        "/var/lib",
        "/var/local",
        "/var/log",
        "/var/opt",
        "/var/spool",
    ]
)
# Emptied at boot, or no file system at all.
PASSING = ("/dev", "/proc", "/run", "/sys", "/tmp", "/var/run", "/var/lock", "/var/tmp")
# Links to programs are at home here; a directory of our own is not.
PROGRAMS = "/usr/local/bin"


def normalized(value: str) -> str:
    """Return the directory without double or trailing slashes.

    Raises InvalidValue.
    """
    if not value.startswith("/"):
        raise InvalidValue(ALLOWED, "A relative path means something else on each host.", "Begin it with /.")
    if not re.fullmatch(r"[A-Za-z0-9._+@/-]+", value):
        raise InvalidValue(
            ALLOWED,
            "Units, environment files and shells read other characters in their own way.",
            "Choose another path.",
        )
    parts = [part for part in value.split("/") if part]
    if any(part in (".", "..") or part.startswith("-") for part in parts):
        raise InvalidValue(ALLOWED, "It has a part that is . or .. or begins with -.", "Write the path out.")
    path = "/" + "/".join(parts)
    if path in SYSTEM:
        raise InvalidValue(
            ALLOWED,
            f"{path} belongs to the system and holds what is not etcd's.",
            "Name a directory below it.",
        )
    if any(inside(path, passing) for passing in PASSING):
        raise InvalidValue(
            ALLOWED,
            "What lies there is lost at the next boot or is no file.",
            "Choose a directory that lasts.",
        )
    return path


def inside(path: str, other: str) -> bool:
    """Tell whether `path` is `other` or lies below it."""
    return PurePosixPath(path).is_relative_to(other)
