"""Checks of the nodes among each other, and of the directories."""

from collections.abc import Iterator
from itertools import combinations

from etcd_cluster.settings import addresses, directories
from etcd_cluster.settings.model import Paths, Settings
from etcd_cluster.settings.names import NAME, NAME_ALLOWED
from etcd_cluster.settings.problems import Path, SettingProblem, display_value, invalid, problem

# The distribution's packages own these.
PACKAGED = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/lib", "/usr/lib")


def of_nodes(settings: Settings) -> Iterator[SettingProblem]:
    """Yield bad names and addresses that two nodes share."""
    by_address: dict[str, str] = {}
    by_ssh: dict[tuple[str, int], str] = {}
    for name, node in settings.nodes.items():
        if not NAME.fullmatch(name):
            yield problem(
                ("nodes", name),
                f"invalid name; expected {NAME_ALLOWED}",
                "It is the member's name, and a part of the names of resources and of its certificates.",
                "Rename the node.",
            )
        if node.address is None:  # it is made, with an address of its own
            continue
        key: Path = ("nodes", name, "address")
        other = by_address.setdefault(addresses.same(node.address), name)
        if other != name:
            yield _shared(key, node.address, other, "address", "a member")
            continue
        host, port = node.ssh.host or node.address, node.ssh.port or settings.ssh.port
        other = by_ssh.setdefault((addresses.same(host), port), name)
        if other != name:
            key = ("nodes", name, "ssh", "host")
            yield _shared(key, f"{addresses.bracketed(host)}:{port}", other, "SSH address", "a host")


def _shared(key: Path, value: str, other: str, what: str, one: str) -> SettingProblem:
    return invalid(
        key,
        display_value(key, value),
        f"an {what} of its own",
        f"It is also the {what} of {other}, and each node is {one} by itself.",
        f"Correct it here or at {other}.",
        involves=(("nodes", other), ("ssh", "port")),
    )


def of_paths(paths: Paths) -> Iterator[SettingProblem]:
    """Yield directories that contain each other or cannot serve their purpose."""
    named = {
        "bin_dir": paths.bin_dir,
        "install_dir": paths.install_dir,
        "config_dir": paths.config_dir,
        "data_dir": paths.data_dir,
    }
    if paths.wal_dir is not None:
        named["wal_dir"] = paths.wal_dir
    for (one, first), (two, second) in combinations(named.items(), 2):
        if not directories.inside(first, second) and not directories.inside(second, first):
            continue
        key, value, other, outer = (two, second, one, first)
        if directories.inside(first, second) and first != second:
            key, value, other, outer = (one, first, two, second)
        why = "What is done to the outer one would be done to the inner one too."
        do = "Name two directories side by side."
        if {key, other} == {"data_dir", "wal_dir"}:
            why = "A restore needs an empty data directory, and a WAL inside would be in its way."
            parent = outer.rpartition("/")[0]
            do = f"Name one beside it, such as {parent}/etcd-wal, or leave wal_dir out to keep the WAL in member/wal."
            if key == "data_dir" and value != outer:
                why = "The WAL lies in the directory wal below paths.wal_dir, which is to hold nothing else."
                do = f"Set paths.wal_dir to a directory beside the data, such as {value}-wal."
        relation = "the same as" if value == outer else "inside"
        yield invalid(
            ("paths", key),
            display_value(("paths", key), value),
            f"a directory outside paths.{other}",
            f"It is {relation} paths.{other}, {outer}. {why}",
            do,
            involves=(("paths", other),),
        )
    for name, path in named.items():
        if any(directories.inside(path, packaged) for packaged in PACKAGED):
            do = "Use /usr/local/bin or a directory below /opt."
            why = "The distribution's packages own what lies there."
        elif name != "bin_dir" and directories.inside(path, directories.PROGRAMS):
            do = "Name a directory of its own."
            why = "Only links to programs belong there."
        else:
            continue
        key_path = ("paths", name)
        yield invalid(key_path, display_value(key_path, path), "a directory that is etcd's alone", why, do)
