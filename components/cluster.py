"""The whole: an etcd cluster on hosts that exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
import pulumi_command as command

from components import inputs
from components.certificates.certificate_authority import CertificateAuthority, CertificateAuthorityArgs
from components.certificates.client_certificate import ClientCertificate, ClientCertificateArgs
from components.cluster_health import ClusterHealth
from components.cluster_host import ClusterHost, ClusterHosts
from components.node import Node, NodeArgs, of_node
from components.resources.preflight import Preflight
from components.resources.rollout import Rollout
from components.resources.served_health import ServedHealth
from etcd_cluster.certificates import former_addresses, rotation
from etcd_cluster.settings import Client, Settings
from etcd_cluster.specs.member import INPUT_KEYS, Member

_ARCHITECTURES = ("amd64", "arm64")


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What a cluster is made from."""

    settings: Settings
    """All that the stack says."""
    hosts: ClusterHosts
    """The host of each node."""


class Cluster(pulumi.ComponentResource):
    """Preflight, then all nodes at once, then the rollout, then the health check."""

    health: ClusterHealth | ServedHealth
    rollout: Rollout
    client_authority: CertificateAuthority
    peer_authority: CertificateAuthority
    nodes: dict[str, Node]
    clients: dict[str, ClientCertificate]

    def __init__(
        self,
        name: str,
        args: ClusterArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        health: type[ClusterHealth] | type[ServedHealth] = ClusterHealth,
    ) -> None:
        super().__init__("etcd:index:Cluster", name, None, opts)
        self.settings = args.settings
        self._name = name
        self._stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        self._members = inputs.members(args.settings, {node: host.address for node, host in args.hosts.nodes.items()})
        # The plugins start now, beside Preflight, and not when their first resource is due.
        commands = command.Provider(f"{name}-command", opts=pulumi.ResourceOptions(parent=self))
        dynamic = self._dynamic() if health is ClusterHealth else None
        preflight = self._preflight(args.hosts.nodes)
        # No key and no certificate is made or changed before Preflight has accepted what the settings ask for.
        self._ready = pulumi.ResourceOptions(parent=self, depends_on=[preflight])
        self.client_authority, self.peer_authority = self._authorities()
        self._former = self._with_former_addresses(preflight)
        etcdctl = self._client("etcdctl", Client())
        self.nodes = {
            node: Node(
                f"{name}-{node}",
                NodeArgs(
                    node=node,
                    settings=args.settings,
                    host=args.hosts.nodes[node],
                    member=self._members[node],
                    former_addresses=self._former[node],
                    preflight=preflight,
                    client_authority=self.client_authority,
                    peer_authority=self.peer_authority,
                    peer_common_name=self._peer_common_name,
                    etcdctl=etcdctl,
                    stack=self._stack,
                    command=commands,
                ),
                opts=self._ready,
            )
            for node in args.settings.nodes
        }
        self.rollout = self._rollout(preflight)
        self.clients = {client: self._client(client, how) for client, how in args.settings.clients.items()}
        self.health = health(
            f"{name}-health",
            connections=preflight.connections,
            targets=self._members,
            steps=self.rollout.steps,
            seconds=args.settings.deadlines.health,
            # Nothing is removed before this one, so a refused destroy has removed nothing yet.
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=dynamic,
                depends_on=[self.rollout, *self.clients.values(), *args.hosts.made],
                protect=args.settings.protect_cluster,
            ),
        )
        self.register_outputs(
            {
                "cluster_id": self.rollout.cluster_id,
                "members": self.health.members,
                "leader": self.health.leader,
                "version": self.health.version,
            }
        )

    def _dynamic(self) -> pulumi.ProviderResource:
        return pulumi.ProviderResource(
            "pulumi-python", f"{self._name}-dynamic", {}, pulumi.ResourceOptions(parent=self)
        )

    @property
    def endpoints(self) -> pulumi.Output[list[str]]:
        """The client URLs, in the order of the nodes' names."""
        members = pulumi.Output.all(*(self._members[node] for node in sorted(self._members)))
        urls = members.apply(lambda known: [Member.from_inputs(each).client_url for each in known])
        # They are of use once the cluster serves, so they wait for it.
        return pulumi.Output.all(urls, self.rollout.cluster_id).apply(lambda known: list(known[0]))

    @property
    def _replaces(self) -> dict[str, str]:
        return {node: each.replaces for node, each in self.settings.nodes.items() if each.replaces}

    @property
    def _peer_common_name(self) -> str:
        return self.settings.certificates.subject.common_name

    def _authorities(self) -> tuple[CertificateAuthority, CertificateAuthority]:
        def make(purpose: str, label: str) -> CertificateAuthority:
            provided = self.settings.ca.client if purpose == "client" else self.settings.ca.peer
            return CertificateAuthority(
                f"{self._name}-{purpose}-ca",
                CertificateAuthorityArgs(
                    purpose=label,
                    certificates=self.settings.certificates,
                    provided=provided,
                    protect=self.settings.protect_cluster,
                ),
                opts=self._ready,
            )

        if self.settings.ca.shared:
            shared = make("client", "cluster")
            return shared, shared
        return make("client", "client"), make("peer", "peer")

    def _with_former_addresses(self, preflight: Preflight) -> dict[str, pulumi.Input[Sequence[str]]]:
        """Let the members keep their former addresses, and return these.

        An instance's address changes only with the instance; and as long as one instance is yet to be made, nothing of
        Preflight is known of the others.
        """
        if self.settings.hosts != "ssh":
            return dict.fromkeys(self.settings.nodes, ())
        former = {
            node: preflight.members.apply(partial(of_node, node=node)).apply(former_addresses.of)
            for node in self.settings.nodes
        }
        self._members = {
            node: pulumi.Output.all(member, former[node]).apply(
                lambda known: {**known[0], **({former_addresses.KEY: known[1]} if known[1] else {})}
            )
            for node, member in self._members.items()
        }
        return dict(former)

    def _described_authorities(self) -> dict[str, Any]:
        ca = self.settings.ca
        described = {"client": rotation.described(ca.client)}
        described["peer"] = described["client"] if ca.shared else rotation.described(ca.peer)
        for line in rotation.next_step(described):
            pulumi.info(line, resource=self)
        return described

    def _client(self, client: str, how: Client) -> ClientCertificate:
        return ClientCertificate(
            f"{self._name}-client-{client}",
            ClientCertificateArgs(
                common_name=how.common_name or client,
                client=how,
                authority=self.client_authority,
                certificates=self.settings.certificates,
            ),
            opts=self._ready,
        )

    def _preflight(self, hosts: Mapping[str, ClusterHost]) -> Preflight:
        settings = self.settings
        return Preflight(
            f"{self._name}-preflight",
            connections={node: host.connection for node, host in hosts.items()},
            members=self._members,
            authorities=self._described_authorities(),
            certificates=rotation.described_certificates(
                settings.certificates,
                shared=settings.ca.shared,
                keep_former_addresses=settings.hosts == "ssh",
                extra_names={node: each.extra_names for node, each in settings.nodes.items()},
            ),
            replaces=self._replaces,
            restored_cluster_id=settings.restored_cluster_id,
            trial_start=settings.trial_start,
            architectures={node: each.architecture for node, each in settings.nodes.items()},
            checksums={
                architecture: settings.checksum(settings.version, architecture) or "" for architecture in _ARCHITECTURES
            },
            source=settings.binaries.source,
            stack=self._stack,
            command_seconds=settings.deadlines.command,
            clock_seconds=settings.deadlines.clock_wait,
            hosts=settings.hosts,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _rollout(self, preflight: Preflight) -> Rollout:
        settings = self.settings
        members = {
            # Each by itself: a preview that does not know the certificates yet still names all the rest.
            node: {
                **{key: inputs.part(self._members[node], key) for key in INPUT_KEYS},
                **({former_addresses.KEY: self._former[node]} if settings.hosts == "ssh" else {}),
                "revision": each.service.revision,
                "certificates": each.service.certificates,
            }
            for node, each in self.nodes.items()
        }
        return Rollout(
            f"{self._name}-rollout",
            connections=preflight.connections,
            members=members,
            host_ids={node: each.host.host_id for node, each in self.nodes.items()},
            valid_from=pulumi.Output.all(*(each.service.valid_from for each in self.nodes.values())).apply(max),
            replaces=self._replaces,
            restored_cluster_id=settings.restored_cluster_id,
            deadlines=inputs.deadlines(settings),
            snapshots=settings.snapshots.model_dump(),
            token=settings.initial_cluster_token,
            trial_seconds=inputs.trial_seconds(settings),
            abandon_unreachable=settings.abandon_unreachable,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=list(self.nodes.values()), protect=settings.protect_cluster
            ),
        )
