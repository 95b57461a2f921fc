"""The provider protocol, called over gRPC as the engine calls it."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.reasons import Reason
from provider.resource import Context, Failure
from provider.values import plain
from tests.unit.provider.provider_calls import URN, Engine, Thing, calls, properties, secret


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop, for half a minute at most, with a resource of its own."""

    @wraps(test)
    def run() -> None:
        async def body() -> None:
            await test(Thing(Context(Engine())))  # type: ignore[arg-type]

        asyncio.run(asyncio.wait_for(body(), 30))

    del run.__wrapped__  # pytest would take the resource for a fixture
    return run


@asynchronous
async def test_create_gives_the_id_and_the_outputs_with_secrets_marked(thing: Thing) -> None:
    async with calls(thing) as stub:
        given = properties({"name": "a", "connection": secret({"host": "h"})})
        answer = await stub.Create(provider_pb2.CreateRequest(urn=URN, properties=given))
    assert answer.id == "id-1" and answer.properties == given
    assert thing.calls == [("create", {"name": "a", "connection": {"host": "h"}})]


@asynchronous
async def test_a_preview_creates_nothing(thing: Thing) -> None:
    async with calls(thing) as stub:
        given = properties({"name": rpc.UNKNOWN})
        answer = await stub.Create(provider_pb2.CreateRequest(urn=URN, properties=given, preview=True))
    assert thing.calls == [] and answer.id == ""
    assert answer.properties == given


@asynchronous
async def test_a_preview_updates_nothing(thing: Thing) -> None:
    async with calls(thing) as stub:
        answer = await stub.Update(
            provider_pb2.UpdateRequest(
                urn=URN, olds=properties({"name": "a", "made": 1}), news=properties({"name": "b"}), preview=True
            )
        )
    assert thing.calls == []
    assert plain(answer.properties) == {"name": "b", "made": 1}


@asynchronous
async def test_update_gets_the_state_and_the_inputs(thing: Thing) -> None:
    async with calls(thing) as stub:
        await stub.Update(
            provider_pb2.UpdateRequest(
                urn=URN, olds=properties({"name": "a", "made": 1}), news=properties({"name": "b"})
            )
        )
    assert thing.calls == [("update", {"name": "b", "made": 1})]


@asynchronous
async def test_read_keeps_the_id_and_the_inputs(thing: Thing) -> None:
    async with calls(thing) as stub:
        answer = await stub.Read(
            provider_pb2.ReadRequest(
                urn=URN, id="id-1", properties=properties({"name": "a"}), inputs=properties({"x": 1})
            )
        )
    assert (answer.id, plain(answer.properties), plain(answer.inputs)) == ("id-1", {"name": "a"}, {"x": 1})


@asynchronous
async def test_delete_gets_the_state(thing: Thing) -> None:
    async with calls(thing) as stub:
        await stub.Delete(provider_pb2.DeleteRequest(urn=URN, id="id-1", properties=properties({"name": "a"})))
    assert thing.calls == [("delete", {"name": "a"})]


@asynchronous
async def test_a_check_keeps_secrets_inside_an_input_it_left_alone(thing: Thing) -> None:
    nested = {"keys": {"server": secret("key"), "note": "open"}, "name": "a"}
    thing.added = {"owner": "random"}
    async with calls(thing) as stub:
        answer = await stub.Check(provider_pb2.CheckRequest(urn=URN, news=properties(nested)))
    assert answer.inputs == properties({**nested, "owner": "random"})


@asynchronous
async def test_a_check_marks_a_secret_input_that_it_changed(thing: Thing) -> None:
    thing.added = {"connection": {"host": "h", "host_key": "seen"}}
    async with calls(thing) as stub:
        news = properties({"connection": secret({"host": "h"})})
        answer = await stub.Check(provider_pb2.CheckRequest(urn=URN, news=news))
    assert answer.inputs == properties({"connection": secret({"host": "h", "host_key": "seen"})})


@asynchronous
async def test_a_check_tells_all_its_failures(thing: Thing) -> None:
    thing.failures = [Failure("", "a: it is off."), Failure("name", "b: it is full.")]
    async with calls(thing) as stub:
        answer = await stub.Check(provider_pb2.CheckRequest(urn=URN, news=properties({})))
    assert [(one.property, one.reason) for one in answer.failures] == [
        ("", "a: it is off."),
        ("name", "b: it is full."),
    ]


@asynchronous
async def test_a_diff_names_what_changed_and_what_replaces(thing: Thing) -> None:
    async with calls(thing) as stub:
        olds = properties({"name": "a", "address": "192.0.2.1", "made": 1, "connection": secret({"host": "h"})})
        same = properties({"name": "a", "address": "192.0.2.1", "connection": secret({"host": "h"})})
        other = properties({"name": "b", "address": "192.0.2.2", "connection": secret({"host": "h"})})
        nothing = await stub.Diff(provider_pb2.DiffRequest(urn=URN, olds=olds, news=same))
        some = await stub.Diff(provider_pb2.DiffRequest(urn=URN, olds=olds, news=other))
    assert nothing.changes == provider_pb2.DiffResponse.DIFF_NONE and not nothing.diffs
    assert some.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert (sorted(some.diffs), list(some.replaces)) == (["address", "name"], ["address"])


async def refused(thing: Thing, error: Exception) -> grpc.aio.AioRpcError:
    thing.error = error
    async with calls(thing) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as status:
            await stub.Create(provider_pb2.CreateRequest(urn=URN, properties=properties({})))
    return status.value


@asynchronous
async def test_an_error_is_one_message_with_a_line_for_each_problem(thing: Thing) -> None:
    problems = (
        Problem(Reason.HOST_UNREACHABLE, "a", "it is off", "Turn it on"),
        Problem(Reason.COMMAND_FAILED, "b", "it is full", "Make room"),
    )
    status = await refused(thing, ClusterError(*problems))
    assert status.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert status.details() == "a: it is off. Turn it on.\nb: it is full. Make room."


@asynchronous
async def test_a_fault_of_the_program_says_so_without_its_stack_or_its_values(thing: Thing) -> None:
    status = await refused(thing, KeyError("-----BEGIN PRIVATE KEY-----"))
    details = status.details() or ""
    assert status.code() == grpc.StatusCode.INTERNAL
    assert details.startswith("internal error: KeyError at _note, line ")
    assert "PRIVATE KEY" not in details and "Traceback" not in details and 'File "' not in details


@asynchronous
async def test_a_type_that_the_plugin_does_not_have_is_named(thing: Thing) -> None:
    urn = "urn:pulumi:dev::project::etcd:index:Other::a"
    async with calls(thing) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as status:
            await stub.Create(provider_pb2.CreateRequest(urn=urn, properties=properties({})))
    assert (status.value.details() or "").startswith("etcd:index:Other: this plugin has no such resource")


@asynchronous
async def test_a_cancel_is_known_to_all_resources(thing: Thing) -> None:
    async with calls(thing) as stub:
        assert not thing.context.cancelled.is_set()
        await stub.Cancel(empty_pb2.Empty())
    assert thing.context.cancelled.is_set()


@asynchronous
async def test_the_plugin_takes_secrets_and_previews(thing: Thing) -> None:
    async with calls(thing) as stub:
        configured = await stub.Configure(provider_pb2.ConfigureRequest())
        shaken = await stub.Handshake(provider_pb2.ProviderHandshakeRequest())
    assert configured.acceptSecrets and configured.supportsPreview and shaken.accept_secrets
