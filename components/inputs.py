"""The settings of a node as resource inputs."""

from typing import Any

import pulumi

from etcd.layout import Layout
from etcd.member import Member
from etcd.settings import Settings


def connection(settings: Settings, node: str, address: pulumi.Input[str]) -> pulumi.Output[dict[str, Any]]:
    """Return how a node is reached, as one secret; `address` stands in where the settings name no SSH host."""
    ssh = settings.connection(node)
    seconds = settings.deadlines.connect
    bastion = ssh.bastion
    values: dict[str, Any] = {
        "host": settings.nodes[node].ssh.host or address,
        "port": ssh.port,
        "user": ssh.user,
        "host_key": ssh.host_key,
        "private_key": ssh.private_key,
        "passphrase": ssh.passphrase,
        "agent": ssh.agent,
        "sudo": ssh.sudo,
        "connect_seconds": seconds,
        "bastion": {
            "host": bastion.host,
            "port": bastion.port,
            "user": bastion.user or ssh.user,
            "host_key": bastion.host_key,
            "private_key": bastion.private_key or ssh.private_key,
            "passphrase": bastion.passphrase if bastion.private_key else ssh.passphrase,
            "agent": ssh.agent,
            "sudo": False,
            "connect_seconds": seconds,
            "bastion": None,
        }
        if bastion
        else None,
    }
    return pulumi.Output.secret(values)


def layout(settings: Settings) -> Layout:
    """Return the paths on the hosts."""
    return Layout(**settings.paths.model_dump())


def member(settings: Settings, node: str, address: str, more_options: dict[str, str]) -> Member:
    """Return the member of a node; `more_options` are those that the program sets for all."""
    return Member(
        name=node,
        address=address,
        client_port=settings.client_port,
        peer_port=settings.peer_port,
        version=settings.version,
        user=settings.user,
        group=settings.group,
        service_start=settings.deadlines.service_start,
        options={**settings.options(node), **more_options},
        layout=layout(settings),
    )


def deadlines(settings: Settings) -> dict[str, int]:
    """Return all deadlines, in seconds."""
    return settings.deadlines.model_dump()
