"""The settings of SSH."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from etcd_cluster.settings.model.fields import Address, Flag, LocalPath, LoginName, Part, Port, PublicPem, SecretText

HostKeyPolicy = Literal["pinned", "accept-new"]


class NodeSsh(Part):
    """How one node is reached; after `load` all but the key of an `accept-new` host is filled in."""

    host: Address | None = Field(default=None, description="Without it, the node's `address`.")
    port: Port | None = Field(default=None, description="Without it, `ssh.port`.")
    user: LoginName | None = Field(default=None, description="Without it, `ssh.user`.")
    host_key: PublicPem | None = Field(
        default=None,
        description="The host's public key, `ssh-ed25519 AAAA…`; without it, `ssh.known_hosts_file`'s.",
    )


class Bastion(Part):
    """The host all connections go through."""

    host: Address = Field(description="Its address.")
    port: Port = Field(default=22, description="Its SSH port.")
    user: LoginName | None = Field(default=None, description="Account there; without it, `ssh.user`.")
    private_key: SecretText | None = Field(
        default=None, repr=False, description="Key for it; without any, the hosts' key."
    )
    private_key_file: LocalPath | None = Field(default=None, description="File with `private_key`.")
    passphrase: SecretText | None = Field(default=None, repr=False, description="Passphrase of `private_key`.")
    host_key: PublicPem | None = Field(
        default=None, description="Its public key; without it, `ssh.known_hosts_file`'s."
    )


class Ssh(Part):
    """How the hosts are reached."""

    user: LoginName = Field(
        default="root", description="Account to log in as; with `hosts: ec2`, by default the image's."
    )
    port: Port = Field(default=22, description="SSH port of the hosts.")
    private_key: SecretText | None = Field(
        default=None, repr=False, description="Private key as text, as `ssh-keygen` writes it."
    )
    private_key_file: LocalPath | None = Field(default=None, description="File with `private_key`.")
    passphrase: SecretText | None = Field(default=None, repr=False, description="Passphrase of `private_key`.")
    agent: Flag = Field(default=False, description="Use the keys of the agent at `SSH_AUTH_SOCK` instead.")
    agent_key: PublicPem | None = Field(
        default=None, description="Public half of the one key that the agent is asked for, `ssh-ed25519 AAAA…`."
    )
    agent_key_file: LocalPath | None = Field(default=None, description="File with `agent_key`, such as id_ed25519.pub.")
    known_hosts_file: LocalPath | None = Field(default=None, description="File in known_hosts format.")
    host_key_policy: HostKeyPolicy = Field(
        default="pinned",
        description="`pinned`: every host's key must be known. `accept-new`: trust an unknown one at first use.",
    )
    bastion: Bastion | None = Field(default=None, description="Host that all connections go through.")
    sudo: Flag | None = Field(
        default=None, description="Run commands with `sudo -n`; without it, yes unless the account is root."
    )

    def connection(self, node: NodeSsh, address: str) -> "Connection":
        """Return what is needed to reach `node`, whose address is `address`."""
        user = node.user or self.user
        return Connection(
            host=node.host or address,
            port=node.port or self.port,
            user=user,
            host_key=node.host_key,
            private_key=self.private_key,
            passphrase=self.passphrase,
            agent=self.agent,
            agent_key=self.agent_key,
            bastion=self.bastion,
            sudo=user != "root" if self.sudo is None else self.sudo,
        )


@dataclass(frozen=True)
class Connection:
    """One host as SSH sees it. `host_key` is None only under `accept-new`; `private_key` only with an agent."""

    host: str
    port: int
    user: str
    host_key: str | None
    private_key: str | None = field(repr=False)
    passphrase: str | None = field(repr=False)
    agent: bool
    agent_key: str | None
    bastion: Bastion | None
    sudo: bool
