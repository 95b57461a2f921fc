"""The settings of a node as resource inputs."""

from collections.abc import Mapping
from typing import Any

import pulumi

from etcd_cluster.settings import Settings
from etcd_cluster.specs.member import Member
from etcd_cluster.specs.paths import Layout


def connection(
    settings: Settings,
    node: str,
    host: pulumi.Input[str],
    *,
    host_key: pulumi.Input[str] | None = None,
    private_key: pulumi.Input[str] | None = None,
) -> pulumi.Output[dict[str, Any]]:
    """Return how a node is reached, as one secret; `host` is where SSH goes.

    The keys are the settings' unless they are given.
    """
    ssh = settings.connection(node)
    seconds = settings.deadlines.connect
    bastion = ssh.bastion
    # Only where it is set, so that a state without it is no other one.
    agent_key = {"agent_key": ssh.agent_key} if ssh.agent_key else {}
    values: dict[str, Any] = {
        "host": host,
        "port": ssh.port,
        "user": ssh.user,
        "host_key": host_key or ssh.host_key,
        "private_key": private_key or ssh.private_key,
        "passphrase": ssh.passphrase,
        "agent": ssh.agent,
        "sudo": ssh.sudo,
        "connect_seconds": seconds,
        **agent_key,
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
            **agent_key,
            "bastion": None,
        }
        if bastion
        else None,
    }
    return pulumi.Output.secret(values)


def layout(settings: Settings) -> Layout:
    """Return the paths on the hosts."""
    return Layout(**settings.paths.model_dump())


def members(settings: Settings, addresses: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Output[dict[str, Any]]]:
    """Return the members as inputs, see `specs.member`; `addresses` are those of the nodes."""
    # Where clients and peers share an authority, only the common name tells a peer from a client.
    more = {"peer-cert-allowed-cn": settings.certificates.subject.common_name} if settings.ca.shared else {}

    def inputs(node: str) -> pulumi.Output[dict[str, Any]]:
        address = pulumi.Output.from_input(addresses[node])
        return address.apply(lambda known: _member(settings, node, known, more).inputs())

    return {node: inputs(node) for node in settings.nodes}


def part(member: pulumi.Output[dict[str, Any]], key: str) -> pulumi.Output[Any]:
    """Return one of a member's inputs."""
    return member.apply(lambda known: known[key])


def _member(settings: Settings, node: str, address: str, more_options: dict[str, str]) -> Member:
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
    """Return all deadlines, in seconds, but for that of the trial start, see `trial_seconds`."""
    return settings.deadlines.model_dump(exclude={"trial_start"})


def trial_seconds(settings: Settings) -> int:
    """Return how long a trial start may take, in seconds; 0 stands for none."""
    return settings.deadlines.trial_start if settings.trial_start else 0
