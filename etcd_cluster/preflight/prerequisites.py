"""Whether etcd could use the directories and the address that it is to have on a host."""

import ipaddress
import re

from etcd_cluster.observation import directories
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member, listen_host
from etcd_cluster.ssh.session import as_text

Finding = tuple[Reason, str, str]


def of_directories(member: Member, host: HostFacts) -> list[Finding]:
    """Return what keeps etcd from its directories; a member that runs shows that it can use those it has."""
    layout = member.layout
    former = re.search(r"^User=(\S+)$", host.active_unit, re.MULTILINE)
    found: list[Finding] = []
    wanted = (("data_dir", host.data_dir, host.active_data), ("wal_dir", host.wal_dir, host.active_wal))
    for setting, directory, active in wanted:
        in_use = directory is not None and active in (directory.path, f"{directory.path}/wal")
        if directory is not None and not host.is_moving and not (in_use and host.is_running):
            account = former[1] if former else None
            found += directories.findings(
                directory, setting, member.user, member.group, account, is_new=host.stamp is None
            )
    if host.is_running:
        return found
    settings = {
        layout.bin_dir: "bin_dir",
        layout.install_dir: "install_dir",
        layout.config_dir.rpartition("/")[0]: "config_dir",
        layout.data_dir.rpartition("/")[0]: "data_dir",
    }
    for each in host.closed:
        if not each.access.lets_pass(member.user, member.group):
            setting = settings.get(each.path, "wal_dir")
            found.append(
                (
                    Reason.DIRECTORY_INACCESSIBLE,
                    (
                        f"{each.directory} has mode {each.access.mode} and belongs to {each.access.owner}, so etcd, "
                        f"which runs as {member.user}, cannot reach `paths.{setting}` in it"
                    ),
                    f"Choose another `paths.{setting}`, or run `chmod o+x {each.directory}` on the host",
                )
            )
    return found


def of_address(member: Member, host: HostFacts) -> list[Finding]:
    """Return that etcd could not listen at the member's address; where it does so now, it can."""
    try:
        wanted = ipaddress.ip_address(member.address)
    except ValueError:
        return []
    own = [ipaddress.ip_address(each) for each in host.addresses]
    if not own or wanted in own or f"{listen_host(member.address)}:" in host.active_environment:
        return []
    others = as_text([str(each) for each in own if not each.is_loopback and not each.is_link_local])
    return [
        (
            Reason.ADDRESS_NOT_LOCAL,
            (
                f"its address {member.address} is on no interface of the host, which has {others or 'none'}, so etcd "
                "could not listen there"
            ),
            (
                f"Set `nodes.{member.name}.address` to an address of the host that the other members and the clients "
                f"reach; `nodes.{member.name}.ssh.host` may be another one"
            ),
        )
    ]
