"""Makes the component for a program in another language: its resources are registered from this process.

The SDK's own servicer does so; this is what it asks for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.resource import DependencyResource

from components import inputs as node_inputs
from components.cluster import Cluster, ClusterArgs
from components.cluster_host import ClusterHost, ClusterHosts
from components.outputs import stack_outputs
from components.resources.served_health import ServedHealth
from etcd_cluster.errors import ClusterError
from etcd_cluster.reasons import Reason
from etcd_cluster.settings import SettingsError
from provider.component.inputs import ClusterInputs, message, read
from provider.component.schema import CLUSTER, OUTPUTS, camel
from provider.values import has_secret, plain


class _Component(Provider):
    """Makes one cluster from inputs that are read already."""

    def __init__(self, version: str, given: ClusterInputs, makers: Sequence[str]) -> None:
        super().__init__(version)
        self._given = given
        self._makers: list[pulumi.Resource] = [DependencyResource(urn) for urn in makers]

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        settings = self._given.settings
        for warning in self._given.warnings:
            pulumi.warn(warning)
        hosts = ClusterHosts(nodes={node: self._host(node) for node in settings.nodes}, made=self._makers)
        own = _with_own_provider(name, options or pulumi.ResourceOptions())
        cluster = Cluster(name, ClusterArgs(settings=settings, hosts=hosts), own, health=ServedHealth)
        return ConstructResult(cluster.urn, outputs(cluster))

    def _host(self, node: str) -> ClusterHost:
        settings = self._given.settings
        address = settings.nodes[node].address
        assert address is not None, "each node has an address, or a stand-in for it"
        connection = node_inputs.connection(settings, node, settings.nodes[node].ssh.host or address)
        return ClusterHost(
            address=self._from_makers(address, known=self._given.knows_address(node)),
            connection=pulumi.Output.all(
                connection, self._from_makers("", known=self._given.knows_connection(node))
            ).apply(lambda known: cast("dict[str, Any]", known[0])),
            extra_names=settings.nodes[node].extra_names,
        )

    def _from_makers(self, value: str, *, known: bool) -> pulumi.Output[str]:
        """Return a value of the hosts' makers: what uses it is removed before they are."""
        future, is_known = asyncio.Future[str](), asyncio.Future[bool]()
        future.set_result(value)
        is_known.set_result(known)
        return pulumi.Output(set(self._makers), future, is_known)


def _with_own_provider(name: str, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Give the cluster a provider process of its own, unless the program has chosen one.

    What a process remembers of a run is that of one cluster: two in one program may have nodes of the same names.
    """
    chosen = options.providers if isinstance(options.providers, Mapping) else {}
    if "etcd" in chosen:
        return options
    # A parent that is known only by its URN has no `protect` for the SDK to inherit.
    beside = pulumi.ResourceOptions(parent=options.parent, protect=False)
    provider = pulumi.ProviderResource("etcd", f"{name}-etcd", {}, beside)
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(providers={**chosen, "etcd": provider}))


def outputs(cluster: Cluster) -> dict[str, pulumi.Input[Any]]:
    """Return the outputs by the names of the schema."""
    found: dict[str, Any] = {camel(name): value for name, value in stack_outputs(cluster).items()}
    return {
        **{name: found[name] for name in OUTPUTS},
        "members": cluster.health.members.apply(_named),
        "certificates": {key: _named(value) for key, value in found["certificates"].items()},
        # As a whole: Pulumi's YAML loses a secret inside an output that is used as a whole.
        "clients": pulumi.Output.secret({key: _named(value) for key, value in found["clients"].items()}),
    }


def _named(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {camel(key): inner for key, inner in value.items()}
    return [_named(each) for each in value]


async def construct(request: Any, call: Any, engine: str, version: str) -> Any:
    """Answer the engine's call; raises ClusterError or RunError for what the user must know."""
    if request.type != CLUSTER:
        raise ClusterError.of(
            Reason.REQUEST_UNSUPPORTED,
            request.type,
            "this plugin has no such component",
            "Use the plugin of the same checkout",
        )
    try:
        secret = [key for key, value in request.inputs.fields.items() if has_secret(value)]
        given = read(request.name, plain(request.inputs), secret)
    except SettingsError as error:
        text = message(error)
        raise pulumi.RunError(f"\n{text}" if "\n" in text else text) from None
    makers = sorted({urn for each in request.inputDependencies.values() for urn in each.urns})
    servicer = ProviderServicer(_Component(version, given, makers), [], engine)
    return await servicer.Construct(request, call)
