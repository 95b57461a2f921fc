"""What the stack tells the user."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components import inputs
from components.cluster import Cluster
from etcd_cluster.observation import etcdctl
from etcd_cluster.rendering import usage


def stack_outputs(cluster: Cluster) -> Mapping[str, pulumi.Input[Any]]:
    """Return the stack's outputs; the client keys among them are secrets."""
    settings = cluster.settings
    endpoints = cluster.endpoints
    layout = inputs.layout(settings)
    return {
        "endpoints": endpoints,
        "leader": cluster.health.leader,
        "members": cluster.health.members,
        "version": cluster.health.version,
        "cluster_id": cluster.rollout.cluster_id,
        "ca_certificate": cluster.client_authority.bundle_pem,
        "certificates": _validity(cluster),
        "clients": {
            name: {
                "certificate": client.leaf.certificate_pem,
                "private_key": client.leaf.private_key_pem,
                "not_after": client.leaf.not_after,
            }
            for name, client in cluster.clients.items()
        },
        "etcdctl": endpoints.apply(lambda urls: etcdctl.command_line(layout, urls)),
        "kube_apiserver_flags": endpoints.apply(usage.kube_apiserver_flags),
        "readme": endpoints.apply(lambda urls: usage.readme(settings.cluster_name, urls, list(settings.clients))),
    }


def _validity(cluster: Cluster) -> dict[str, dict[str, pulumi.Output[str]]]:
    """Return each certificate's `not_after`, by a name that says whose it is."""
    ends = {"ca-client": cluster.client_authority.not_after, "ca-peer": cluster.peer_authority.not_after}
    for name, node in cluster.nodes.items():
        ends[f"{name}-server"] = node.certificates.server.not_after
        ends[f"{name}-peer"] = node.certificates.peer.not_after
    for name, client in cluster.clients.items():
        ends[f"client-{name}"] = client.leaf.not_after
    return {name: {"not_after": end} for name, end in ends.items()}
