"""A node: a host that carries a member, with all that is put on it before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_command as command

from components.binaries import Binaries, BinariesArgs
from components.certificates.certificate_authority import CertificateAuthority
from components.certificates.client_certificate import ClientCertificate
from components.certificates.node_certificates import NodeCertificates, NodeCertificatesArgs
from components.cluster_host import ClusterHost
from components.resources.host import Host
from components.resources.preflight import Preflight
from components.resources.service import Service
from etcd_cluster.settings import Settings


@dataclass(frozen=True, kw_only=True)
class NodeArgs:
    """What a node is made from."""

    node: str
    """The member's name; child resources are named by it."""
    settings: Settings
    host: ClusterHost
    member: pulumi.Input[Any]
    """The member as inputs, see `specs.member`."""
    former_addresses: pulumi.Input[Sequence[str]]
    """Addresses that the member had before; its certificates carry them too."""
    preflight: Preflight
    client_authority: CertificateAuthority
    peer_authority: CertificateAuthority
    peer_common_name: str
    etcdctl: ClientCertificate
    """The client certificate for `etcdctl` on the node."""
    stack: str
    command: command.Provider


def of_node(by_node: Mapping[str, Any], node: str) -> Any:
    """Return what Preflight has of a node; with `--target` it may be as it was before the node was in the settings."""
    if node not in by_node:
        raise pulumi.RunError(
            f"{node}: it is new, and `--target` or `--exclude` leaves out Preflight, which looks at new nodes first. "
            "Run `pulumi up` without them."
        )
    return by_node[node]


class Node(pulumi.ComponentResource):
    """Host, binaries, certificates and staged service; nothing here changes what a running member uses."""

    host: Host
    binaries: Binaries
    certificates: NodeCertificates
    service: Service

    def __init__(self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:Node", name, None, opts)
        settings, node = args.settings, args.node
        child = pulumi.ResourceOptions(parent=self)
        self.connection = args.preflight.connections.apply(lambda connections: of_node(connections, node))
        self.host = Host(
            f"{name}-host",
            connection=self.connection,
            address=args.host.address,
            member=args.member,
            owner=args.preflight.owner,
            stack=args.stack,
            purge_data=settings.purge_data_on_destroy,
            abandon_unreachable=settings.abandon_unreachable,
            seconds=settings.deadlines.command,
            opts=child,
        )
        self.binaries = Binaries(
            f"{name}-binaries",
            BinariesArgs(
                node=node, settings=settings, connection=self.connection, host=self.host, provider=args.command
            ),
            opts=child,
        )
        names = args.host.extra_names
        self.certificates = NodeCertificates(
            f"{name}-certificates",
            NodeCertificatesArgs(
                node=node,
                address=args.host.address,
                server_names=(*settings.certificates.extra_names, *names),
                peer_names=names,
                former_addresses=args.former_addresses,
                client_authority=args.client_authority,
                peer_authority=args.peer_authority,
                certificates=settings.certificates,
                peer_common_name=args.peer_common_name,
            ),
            opts=child,
        )
        leaves = {
            "server": self.certificates.server,
            "peer": self.certificates.peer,
            "etcdctl": args.etcdctl.leaf,
        }
        self.service = Service(
            f"{name}-service",
            connection=self.connection,
            member=args.member,
            client_ca=args.client_authority.bundle_pem,
            peer_ca=args.peer_authority.bundle_pem,
            leaves={purpose: leaf.certificate_pem for purpose, leaf in leaves.items()},
            keys={purpose: leaf.private_key_pem for purpose, leaf in leaves.items()},
            seconds=settings.deadlines.command,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.host]),
        )
        self.register_outputs(
            {
                "architecture": self.host.architecture,
                "version": self.binaries.version,
                "revision": self.service.revision,
                "certificates": self.service.certificates,
            }
        )
