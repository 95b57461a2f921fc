"""Addresses of hosts, and directories on them: which may be used, and one spelling for each."""

import ipaddress
import re
from pathlib import PurePosixPath

from etcd_cluster.settings.problems import InvalidValue

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
ADDRESS = "an IPv4 address, an IPv6 address without brackets, or a DNS name"


def ip(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that `value` spells, else None."""
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def is_ip(value: str) -> bool:
    """Tell whether `value` is an IP address rather than a name."""
    return ip(value) is not None


def same_address(value: str) -> str:
    """Return a key that is equal for two spellings of one address or name."""
    address = ip(value)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address) if address else value.rstrip(".").lower()


def url_host(value: str) -> str:
    """Return `value` as URLs have it: an IPv6 address in brackets."""
    return f"[{value}]" if ":" in value else value


def normalized_address(value: str) -> str:
    """Return the address of a node in its shortest spelling.

    Raises InvalidValue.
    """
    if "://" in value:
        raise InvalidValue(ADDRESS, "The program makes the URLs itself.", "Leave the scheme and the port out.")
    if value.startswith("[") or re.fullmatch(r"[^:]+:[0-9]+", value):
        raise InvalidValue(
            ADDRESS,
            "The ports of all nodes are the settings `client_port`, `peer_port` and `ssh.port`.",
            "Leave the brackets and the port out.",
        )
    if "%" in value:
        raise InvalidValue(ADDRESS, "An address with a zone means something else on each host.", "Leave the zone out.")
    address = ip(value)
    if address is None:
        name = dns_name(value)
        if name == "localhost" or name.endswith(".localhost"):
            raise InvalidValue(
                ADDRESS, "Other members and clients cannot reach this address.", "Give one they can reach."
            )
        return name
    if address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local:
        raise InvalidValue(ADDRESS, "Other members and clients cannot reach this address.", "Give one they can reach.")
    return str(address)


def dns_name(value: str, expected: str = ADDRESS) -> str:
    """Return the DNS name in lower case without the trailing dot; raises InvalidValue if it is none."""
    name = value.rstrip(".").lower() if not value.endswith("..") else value
    labels = name.split(".")
    if re.fullmatch(r"[0-9.]+", name) or (labels[-1].isdigit() and len(labels) > 1):
        raise InvalidValue(
            expected,
            "It looks like an IPv4 address and is none: that has four numbers from 0 to 255 without leading zeros.",
            "Correct the number.",
        )
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise InvalidValue(expected, "A DNS name has labels of 1 to 63 letters, digits and -, separated by dots.")
    return name


def alternative_name(value: str) -> str:
    """Return a subject alternative name: an IP address, or a DNS name that may begin with `*.`."""
    expected = "an IP address or a DNS name, which may begin with *."
    address = ip(value)
    if address is not None and "%" not in value:
        return str(address)
    if value.startswith("*."):
        return "*." + dns_name(value[2:], expected)
    return dns_name(value, expected)


DIRECTORY = "an absolute path of letters, digits and the characters . _ - + @, not a directory of the system itself"

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


def normalized_directory(value: str) -> str:
    """Return the directory without double or trailing slashes.

    Raises InvalidValue.
    """
    if not value.startswith("/"):
        raise InvalidValue(DIRECTORY, "A relative path means something else on each host.", "Begin it with /.")
    if not re.fullmatch(r"[A-Za-z0-9._+@/-]+", value):
        raise InvalidValue(
            DIRECTORY,
            "Units, environment files and shells read other characters in their own way.",
            "Choose another path.",
        )
    parts = [part for part in value.split("/") if part]
    if any(part in (".", "..") or part.startswith("-") for part in parts):
        raise InvalidValue(DIRECTORY, "It has a part that is . or .. or begins with -.", "Write the path out.")
    path = "/" + "/".join(parts)
    if path in SYSTEM:
        raise InvalidValue(
            DIRECTORY,
            f"{path} belongs to the system and holds what is not etcd's.",
            "Name a directory below it.",
        )
    if any(inside(path, passing) for passing in PASSING):
        raise InvalidValue(
            DIRECTORY,
            "What lies there is lost at the next boot or is no file.",
            "Choose a directory that lasts.",
        )
    return path


def inside(path: str, other: str) -> bool:
    """Tell whether `path` is `other` or lies below it."""
    return PurePosixPath(path).is_relative_to(other)
