"""A resource plugin: the engine's ResourceProvider protocol on one side, resource types on the other."""

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Never

import grpc
import grpc.aio
from google.protobuf import empty_pb2

from dev.standins.python.lifetime import wait_for_end
from dev.standins.resource_plugin import values
from dev.standins.resource_plugin.protocol import (
    CHANNEL_OPTIONS,
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)
from dev.standins.resource_plugin.schema import Failure
from dev.standins.resource_plugin.values import Properties


class OperationError(Exception):
    """An operation failed; the message is shown to the user as it is."""


@dataclass(frozen=True)
class Difference:
    """What changed: "add", "delete" or "update" by path (or by name only); and what of it needs a replacement."""

    changes: dict[str, str] = field(default_factory=dict)
    replaces: frozenset[str] = frozenset()
    # Without details the engine works out itself what to show.
    detailed: bool = True


@dataclass(frozen=True)
class Operation:
    """The engine's call being served: whose resource, how long it may take, and ways to tell the user something."""

    engine: "Engine"
    urn: str
    preview: bool = False
    timeout: float = 0.0
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """Return the resource's name."""
        return self.urn.split("::", 3)[-1]

    async def log(self, severity: str, message: str, *, ephemeral: bool = False) -> None:
        """Show a line to the user: severity is "info", "warning" or "error"; an ephemeral one passes by."""
        await self.engine.log(severity, message, self.urn, ephemeral=ephemeral)


Function = Callable[[Properties], Properties]
"""A function that a program may call: from arguments to results; raises `OperationError`."""

Configure = Callable[[Properties], str | None]


class ResourceType:
    """A type of resource; subclasses do the work. Properties carry marks for secrets and unknowns."""

    token: ClassVar[str]
    described: ClassVar[dict[str, Any]] = {}
    """The type in Pulumi's schema, which only programs in YAML ask for."""

    def check(self, news: Properties) -> tuple[Properties, list[Failure]]:
        """Return the inputs with defaults, and what is wrong with them."""
        raise NotImplementedError

    def check_named(self, name: str, olds: Properties, news: Properties) -> tuple[Properties, list[Failure]]:
        """Do as `check`, where the resource's name or its former inputs count."""
        return self.check(news)

    def diff(self, state: Properties, old_inputs: Properties, news: Properties) -> Difference:
        """Compare the last state and inputs with new inputs."""
        raise NotImplementedError

    async def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        """Create, or foretell it in a preview; return the id and the state."""
        raise NotImplementedError

    async def update(self, operation: Operation, state: Properties, news: Properties) -> Properties:
        """Update, or foretell it in a preview; return the state."""
        raise NotImplementedError

    def read(self, state: Properties) -> Properties | None:
        """Return the state as it is now, None when the resource is gone."""
        return state

    def read_inputs(self, state: Properties, inputs: Properties) -> Properties:
        """Return the inputs as they are by now; called for a resource that `read` has found."""
        return inputs

    async def delete(self, operation: Operation, state: Properties) -> None:
        """Delete."""


class Engine:
    """The engine's log."""

    def __init__(self, address: str) -> None:
        """Take the engine's gRPC address; connect at the first line."""
        self._address = address
        self._stub: engine_pb2_grpc.EngineStub | None = None

    async def log(self, severity: str, message: str, urn: str, *, ephemeral: bool) -> None:
        """Send one message; a lost engine loses it."""
        if self._stub is None:
            channel = grpc.aio.insecure_channel(self._address, options=CHANNEL_OPTIONS)
            self._stub = engine_pb2_grpc.EngineStub(channel)
        level = engine_pb2.LogSeverity.Value(severity.upper())
        request = engine_pb2.LogRequest(severity=level, message=message, urn=urn, ephemeral=ephemeral)
        try:
            await self._stub.Log(request)
        except grpc.aio.AioRpcError as error:
            print(f"lost a line for the user ({error.code()}): {message}", file=sys.stderr)


_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Serves the resource types of one plugin."""

    def __init__(
        self,
        name: str,
        version: str,
        engine: str,
        types: Iterable[ResourceType],
        functions: Mapping[str, Function] | None = None,
        configure: Configure = lambda _: None,
    ) -> None:
        """Take the plugin's name and version, the engine's address, the types, the functions by token.

        `configure` gets the provider's configuration and returns what is wrong with it.
        """
        self.functions = dict(functions or {})
        self.configure = configure
        self.name = name
        self.version = version
        self.engine = Engine(engine)
        self.types = {kind.token: kind for kind in types}
        self.cancelled = asyncio.Event()
        self.running = 0
        self.idle = threading.Event()
        self.idle.set()

    async def Handshake(self, request: Any, _context: grpc.aio.ServicerContext) -> Any:
        self.engine = Engine(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    async def GetPluginInfo(self, _request: Any, _context: grpc.aio.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=self.version)

    async def GetSchema(self, _request: Any, _context: grpc.aio.ServicerContext) -> Any:
        resources = {kind.token: kind.described for kind in self.types.values() if kind.described}
        schema = {"name": self.name, "version": self.version, "resources": resources}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    async def CheckConfig(self, request: Any, _context: grpc.aio.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    async def DiffConfig(self, _request: Any, _context: grpc.aio.ServicerContext) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    async def Configure(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        if wrong := self.configure(values.reveal(values.decode(request.args))):
            await _abort(context, wrong)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    async def Check(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        kind = await self._kind(request.urn, context)
        name = request.urn.split("::", 3)[-1]
        inputs, failures = kind.check_named(name, values.decode(request.olds), values.decode(request.news))
        found = [provider_pb2.CheckFailure(property=entry.path, reason=entry.reason) for entry in failures]
        return provider_pb2.CheckResponse(inputs=values.encode(inputs), failures=found)

    async def Diff(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        kind = await self._kind(request.urn, context)
        state, news = values.decode(request.olds), values.decode(request.news)
        _keep(news, state, request.ignoreChanges)
        found = kind.diff(state, values.decode(request.old_inputs), news)
        outcome = provider_pb2.DiffResponse.DIFF_SOME
        if not found.changes and not found.replaces:
            outcome = provider_pb2.DiffResponse.DIFF_NONE
        detailed = {
            path: provider_pb2.PropertyDiff(kind=_KINDS[change, path in found.replaces])
            for path, change in found.changes.items()
        }
        return provider_pb2.DiffResponse(
            changes=outcome,
            diffs=sorted({path.split(".")[0].split("[")[0] for path in found.changes}),
            replaces=sorted(found.replaces),
            detailedDiff=detailed if found.detailed else {},
            hasDetailedDiff=found.detailed,
        )

    async def Create(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        kind = await self._kind(request.urn, context)
        operation = self._operation(request, preview=request.preview)
        with _Counted(self):
            try:
                made, state = await kind.create(operation, values.decode(request.properties))
            except OperationError as error:
                await _abort(context, str(error))
        return provider_pb2.CreateResponse(id=made, properties=values.encode(state))

    async def Update(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        kind = await self._kind(request.urn, context)
        operation = self._operation(request, preview=request.preview)
        state, news = values.decode(request.olds), values.decode(request.news)
        _keep(news, state, request.ignoreChanges)
        with _Counted(self):
            try:
                state = await kind.update(operation, state, news)
            except OperationError as error:
                await _abort(context, str(error))
        return provider_pb2.UpdateResponse(properties=values.encode(state))

    async def Read(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        kind = await self._kind(request.urn, context)
        if not request.inputs.fields and not request.properties.fields:
            await _abort(context, f"the lab's stand-in for {self.name} cannot import or look up a resource")
        state = kind.read(values.decode(request.properties))
        if state is None:
            return provider_pb2.ReadResponse()
        inputs = kind.read_inputs(values.decode(request.properties), values.decode(request.inputs))
        return provider_pb2.ReadResponse(id=request.id, properties=values.encode(state), inputs=values.encode(inputs))

    async def Delete(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        kind = await self._kind(request.urn, context)
        with _Counted(self):
            try:
                await kind.delete(self._operation(request), values.decode(request.properties))
            except OperationError as error:
                await _abort(context, str(error))
        return empty_pb2.Empty()

    async def Invoke(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        if request.tok not in self.functions:
            await _abort(context, f"the lab's stand-in for {self.name} does not know the function {request.tok}")
        try:
            found = await asyncio.to_thread(self.functions[request.tok], values.reveal(values.decode(request.args)))
        except OperationError as error:
            await _abort(context, f"invoking {request.tok}: {error}")
        return provider_pb2.InvokeResponse(**{"return": values.encode(found)})

    async def Call(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        return await _abort(context, f"the lab's stand-in for {self.name} does not know the method {request.tok}")

    async def Construct(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        return await _abort(context, f"the lab's stand-in for {self.name} does not know the component {request.type}")

    async def Cancel(self, _request: Any, _context: grpc.aio.ServicerContext) -> Any:
        self.cancelled.set()
        return empty_pb2.Empty()

    async def _kind(self, urn: str, context: grpc.aio.ServicerContext) -> ResourceType:
        # The type is the last one of the chain parent$child.
        token = urn.split("::", 3)[2].split("$")[-1]
        if token not in self.types:
            known = ", ".join(sorted(self.types))
            await _abort(
                context,
                f"the lab's stand-in for the {self.name} plugin does not know the resource type {token}; it knows "
                f"{known}. Set ETCD_CLUSTER_PLUGINS to a folder with the real plugin to use it.",
            )
        return self.types[token]

    def _operation(self, request: Any, *, preview: bool = False) -> Operation:
        return Operation(self.engine, request.urn, preview, request.timeout, self.cancelled)


class _Counted:
    """Counts the operations in flight."""

    def __init__(self, servicer: Servicer) -> None:
        self._servicer = servicer

    def __enter__(self) -> None:
        self._servicer.running += 1
        self._servicer.idle.clear()

    def __exit__(self, *_details: object) -> None:
        self._servicer.running -= 1
        if not self._servicer.running:
            self._servicer.idle.set()


def _keep(news: Properties, state: Properties, ignored: Iterable[str]) -> None:
    """Put the state's value back for each input whose changes the program ignores."""
    for name in ignored:
        if name in state:
            news[name] = state[name]


async def _abort(context: grpc.aio.ServicerContext, message: str) -> Never:
    await context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError(message)  # abort() raises


def serve(
    name: str,
    version: str,
    types: Iterable[ResourceType],
    functions: Mapping[str, Function] | None = None,
    configure: Configure = lambda _: None,
) -> None:
    """Serve until the engine ends it; print the port on the first line of output.

    When the engine is killed, operations in flight end first, as they do with a real plugin, which is left alive.
    """
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    servicer = Servicer(name, version, addresses[0] if addresses else "", types, functions, configure)

    async def run() -> None:
        server = grpc.aio.server(options=CHANNEL_OPTIONS)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(port, flush=True)
        await server.wait_for_termination()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    wait_for_end(on_orphaned=servicer.idle.wait)
