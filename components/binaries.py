"""etcd, etcdctl and etcdutl of one version on one host."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_command as command
from pulumi_command import remote

from components.resources.archive import Archive
from components.resources.host import Host
from etcd_cluster import scripts
from etcd_cluster.settings import Settings
from etcd_cluster.ssh import commands

# pulumi-command retries a dial with growing pauses; 10 more tries take about 11 s when the host refuses
_DIAL_RETRIES = 10


@dataclass(frozen=True, kw_only=True)
class BinariesArgs:
    """What is installed, and where."""

    node: str
    settings: Settings
    connection: pulumi.Input[Any]
    host: Host
    provider: command.Provider
    """Made early, so that its plugin starts while Preflight looks at the hosts."""


class Binaries(pulumi.ComponentResource):
    """Installs by version beside the others; a running member notices nothing until Rollout moves the links.

    The script travels on standard input and has no `delete`: a dead host would fail every later `up`, and Host
    removes what was installed. It is run again when it changes, or when Host has found damage.
    """

    version: pulumi.Output[str]

    def __init__(self, name: str, args: BinariesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:Binaries", name, None, opts)
        settings = args.settings
        pushed = [self._pushed(name, args)] if settings.binaries.source == "push" else []
        script = pulumi.Output.all(args.host.architecture, args.host.damage).apply(
            lambda known: _script(settings, args.node, known[0], int(known[1]))
        )
        sudo = settings.connection(args.node).sudo
        install = remote.Command(
            f"{name}-install",
            connection=pulumi.Output.from_input(args.connection).apply(command_connection),
            create=commands.as_root("sh", "-eu", "-s", sudo=sudo),
            # The URL of a proxy may hold a password.
            stdin=script.apply(pulumi.Output.secret) if settings.binaries.http_proxy else script,
            logging=remote.Logging.NONE,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=pushed),
        )
        self.version = install.stdout.apply(lambda _: settings.version)
        self.register_outputs({"version": self.version})

    def _pushed(self, name: str, args: BinariesArgs) -> Archive:
        settings, architecture = args.settings, args.host.architecture
        return Archive(
            f"{name}-archive",
            connection=args.connection,
            node=args.node,
            digest=architecture.apply(lambda known: settings.checksum(settings.version, known) or ""),
            source=architecture.apply(lambda known: f"{settings.binaries.archive_dir}/{_file_name(settings, known)}"),
            target=architecture.apply(lambda known: f"{settings.paths.install_dir}/{_file_name(settings, known)}"),
            damage=args.host.damage,
            seconds=settings.deadlines.upload,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _file_name(settings: Settings, architecture: str) -> str:
    return f"etcd-v{settings.version}-linux-{architecture}.tar.gz"


def _script(settings: Settings, node: str, architecture: str, damage: int) -> str:
    binaries, name = settings.binaries, _file_name(settings, architecture)
    return scripts.script(
        "install",
        node=node,
        version=settings.version,
        architecture=architecture,
        source=binaries.source,
        url=f"{binaries.url.rstrip('/')}/v{settings.version}/{name}",
        archive=f"{settings.paths.install_dir}/{name}",
        sha256=settings.checksum(settings.version, architecture) or "",
        install_dir=settings.paths.install_dir,
        proxy=binaries.http_proxy or "",
        ca=binaries.ca_certificate or "",
        seconds=settings.deadlines.install,
        # The script does not read it: another value makes another text, which runs again.
        damage=damage,
    )


def command_connection(connection: Mapping[str, Any]) -> remote.ConnectionArgs:
    """Return a connection as pulumi-command takes it; the host key is always pinned."""
    bastion = connection.get("bastion")
    return remote.ConnectionArgs(
        host=connection["host"],
        port=float(connection["port"]),
        user=connection["user"],
        private_key=connection.get("private_key"),
        private_key_password=connection.get("passphrase"),
        host_key=connection.get("host_key"),
        per_dial_timeout=int(connection["connect_seconds"]),
        dial_error_limit=_DIAL_RETRIES,
        proxy=remote.ProxyConnectionArgs(
            host=bastion["host"],
            port=float(bastion["port"]),
            user=bastion["user"],
            private_key=bastion.get("private_key"),
            private_key_password=bastion.get("passphrase"),
            host_key=bastion.get("host_key"),
            per_dial_timeout=int(connection["connect_seconds"]),
            dial_error_limit=_DIAL_RETRIES,
        )
        if bastion
        else None,
    )
