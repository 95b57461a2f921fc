"""Defaults that follow from the hosts' being instances on EC2."""

from etcd_cluster.settings.ec2 import LOGIN_USERS
from etcd_cluster.settings.model import Settings

WAL_DIR = "/var/lib/etcd-wal"


def complete(settings: Settings) -> Settings:
    """Return the settings with the image's account, the WAL volume's directory and each node's architecture."""
    ec2 = settings.ec2
    if settings.hosts != "ec2" or ec2 is None:
        return settings
    update: dict[str, object] = {}
    if "user" not in settings.ssh.model_fields_set and ec2.image in LOGIN_USERS:
        update["ssh"] = settings.ssh.model_copy(update={"user": LOGIN_USERS[ec2.image]})
    if ec2.wal_volume is not None and settings.paths.wal_dir is None:
        update["paths"] = settings.paths.model_copy(update={"wal_dir": WAL_DIR})
    update["nodes"] = {
        name: node.model_copy(update={"architecture": node.architecture or ec2.architecture})
        for name, node in settings.nodes.items()
    }
    return settings.model_copy(update=update)
