"""The plugin's side of Pulumi's provider protocol: properties in, plain values to the resources, and back.

Written on the published protocol rather than on `pulumi.provider.experimental`, whose server turns an error into
`Unexpected <class …>` and cannot leave the diff to the engine.
"""

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
import grpc.aio
import pulumi
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from etcd_cluster.errors import ClusterError
from etcd_cluster.reasons import Reason
from provider.resource import Context, Engine, Resource
from provider.run import type_of
from provider.values import plain, struct

VERSION = "0.1.0"
_LAST_STEP_SECONDS = 600
_REGISTERING_THREADS = 256

T = TypeVar("T")
Request = Any
Call = Any


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine's calls for every resource type of the plugin."""

    def __init__(self, context: Context, resources: Mapping[str, Resource]) -> None:
        self._context = context
        self._resources = resources

    def _resource(self, urn: str) -> Resource:
        kind = type_of(urn)
        if kind not in self._resources:
            raise ClusterError.of(
                Reason.REQUEST_UNSUPPORTED,
                kind,
                "this plugin has no such resource",
                "Use the plugin of the same checkout",
            )
        return self._resources[kind]

    async def _guarded(self, call: Call, work: Callable[[], Awaitable[T]]) -> T:
        """Turn an error of ours into the message a user reads; anything else is a bug and says so."""
        try:
            return await work()
        except (ClusterError, pulumi.RunError) as error:
            await call.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except Exception as error:  # noqa: BLE001
            place = traceback.extract_tb(error.__traceback__)[-1]
            await call.abort(
                grpc.StatusCode.INTERNAL,
                f"internal error: {type(error).__name__} at {place.name}, line {place.lineno}. "
                "Nothing more was changed. Please report it",
            )
        raise AssertionError("abort raises")

    async def GetPluginInfo(self, request: Request, call: Call) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    async def Handshake(self, request: Request, call: Call) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    async def GetSchema(self, request: Request, call: Call) -> Any:
        # The settings take a while to load, and a run of a program in Python asks for no schema and no component.
        from provider.component.schema import package

        return provider_pb2.GetSchemaResponse(schema=package(VERSION))

    async def Construct(self, request: Request, call: Call) -> Any:
        async def work() -> Any:
            from provider.component.construct import construct

            return await construct(request, call, self._context.engine.address, VERSION)

        return await self._guarded(call, work)

    async def CheckConfig(self, request: Request, call: Call) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: Request, call: Call) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    async def Configure(self, request: Request, call: Call) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    async def Cancel(self, request: Request, call: Call) -> Any:
        self._context.cancelled.set()
        return empty_pb2.Empty()

    async def Check(self, request: Request, call: Call) -> Any:
        async def work() -> Any:
            resource = self._resource(request.urn)
            # For a resource that `--replace` names there are no old inputs; the refresh has read what it is.
            old = plain(request.olds) or dict(self._context.run.read.get(request.urn, {}))
            inputs, failures = await resource.check(request.urn, old, plain(request.news))
            self._context.run.checked[request.urn] = inputs
            return provider_pb2.CheckResponse(
                inputs=_with_secrets_of(request.news, struct(inputs, resource.secrets)),
                failures=[provider_pb2.CheckFailure(property=one.property, reason=one.reason) for one in failures],
            )

        return await self._guarded(call, work)

    async def Diff(self, request: Request, call: Call) -> Any:
        async def work() -> Any:
            resource = self._resource(request.urn)
            changed = await resource.diff(plain(request.olds), plain(request.news))
            kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
            return provider_pb2.DiffResponse(
                changes=kind, diffs=list(changed), replaces=[key for key in changed if key in resource.replace_on]
            )

        return await self._guarded(call, work)

    async def Create(self, request: Request, call: Call) -> Any:
        async def work() -> Any:
            resource, inputs = self._resource(request.urn), plain(request.properties)
            if request.preview:
                outputs = resource.planned({}, inputs)
                return provider_pb2.CreateResponse(id="", properties=struct(outputs, resource.secrets))
            identity, outputs = await resource.create(request.urn, inputs)
            return provider_pb2.CreateResponse(id=identity, properties=struct(outputs, resource.secrets))

        return await self._guarded(call, work)

    async def Update(self, request: Request, call: Call) -> Any:
        async def work() -> Any:
            resource, state, inputs = self._resource(request.urn), plain(request.olds), plain(request.news)
            if request.preview:
                outputs = resource.planned(state, inputs)
            else:
                outputs = await resource.update(request.urn, state, inputs)
            return provider_pb2.UpdateResponse(properties=struct(outputs, resource.secrets))

        return await self._guarded(call, work)

    async def Read(self, request: Request, call: Call) -> Any:
        async def work() -> Any:
            resource = self._resource(request.urn)
            state = plain(request.properties)
            if not state:
                raise ClusterError.of(
                    Reason.REQUEST_UNSUPPORTED,
                    type_of(request.urn),
                    "it cannot be imported: it stands for work that this program does, not for a thing",
                    "Run `pulumi up`, which makes it again from what the hosts show (docs/state.md)",
                )
            outputs = await resource.read(request.urn, state)
            self._context.run.read[request.urn] = outputs
            return provider_pb2.ReadResponse(
                id=request.id, properties=struct(outputs, resource.secrets), inputs=request.inputs
            )

        return await self._guarded(call, work)

    async def Delete(self, request: Request, call: Call) -> Any:
        async def work() -> Any:
            await self._resource(request.urn).delete(request.urn, plain(request.properties))
            return empty_pb2.Empty()

        return await self._guarded(call, work)


def _with_secrets_of(given: struct_pb2.Struct, checked: struct_pb2.Struct) -> struct_pb2.Struct:
    """Keep each top-level input that a check left alone exactly as it came, secret marks inside it included."""
    before, after = plain(given), plain(checked)
    for key, value in given.fields.items():
        if key in after and after[key] == before[key]:
            checked.fields[key].CopyFrom(value)
    return checked


async def serve(engine_address: str, make: Callable[[Context], Mapping[str, Resource]]) -> None:
    """Serve until the engine ends this process, or is gone itself."""
    context = Context(Engine(engine_address))
    # A component's resources are each registered in a thread, which waits until the engine is done with it.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_REGISTERING_THREADS))
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(context, make(context)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # A killed engine leaves this process alive, its calls cancelled: it gives up its lease and ends.
    gone = asyncio.create_task(context.engine.wait_until_gone())
    ended = asyncio.create_task(server.wait_for_termination())
    await asyncio.wait([gone, ended], return_when=asyncio.FIRST_COMPLETED)
    context.cancelled.set()
    await server.stop(grace=_LAST_STEP_SECONDS)
    await context.pool.close()
