"""A client certificate, such as kube-apiserver's, or the one that `etcdctl` uses on the nodes."""

from dataclasses import dataclass

import pulumi

from components.certificates.certificate_authority import CertificateAuthority
from components.certificates.leaf_certificate import Leaf, sign
from etcd_cluster.settings import Certificates, Client


@dataclass(frozen=True, kw_only=True)
class ClientCertificateArgs:
    """What a client certificate is made from."""

    common_name: str
    """etcd's user name, where authentication is on."""
    client: Client
    """What the settings say of this client."""
    authority: CertificateAuthority
    certificates: Certificates


class ClientCertificate(pulumi.ComponentResource):
    """One leaf for a client; it has no name of a host unless the settings give it one."""

    leaf: Leaf

    def __init__(self, name: str, args: ClientCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:ClientCertificate", name, None, opts)
        self.leaf = sign(
            name,
            args.authority,
            args.certificates,
            common_name=args.common_name,
            names=args.client.extra_names,
            uses=["client_auth"],
            validity_days=args.client.validity_days,
            organization=args.client.organization,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs(
            {
                "certificate_pem": self.leaf.certificate_pem,
                "private_key_pem": self.leaf.private_key_pem,
                "not_after": self.leaf.not_after,
            }
        )
