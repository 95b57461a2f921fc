"""The server and the peer certificate of one node."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.certificates.certificate_authority import CertificateAuthority
from components.certificates.leaf_certificate import Leaf, sign
from etcd_cluster.settings import Certificates

LOOPBACK_NAMES = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, kw_only=True)
class NodeCertificatesArgs:
    """What a node's certificates are made from."""

    node: str
    """The member's name."""
    address: pulumi.Input[str]
    """The address in the member's URLs; peers check it against the peer certificate."""
    server_names: tuple[pulumi.Input[str], ...]
    """More names of the server certificate."""
    peer_names: tuple[pulumi.Input[str], ...]
    """More names of the peer certificate: every address that the host may connect from."""
    former_addresses: pulumi.Input[Sequence[str]]
    """Addresses that the member had before: clients and peers may still know it by them."""
    client_authority: CertificateAuthority
    peer_authority: CertificateAuthority
    certificates: Certificates
    peer_common_name: str
    """The common name that peers are known by where clients and peers share an authority."""


class NodeCertificates(pulumi.ComponentResource):
    """Two leaf certificates with keys of their own, each for one node only."""

    server: Leaf
    peer: Leaf

    def __init__(self, name: str, args: NodeCertificatesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:NodeCertificates", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # The server certificate is a client's too: etcd's gRPC gateway dials the member with it (embed/etcd.go).
        self.server = sign(
            f"{name}-server",
            args.client_authority,
            args.certificates,
            common_name=args.certificates.subject.common_name,
            names=[args.address, args.node, *LOOPBACK_NAMES, *args.server_names],
            more_names=args.former_addresses,
            uses=["server_auth", "client_auth"],
            opts=child,
        )
        self.peer = sign(
            f"{name}-peer",
            args.peer_authority,
            args.certificates,
            common_name=args.peer_common_name,
            names=[args.address, args.node, *args.peer_names],
            more_names=args.former_addresses,
            uses=["server_auth", "client_auth"],
            opts=child,
        )
        self.register_outputs(
            {
                "server_certificate_pem": self.server.certificate_pem,
                "server_not_after": self.server.not_after,
                "peer_certificate_pem": self.peer.certificate_pem,
                "peer_not_after": self.peer.not_after,
            }
        )
