"""The hosts that the settings ask for."""

from components import inputs
from components.cluster_host import ClusterHost, ClusterHosts
from etcd_cluster.settings import Settings


def cluster_hosts(settings: Settings) -> ClusterHosts:
    """Return the hosts: those that exist, or instances that are made on EC2."""
    if settings.hosts == "ec2":
        # Loading the SDK of AWS takes about half a second, and who has hosts does not need it.
        from components.ec2.hosts import Ec2Hosts

        return Ec2Hosts(f"{settings.cluster_name}-ec2", settings).hosts
    return ClusterHosts(nodes={node: _existing(settings, node) for node in settings.nodes})


def _existing(settings: Settings, node: str) -> ClusterHost:
    address = settings.nodes[node].address
    assert address is not None, "the settings name an address for each host that exists"
    return ClusterHost(
        address=address,
        connection=inputs.connection(settings, node, settings.nodes[node].ssh.host or address),
        extra_names=settings.nodes[node].extra_names,
    )
