"""The settings of the program: one frozen, typed object from a raw mapping, or all that is wrong with it at once."""

from etcd_cluster.settings.loading import load
from etcd_cluster.settings.model import Architecture, Binaries, Deadlines, Node, Paths, Settings
from etcd_cluster.settings.model.certificates import Authority, CertificateAuthorities, Certificates, Client, Subject
from etcd_cluster.settings.model.connection import Bastion, Connection, NodeSsh, Ssh
from etcd_cluster.settings.model.ec2 import Ec2, NodeEc2, Volume, VolumeSnapshots, Vpc
from etcd_cluster.settings.problems import SettingProblem, SettingsError
from etcd_cluster.settings.schema import KEYS, Key

__all__ = [
    "KEYS",
    "Architecture",
    "Authority",
    "Bastion",
    "Binaries",
    "CertificateAuthorities",
    "Certificates",
    "Client",
    "Connection",
    "Deadlines",
    "Ec2",
    "Key",
    "Node",
    "NodeEc2",
    "NodeSsh",
    "Paths",
    "SettingProblem",
    "Settings",
    "SettingsError",
    "Ssh",
    "Subject",
    "Volume",
    "VolumeSnapshots",
    "Vpc",
    "load",
]
