"""The plugin's server on loopback, with a resource that records what reaches it, and a client to call it with."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import grpc
import grpc.aio
from google.protobuf import struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2_grpc

from provider.resource import Context, Failure, Properties, Resource
from provider.server import Servicer

SECRET = {rpc._special_sig_key: rpc._special_secret_sig}
URN = "urn:pulumi:dev::project::etcd:index:Cluster$etcd:index:Thing::a"


class Engine:
    """Notes what the user is told."""

    address = "127.0.0.1:1"

    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []

    async def log(self, _urn: str, message: str, severity: int, _ephemeral: bool = False) -> None:
        """Note a message."""
        self.told.append((severity, message))


class Thing(Resource):
    """Records each call; what a test sets as `error` is raised, `failures` are what a check finds."""

    type: ClassVar[str] = "etcd:index:Thing"
    secrets: ClassVar[frozenset[str]] = frozenset({"connection"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"address"})

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.calls: list[tuple[str, Properties]] = []
        self.error: Exception | None = None
        self.added: Properties = {}
        self.failures: list[Failure] = []

    def _note(self, call: str, properties: Properties) -> Properties:
        self.calls.append((call, properties))
        if self.error:
            raise self.error
        return properties

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """Add what the test says."""
        self._note("check", new)
        return {**new, **self.added}, self.failures

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Record."""
        return "id-1", self._note("create", inputs)

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Record."""
        return self._note("update", {**state, **inputs})

    async def read(self, urn: str, state: Properties) -> Properties:
        """Record."""
        return self._note("read", state)

    async def delete(self, urn: str, state: Properties) -> None:
        """Record."""
        self._note("delete", state)


def properties(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return properties as the engine sends them; a marked secret is a map with the secret's signature."""
    made = struct_pb2.Struct()
    made.update(values)
    return made


def secret(value: Any) -> dict[str, Any]:
    """Return a secret as the engine sends it."""
    return {**SECRET, "value": value}


@asynccontextmanager
async def calls(thing: Thing) -> AsyncIterator[provider_pb2_grpc.ResourceProviderStub]:
    """Serve one resource type until the block ends."""
    server = grpc.aio.server()
    servicer = Servicer(thing.context, {thing.type: thing})
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield provider_pb2_grpc.ResourceProviderStub(channel)
    finally:
        await server.stop(grace=0)
