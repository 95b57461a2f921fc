"""What the engine is answered when a program in another language asks for the component."""

import asyncio
from typing import Any

import grpc.aio
import pytest
from pulumi.runtime.proto import provider_pb2

from provider.resource import Context
from tests.unit.provider.provider_calls import Engine, Thing, calls, properties


def refused(kind: str, inputs: dict[str, Any]) -> grpc.aio.AioRpcError:
    async def ask() -> None:
        async with calls(Thing(Context(Engine()))) as stub:  # type: ignore[arg-type]
            await stub.Construct(provider_pb2.ConstructRequest(type=kind, name="etcd", inputs=properties(inputs)))

    with pytest.raises(grpc.aio.AioRpcError) as error:
        asyncio.run(asyncio.wait_for(ask(), 30))
    return error.value


def test_wrong_inputs_are_a_message_and_no_traceback() -> None:
    error = refused("etcd:index:Cluster", {"nodes": {"a": {"address": "192.0.2.1"}}, "ssh": {"agent": True}})
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert str(error.details()).startswith("ssh.knownHostsFile: ")


def test_several_mistakes_begin_on_a_line_of_their_own() -> None:
    error = refused("etcd:index:Cluster", {"nodes": {}, "ssh": {"agent": True}, "clientPort": 0})
    lines = str(error.details()).splitlines()
    assert lines[0] == "" and {line.split(":")[0] for line in lines[1:]} == {"nodes", "clientPort"}


def test_another_component_is_not_made() -> None:
    error = refused("etcd:index:Node", {})
    assert str(error.details()).startswith("etcd:index:Node: this plugin has no such component")


def test_the_schema_is_the_packages() -> None:
    async def ask() -> Any:
        async with calls(Thing(Context(Engine()))) as stub:  # type: ignore[arg-type]
            return await stub.GetSchema(provider_pb2.GetSchemaRequest())

    assert '"etcd:index:Cluster"' in asyncio.run(asyncio.wait_for(ask(), 30)).schema
