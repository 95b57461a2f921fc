"""Private keys."""

import pulumi
import pulumi_tls as tls

from etcd_cluster.settings import Certificates

KEY_INPUTS = ("algorithm", "rsa_bits", "ecdsa_curve")
"""What a key is made from; another value makes another key."""


def private_key(name: str, certificates: Certificates, opts: pulumi.ResourceOptions) -> tls.PrivateKey:
    """Make a key; the curve is always given, since the provider's default (P224) is none that Go's TLS knows."""
    if certificates.algorithm == "RSA":
        return tls.PrivateKey(name, algorithm="RSA", rsa_bits=certificates.rsa_bits, opts=opts)
    return tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve=certificates.ecdsa_curve, opts=opts)
