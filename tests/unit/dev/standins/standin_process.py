"""Starts a resource plugin as the engine does, and talks to it as the engine does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from dev.standins.resource_plugin import values
from dev.standins.resource_plugin.protocol import CHANNEL_OPTIONS
from dev.toolchain.plugins import launch_command

SECONDS = 30


class EngineLog(engine_pb2_grpc.EngineServicer):
    """The engine's log, kept."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def Log(self, request: Any, _context: Any) -> Any:
        self.lines.append((engine_pb2.LogSeverity.Name(request.severity), request.message))
        return empty_pb2.Empty()


class PluginError(Exception):
    """A call failed; the message is what a user would see."""


@dataclass
class Plugin:
    """A running plugin."""

    stub: Any
    log: EngineLog
    process: subprocess.Popen[str]
    token: str = ""

    def urn(self, name: str) -> str:
        return f"urn:pulumi:dev::test::{self.token}::{name}"

    def check(self, inputs: dict[str, Any], name: str = "r") -> tuple[dict[str, Any], dict[str, str]]:
        request = provider_pb2.CheckRequest(urn=self.urn(name), news=struct(inputs))
        answer = self._call("Check", request)
        return values.decode(answer.inputs), {failure.property: failure.reason for failure in answer.failures}

    def diff(self, state: dict[str, Any], old_inputs: dict[str, Any], news: dict[str, Any], name: str = "r") -> "Diff":
        request = provider_pb2.DiffRequest(
            id="id", urn=self.urn(name), olds=struct(state), news=struct(news), old_inputs=struct(old_inputs)
        )
        answer = self._call("Diff", request)
        kinds = {path: provider_pb2.PropertyDiff.Kind.Name(entry.kind) for path, entry in answer.detailedDiff.items()}
        changed = answer.changes == provider_pb2.DiffResponse.DIFF_SOME
        return Diff(changed, sorted(answer.replaces), kinds)

    def create(self, inputs: dict[str, Any], name: str = "r", *, preview: bool = False, timeout: float = 0) -> "Made":
        request = provider_pb2.CreateRequest(
            urn=self.urn(name), properties=struct(inputs), preview=preview, timeout=timeout
        )
        answer = self._call("Create", request)
        return Made(answer.id, values.decode(answer.properties))

    def make(self, inputs: dict[str, Any], name: str = "r") -> "Made":
        """Check, then create, as an `up` does."""
        checked, failures = self.check(inputs, name)
        assert not failures, failures
        return self.create(checked, name)

    def update(self, state: dict[str, Any], news: dict[str, Any], *, preview: bool = False) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(
            id="id", urn=self.urn("r"), olds=struct(state), news=struct(news), preview=preview
        )
        return values.decode(self._call("Update", request).properties)

    def read(self, state: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.ReadRequest(id="id", urn=self.urn("r"), properties=struct(state), inputs=struct(inputs))
        return values.decode(self._call("Read", request).properties)

    def delete(self, state: dict[str, Any]) -> None:
        self._call("Delete", provider_pb2.DeleteRequest(id="id", urn=self.urn("r"), properties=struct(state)))

    def cancel(self) -> None:
        self._call("Cancel", empty_pb2.Empty())

    def create_later(self, inputs: dict[str, Any]) -> Any:
        """Start a create and return its future."""
        return self.stub.Create.future(
            provider_pb2.CreateRequest(urn=self.urn("r"), properties=struct(inputs)), timeout=SECONDS
        )

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=SECONDS)
        except grpc.RpcError as error:
            raise PluginError(error.details()) from None


@dataclass
class Diff:
    """The answer to a diff."""

    changed: bool
    replaces: list[str]
    kinds: dict[str, str]


@dataclass
class Made:
    """The answer to a create; `plain` is the state without secret marks."""

    id: str
    state: dict[str, Any]
    plain: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.plain = values.reveal(self.state)


def struct(properties: dict[str, Any]) -> struct_pb2.Struct:
    """Return the message for properties."""
    return values.encode(properties)


@contextmanager
def plugin(command: list[str], configuration: dict[str, Any] | None = None, **variables: str) -> Iterator[Plugin]:
    """Run a plugin with environment `variables` added, SSH_AUTH_SOCK taken away, until the block ends."""
    log = EngineLog()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    engine_pb2_grpc.add_EngineServicer_to_server(log, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    environment = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"} | variables
    process = subprocess.Popen([*command, address], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS) as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            stub.Configure(
                provider_pb2.ConfigureRequest(
                    acceptSecrets=True, acceptResources=True, sends_old_inputs=True, args=struct(configuration or {})
                ),
                timeout=SECONDS,
            )
            yield Plugin(stub, log, process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        server.stop(0)


def standin(module: str) -> list[str]:
    """Return the command line of a stand-in."""
    return launch_command(module, Path(sys.executable))
