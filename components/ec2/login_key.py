"""The key that opens the instances."""

import pulumi
import pulumi_aws as aws
import pulumi_tls as tls

from components.ec2.cloud import Cloud
from components.ec2.ssh_key import ssh_key


class LoginKey(pulumi.ComponentResource):
    """An ed25519 key, generated and kept in the state, and the key pair in EC2 that puts it on each instance."""

    key_name: pulumi.Output[str]
    private_key: pulumi.Output[str]
    """In OpenSSH's format; a secret."""

    def __init__(self, name: str, cloud: Cloud, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:LoginKey", name, None, opts)
        key: tls.PrivateKey = ssh_key(f"{name}-key", self)
        pair = aws.ec2.KeyPair(
            f"{name}-pair", public_key=key.public_key_openssh, tags=cloud.tags(name), opts=cloud.options(self)
        )
        self.key_name = pair.key_name
        self.private_key = key.private_key_openssh
        self.register_outputs({"key_name": self.key_name, "private_key": self.private_key})
