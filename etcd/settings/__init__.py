"""The settings of the program: one frozen, typed object from a raw mapping, or all that is wrong with it at once."""

from etcd.settings.keys import KEYS, Key
from etcd.settings.loading import load
from etcd.settings.model import (
    Architecture,
    Authority,
    Bastion,
    Binaries,
    CertificateAuthorities,
    Certificates,
    Client,
    Connection,
    Deadlines,
    Node,
    NodeSsh,
    Paths,
    Settings,
    Ssh,
    Subject,
)
from etcd.settings.problems import Problem, SettingsError

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
    "Key",
    "Node",
    "NodeSsh",
    "Paths",
    "Problem",
    "Settings",
    "SettingsError",
    "Ssh",
    "Subject",
    "load",
]
