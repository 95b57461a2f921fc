"""The settings as typed, frozen objects.

Every default is here. What needs more than one setting or a file to judge is in `checks`.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from etcd_cluster.settings import versions
from etcd_cluster.settings.model.certificates import CertificateAuthorities, Certificates, Client
from etcd_cluster.settings.model.connection import Connection, NodeSsh, Ssh
from etcd_cluster.settings.model.ec2 import Ec2, NodeEc2
from etcd_cluster.settings.model.fields import (
    Account,
    Address,
    AlternativeName,
    ClusterName,
    EtcdId,
    Flag,
    HostDirectory,
    HttpUrl,
    LocalPath,
    OptionValue,
    Part,
    Port,
    PublicPem,
    Seconds,
    Sha256,
    Text,
    Token,
    whole,
)
from etcd_cluster.settings.options.table import joined_lists
from etcd_cluster.settings.versions import Version, VersionText

# The options that differ from etcd's own defaults, from the unit this program replaces.
SEED_OPTIONS: dict[str, str] = {
    "auto-compaction-mode": "periodic",
    "auto-compaction-retention": "1",
    "max-request-bytes": "33554432",
    "quota-backend-bytes": "6442450944",
    "heartbeat-interval": "250",
    "election-timeout": "2000",
}

Architecture = Literal["amd64", "arm64"]
Options = Annotated[dict[str, OptionValue], BeforeValidator(joined_lists)]
# Key of the validation's context: whether each node has to name its address.
HOSTS_EXIST = "hosts_exist"
Sums = dict[VersionText, dict[Architecture, Sha256]]


class Node(Part):
    """A host that carries a member; its key is the member's name."""

    address: Address | None = Field(
        default=None,
        validate_default=True,
        description="IPv4 address, IPv6 address or DNS name in the member's peer and client URLs; required with"
        " `hosts: ssh`.",
    )
    ssh: NodeSsh = Field(default_factory=NodeSsh, description="What differs from `ssh` for this node.")
    extra_names: tuple[AlternativeName, ...] = Field(
        default=(),
        description="More IP addresses and DNS names for this node's server and peer certificates.",
    )
    etcd: Options = Field(default_factory=dict, description="etcd options that differ from `etcd` on this node.")
    architecture: Architecture | None = Field(
        default=None, description="`amd64` or `arm64`; without it, what the host itself says."
    )
    replaces: EtcdId | None = Field(
        default=None,
        description="Id of the dead member whose place an empty one may take, after its disk was lost.",
    )
    ec2: NodeEc2 = Field(default_factory=NodeEc2, description="What concerns its instance, with `hosts: ec2`.")

    @field_validator("address", mode="after")
    @classmethod
    def _required_where_hosts_exist(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.context and info.context[HOSTS_EXIST]:
            raise PydanticKnownError("missing")
        return value


class Binaries(Part):
    """Where etcd's release archive comes from, and the sums it must have."""

    source: Literal["download", "push"] = Field(
        default="download",
        description="`download`: each host fetches the archive. `push`: it is sent over SSH from `archive_dir`.",
    )
    url: HttpUrl = Field(
        default="https://github.com/etcd-io/etcd/releases/download",
        description="Base URL; `/vVERSION/etcd-vVERSION-linux-ARCH.tar.gz` is appended.",
    )
    http_proxy: HttpUrl | None = Field(default=None, description="Proxy the hosts download through.", repr=False)
    ca_certificate: PublicPem | None = Field(
        default=None, description="PEM certificates a mirror's certificate is verified with."
    )
    ca_file: LocalPath | None = Field(default=None, description="File with `ca_certificate`.")
    archive_dir: LocalPath | None = Field(
        default=None,
        description="Folder on this machine with the archives to push, named as etcd names them.",
    )
    checksums: Sums = Field(
        default_factory=dict, description="SHA-256 of archives: version, then architecture, then sum."
    )
    checksums_file: LocalPath | None = Field(
        default=None, description="YAML file with more of them, laid out as `etcd_cluster/checksums.yaml`."
    )


class Paths(Part):
    """Directories on the hosts."""

    bin_dir: HostDirectory = Field(
        default="/usr/local/bin",
        description="Holds links to etcd, etcdctl and etcdutl of the running version.",
    )
    install_dir: HostDirectory = Field(default="/opt/etcd", description="Holds the binaries, side by side by version.")
    config_dir: HostDirectory = Field(default="/etc/etcd", description="Holds settings, certificates and keys.")
    data_dir: HostDirectory = Field(default="/var/lib/etcd", description="etcd's data directory; may be a mount point.")
    wal_dir: HostDirectory | None = Field(
        default=None,
        description="Holds the write-ahead log, in `wal`; without it, `member/wal` inside `data_dir`.",
    )


class Snapshots(Part):
    """The snapshot that is saved on the leader's host before a version changes."""

    before_upgrade: Flag = Field(default=True, description="Save one before the first restart on another version.")
    dir: HostDirectory = Field(default="/var/lib/etcd-snapshots", description="Where they are kept, on the host.")
    keep: Annotated[int, whole(1, 100)] = Field(default=3, description="How many of them stay.")
    reserve_megabytes: Annotated[int, whole(0, 1000000, "MiB")] = Field(
        default=100, description="How much space must stay free beside a new one, in MiB."
    )


class Deadlines(Part):
    """After how many seconds something counts as failed."""

    connect: Seconds = Field(default=15, description="TCP connection, SSH handshake and login to one host.")
    command: Seconds = Field(default=60, description="One command, or one reading of a host's facts.")
    install: Seconds = Field(default=600, description="Download, verification and unpacking on one host.")
    upload: Seconds = Field(default=600, description="Sending a pushed archive to one host.")
    bootstrap: Seconds = Field(default=180, description="From the first start to the first quorum.")
    member_start: Seconds = Field(
        default=120,
        description="From the start of a member to it serving as a started member of the cluster.",
    )
    catch_up: Seconds = Field(default=600, description="From the join of a learner to its promotion.")
    shutdown: Seconds = Field(default=90, description="A member's stop, with the hand-over of leadership.")
    service_start: Seconds = Field(
        default=900, description="`TimeoutStartSec` of the unit: systemd's own deadline, long for a big WAL."
    )
    health: Seconds = Field(default=60, description="The health check, all members together.")
    clock_wait: Seconds = Field(
        default=60,
        description="Waiting for a host's clock to reach the beginning of a certificate's validity.",
    )
    trial_start: Seconds = Field(default=30, description="A trial start on a host, until etcd is ready there.")


class Settings(Part):
    """The top level. Each group has a table of its own below."""

    cluster_name: ClusterName = Field(default="etcd", description="Name of the cluster, part of resource names.")
    nodes: dict[str, Node] = Field(description="The nodes, 1 to 9, by the names of their members.")
    version: Version = Field(default="3.6.14", description="etcd's version, such as `3.6.14`.")
    hosts: Literal["ssh", "ec2"] = Field(
        default="ssh", description="`ssh`: the hosts exist. `ec2`: they are made on EC2, as `ec2` says."
    )
    ec2: Ec2 | None = Field(default=None, description="The instances, with `hosts: ec2`.")
    ssh: Ssh = Field(default_factory=Ssh, description="How the hosts are reached.")
    binaries: Binaries = Field(default_factory=Binaries, description="Where etcd comes from.")
    paths: Paths = Field(default_factory=Paths, description="Directories on the hosts.")
    user: Account = Field(default="etcd", description="Account etcd runs as; created if it is missing.")
    group: Account = Field(default="etcd", description="Its group; created if it is missing.")
    client_port: Port = Field(default=2379, description="Port for clients.")
    peer_port: Port = Field(default=2380, description="Port for peers.")
    etcd: Annotated[Options, AfterValidator(lambda own: {**SEED_OPTIONS, **own})] = Field(
        default_factory=dict,
        validate_default=True,
        description="etcd's own options, by etcd's names without the dashes in front.",
    )
    allow_unsafe_etcd_options: tuple[Text, ...] = Field(
        default=(),
        description="Names of etcd options that may have values which open the store or weaken its protection.",
    )
    certificates: Certificates = Field(default_factory=Certificates, description="How certificates are made.")
    ca: CertificateAuthorities = Field(default_factory=CertificateAuthorities, description="Who signs.")
    clients: dict[str, Client] = Field(
        default_factory=lambda: {"admin": Client()},
        description="Client certificates, by name; default one, `admin`.",
    )
    deadlines: Deadlines = Field(default_factory=Deadlines, description="After how long something counts as failed.")
    trial_start: Flag = Field(
        default=True,
        description="Start what is new once on each host, apart from the cluster, before a member uses it.",
    )
    snapshots: Snapshots = Field(default_factory=Snapshots, description="Snapshots before an upgrade.")
    protect_cluster: Flag = Field(
        default=True, description="Refuse `destroy`, and a removal that would leave no quorum."
    )
    purge_data_on_destroy: Flag = Field(
        default=False,
        description="Let `destroy` delete data and WAL, and the snapshots that were saved before upgrades.",
    )
    abandon_unreachable: Flag = Field(
        default=False,
        description="Let `destroy` succeed though a host cannot be reached and keeps what is on it.",
    )
    restored_cluster_id: EtcdId | None = Field(
        default=None,
        description="Id of the cluster that a restore by hand made; it counts in place of the one in the state.",
    )
    initial_cluster_token: Token | None = Field(
        default=None, description="Token of the cluster's bootstrap; without it, one is generated."
    )

    def checksum(self, version: str, architecture: str) -> str | None:
        """Return the SHA-256 of an archive: from the settings, else their file, else the pinned ones."""
        own = self.binaries.checksums.get(version, {})
        for arch, value in own.items():
            if arch == architecture:
                return value
        return versions.pinned_sums().get(version, {}).get(architecture)

    def options(self, node: str) -> dict[str, str]:
        """Return the etcd options of one node, by etcd's names, without those the program sets itself."""
        return {**self.etcd, **self.nodes[node].etcd}

    def connection(self, node: str) -> Connection:
        """Return all that is needed to reach a node; complete only after `load`.

        Of a host that is yet to be made, address and host key are missing.
        """
        return self.ssh.connection(self.nodes[node].ssh, self.nodes[node].address or "")
