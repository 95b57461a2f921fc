"""What takes more than one setting to judge, or all of them."""

from collections.abc import Iterator
from itertools import combinations

from etcd_cluster.settings import locations, versions
from etcd_cluster.settings.checks import authorities
from etcd_cluster.settings.checks.ec2 import check_ec2
from etcd_cluster.settings.checks.releases import check_archives, check_sums
from etcd_cluster.settings.model import Paths, Settings
from etcd_cluster.settings.model.fields import NAME, NAME_ALLOWED
from etcd_cluster.settings.options import conflicts
from etcd_cluster.settings.options.conflicts import check_options
from etcd_cluster.settings.problems import Path, SettingProblem, display_value, invalid, problem


def run(settings: Settings) -> list[SettingProblem]:
    """Return what is wrong with the settings together."""
    return [
        *check_nodes(settings),
        *check_ec2(settings),
        *check_paths(settings.paths),
        *_check_ports(settings),
        *check_options(settings),
        *check_sums(settings),
        *check_archives(settings),
        *_check_certificates(settings),
        *_check_clients(settings),
    ]


def warnings(settings: Settings) -> list[str]:
    """Return what to say about settings that are right."""
    result = versions.warnings(settings.version)
    count = len(settings.nodes)
    if count and count % 2 == 0:
        failures = "no failure" if count == 2 else "1 failure" if count == 4 else f"{count // 2 - 1} failures"
        use = "3" if count == 2 else f"{count - 1} or {count + 1}"
        result.append(f"nodes: {count} members tolerate {failures}, the same as {count - 1}. Use {use}.")
    result += conflicts.warnings(settings)
    return result + authorities.warnings(settings)


def _check_ports(settings: Settings) -> Iterator[SettingProblem]:
    if settings.client_port == settings.peer_port:
        yield invalid(
            ("peer_port",),
            str(settings.peer_port),
            "a port other than client_port",
            "Clients and peers are served by two listeners with two CAs.",
            "Choose another port for one of them.",
            involves=(("client_port",),),
        )
    for key, port in (("client_port", settings.client_port), ("peer_port", settings.peer_port)):
        for name, node in settings.nodes.items():
            if port == (node.ssh.port or settings.ssh.port):
                yield invalid(
                    (key,),
                    str(port),
                    "a port that is not used for SSH",
                    f"{name} is reached over SSH at this port.",
                    "Choose another port.",
                    involves=(("ssh", "port"), ("nodes", name, "ssh", "port")),
                )
                break


def _check_certificates(settings: Settings) -> Iterator[SettingProblem]:
    certificates = settings.certificates
    key = ("certificates", "renew_before_days")
    periods: dict[str, tuple[Path, int]] = {
        "certificates.validity_days": (("certificates", "validity_days"), certificates.validity_days)
    }
    for name, client in settings.clients.items():
        if client.validity_days is not None:
            days = client.validity_days
            periods[f"clients.{name}.validity_days"] = (("clients", name, "validity_days"), days)
    for name, (path, days) in periods.items():
        if certificates.renew_before_days >= days:
            yield invalid(
                key,
                str(certificates.renew_before_days),
                f"fewer days than {name}, which is {days}",
                "A certificate would be due for renewal from the moment it is made, and every up would replace it.",
                f"Lower it, or raise {name}.",
                involves=(path,),
            )
        for which, authority in (("client", settings.ca.client), ("peer", settings.ca.peer)):
            generated = authority is None or authority.certificate is None
            if generated and certificates.ca_validity_days <= days and not (which == "peer" and "clients." in name):
                yield invalid(
                    ("certificates", "ca_validity_days"),
                    str(certificates.ca_validity_days),
                    f"more days than {name}, which is {days}",
                    "A certificate that outlives its CA stops working with it.",
                    f"Raise it, or lower {name}.",
                    involves=(path,),
                )
                break


def _check_clients(settings: Settings) -> Iterator[SettingProblem]:
    taken = settings.certificates.subject.common_name
    for name, client in settings.clients.items():
        if not NAME.fullmatch(name):
            yield problem(
                ("clients", name), f"invalid name; expected {NAME_ALLOWED}", "It becomes part of resource names."
            )
        if settings.ca.shared and (client.common_name or name) == taken:
            key = ("clients", name, "common_name")
            yield invalid(
                key,
                display_value(key, client.common_name or name),
                "a name other than certificates.subject.common_name",
                "Under a shared CA, this name marks the peers: the certificate would pass as a peer's.",
                "Give the client another common_name.",
                involves=(("certificates", "subject", "common_name"), ("ca", "shared")),
            )


# The distribution's packages own these.
PACKAGED = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/lib", "/usr/lib")


def check_nodes(settings: Settings) -> Iterator[SettingProblem]:
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
        other = by_address.setdefault(locations.same_address(node.address), name)
        if other != name:
            yield _shared(key, node.address, other, "address", "a member")
            continue
        host, port = node.ssh.host or node.address, node.ssh.port or settings.ssh.port
        other = by_ssh.setdefault((locations.same_address(host), port), name)
        if other != name:
            key = ("nodes", name, "ssh", "host")
            yield _shared(key, f"{locations.url_host(host)}:{port}", other, "SSH address", "a host")


def _shared(key: Path, value: str, other: str, what: str, one: str) -> SettingProblem:
    return invalid(
        key,
        display_value(key, value),
        f"an {what} of its own",
        f"It is also the {what} of {other}, and each node is {one} by itself.",
        f"Correct it here or at {other}.",
        involves=(("nodes", other), ("ssh", "port")),
    )


def check_paths(paths: Paths) -> Iterator[SettingProblem]:
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
        if not locations.inside(first, second) and not locations.inside(second, first):
            continue
        key, value, other, outer = (two, second, one, first)
        if locations.inside(first, second) and first != second:
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
        if any(locations.inside(path, packaged) for packaged in PACKAGED):
            do = "Use /usr/local/bin or a directory below /opt."
            why = "The distribution's packages own what lies there."
        elif name != "bin_dir" and locations.inside(path, locations.PROGRAMS):
            do = "Name a directory of its own."
            why = "Only links to programs belong there."
        else:
            continue
        key_path = ("paths", name)
        yield invalid(key_path, display_value(key_path, path), "a directory that is etcd's alone", why, do)
