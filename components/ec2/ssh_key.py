"""Keys of SSH."""

import pulumi
import pulumi_tls as tls


def ssh_key(name: str, parent: pulumi.Resource) -> tls.PrivateKey:
    """Make a key, for a host or for a login; ed25519 is what all parts of the program can pin and read."""
    return tls.PrivateKey(name, algorithm="ED25519", opts=pulumi.ResourceOptions(parent=parent))


def public_half(key: tls.PrivateKey) -> pulumi.Output[str]:
    """Return `ssh-ed25519 AAAA…` without the line's end that the provider writes behind it."""
    return key.public_key_openssh.apply(lambda text: " ".join(text.split()[:2]))
