"""What takes more than one setting to judge, or all of them."""

from collections.abc import Iterator

from etcd_cluster.settings import authorities, checks_options, versions
from etcd_cluster.settings.checks_ec2 import of_ec2
from etcd_cluster.settings.checks_files import of_archives, of_sums
from etcd_cluster.settings.checks_hosts import of_nodes, of_paths
from etcd_cluster.settings.checks_options import of_options
from etcd_cluster.settings.model import Settings
from etcd_cluster.settings.names import NAME, NAME_ALLOWED
from etcd_cluster.settings.problems import Path, SettingProblem, display_value, invalid, problem


def run(settings: Settings) -> list[SettingProblem]:
    """Return what is wrong with the settings together."""
    return [
        *of_nodes(settings),
        *of_ec2(settings),
        *of_paths(settings.paths),
        *_of_ports(settings),
        *of_options(settings),
        *of_sums(settings),
        *of_archives(settings),
        *_of_certificates(settings),
        *_of_clients(settings),
    ]


def warnings(settings: Settings) -> list[str]:
    """Return what to say about settings that are right."""
    result = versions.warnings(settings.version)
    count = len(settings.nodes)
    if count and count % 2 == 0:
        failures = "no failure" if count == 2 else "1 failure" if count == 4 else f"{count // 2 - 1} failures"
        use = "3" if count == 2 else f"{count - 1} or {count + 1}"
        result.append(f"nodes: {count} members tolerate {failures}, the same as {count - 1}. Use {use}.")
    result += checks_options.warnings(settings)
    return result + authorities.warnings(settings)


def _of_ports(settings: Settings) -> Iterator[SettingProblem]:
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


def _of_certificates(settings: Settings) -> Iterator[SettingProblem]:
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


def _of_clients(settings: Settings) -> Iterator[SettingProblem]:
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
                "Under a shared CA, peers are told from clients by this name: the certificate would pass as a peer's.",
                "Give the client another common_name.",
                involves=(("certificates", "subject", "common_name"), ("ca", "shared")),
            )
