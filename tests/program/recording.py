"""Runs the program as it is against mocks that record what it registers."""

import asyncio
import contextvars
import json
import runpy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import asyncssh
import pulumi
from google.protobuf import struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime import settings as pulumi_settings
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks, set_mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import set_root_resource

from provider.values import plain, struct

PROGRAM = Path(__file__).parents[2] / "__main__.py"
LOGIN_KEY = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
HOST_KEY = " ".join(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2])
SUM = "5" * 64
PINNED = {"version": "3.6.16", "binaries": {"checksums": {"3.6.16": {"amd64": SUM, "arm64": SUM}}}}
# What the providers mark as secret by themselves
_SECRET_OUTPUTS = {
    "tls:index/privateKey:PrivateKey": {"privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8"},
    "etcd:index:Preflight": {"connections"},
    "etcd:index:Host": {"connection"},
    "etcd:index:Service": {"connection", "keys"},
    "etcd:index:Rollout": {"connections"},
    "etcd:index:Pinned": {"secrets"},
    "etcd:index:InstancePreflight": {"connections"},
    "etcd:index:FirstLogin": {"connection", "final_private_key"},
}


class Cloud(Protocol):
    """What stands behind the resources of AWS and those of the own plugin that concern instances."""

    def answer(self, token: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a function of the provider returns; a LookupError is a failure that it reports."""
        ...

    def outputs(self, args: MockResourceArgs) -> dict[str, Any]:
        """Return the outputs that the provider adds to the inputs of a resource."""
        ...


def certificate_of(name: str) -> str:
    """Return what stands for a resource's certificate: the frame is real, the content names the resource."""
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n"


@dataclass(frozen=True)
class Registered:
    """A resource as the program registered it; `raw` has its inputs with secrets marked."""

    type: str
    name: str
    urn: str
    parent: str
    protect: bool
    provider: str
    retain_on_delete: bool
    delete_before_replace: bool
    ignored: frozenset[str]
    replacement_trigger: object
    dependencies: frozenset[str]
    raw: struct_pb2.Struct

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs, with secrets opened."""
        return plain(self.raw)

    @property
    def parent_name(self) -> str:
        """The name of its parent."""
        return self.parent.rpartition("::")[2]

    def is_secret(self, key: str) -> bool:
        """Return whether an input is marked as a secret as a whole."""
        return marked(self.raw.fields[key])


@dataclass
class Deployment(Mocks):
    """All that a run of the program registered."""

    resources: list[Registered] = field(default_factory=list)
    component_outputs: dict[str, struct_pb2.Struct] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    raw_outputs: struct_pb2.Struct = field(default_factory=struct_pb2.Struct)

    def one(self, name: str) -> Registered:
        """Return the resource of this name."""
        (found,) = [resource for resource in self.resources if resource.name == name]
        return found

    def of(self, kind: str) -> dict[str, Registered]:
        """Return the resources of a type, by name; the type's last part is enough."""
        return {each.name: each for each in self.resources if each.type.rpartition(":")[2] == kind}

    @property
    def names(self) -> dict[str, str]:
        """The type of each resource, by name."""
        return {resource.name: resource.type for resource in self.resources}

    @property
    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, with secrets opened."""
        return plain(self.raw_outputs)

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    cloud: Cloud | None = None
    former: Mapping[str, list[str]] = field(default_factory=dict)
    """The addresses that Preflight knows members to have had before."""

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any] | tuple[dict[str, Any], list[tuple[str, str]]]:
        """Answer as EC2 would; without one, the program asks no provider anything."""
        self.calls.append((args.token, args.args))
        assert self.cloud is not None, f"the program called {args.token}"
        try:
            return self.cloud.answer(args.token, args.args)
        except LookupError as error:
            return {}, [("id", str(error.args[0]))]

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Return the outputs that the provider would add."""
        name = args.name
        match args.typ:
            case "tls:index/privateKey:PrivateKey":
                added: dict[str, Any] = {
                    "privateKeyPem": f"key of {name}",
                    "privateKeyOpenssh": f"OpenSSH key of {name}",
                    "publicKeyOpenssh": f"ssh-ed25519 {name}\n",
                }
            case "tls:index/certRequest:CertRequest":
                added = {"certRequestPem": f"request of {name}"}
            case "tls:index/selfSignedCert:SelfSignedCert" | "tls:index/locallySignedCert:LocallySignedCert":
                added = {"certPem": certificate_of(name), "validityEndTime": f"end of {name}"}
            case "command:remote:Command":
                added = {"stdout": "", "stderr": ""}
            case "etcd:index:Preflight":
                connections = args.inputs["connections"]
                seen = {node: {"host_key": HOST_KEY, **_without_none(each)} for node, each in connections.items()}
                members = {
                    node: {**each, **({"former_addresses": self.former[node]} if node in self.former else {})}
                    for node, each in args.inputs["members"].items()
                }
                added = {"owner": "owner", "connections": seen, "members": members}
            case "etcd:index:Host":
                added = {"architecture": "amd64", "host_id": f"id of {name}", "damage": 0}
            case "etcd:index:Service":
                added = {"revision": f"r of {name}", "certificates": f"c of {name}", "valid_from": f"from {name}"}
            case "etcd:index:Rollout":
                added = {"cluster_id": "beef", "member_ids": {}, "steps": 1}
            case "pulumi-python:dynamic/etcd:ClusterHealth":
                added = {"members": [{"name": "a"}], "leader": {"name": "a"}, "version": "3.6.16", "healthy": True}
            case _:
                added = self.cloud.outputs(args) if self.cloud else {}
        return added.pop("id", f"id-{name}"), {**args.inputs, **added}


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def marked(value: struct_pb2.Value) -> bool:
    """Return whether a value is marked as a secret."""
    fields = value.struct_value.fields
    return rpc._special_sig_key in fields and fields[rpc._special_sig_key].string_value == rpc._special_secret_sig


class _Callbacks:
    """Takes the hooks, which no test runs."""

    def register_error_hook(self, hook: pulumi.ErrorHook) -> None:
        """Take one."""


class _Monitor(MockMonitor):
    """Records the requests themselves, and marks secret outputs as the engine does."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self.deployment = deployment

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        raw = struct_pb2.Struct()
        raw.CopyFrom(request.object)
        self.deployment.resources.append(
            Registered(
                type=request.type,
                name=request.name,
                urn=urn,
                parent=request.parent,
                protect=request.protect,
                provider=request.provider,
                retain_on_delete=request.retainOnDelete,
                delete_before_replace=request.deleteBeforeReplace,
                ignored=frozenset(request.ignoreChanges),
                replacement_trigger=_value(request.replacement_trigger),
                dependencies=frozenset(request.dependencies),
                raw=raw,
            )
        )
        self.deployment.order.append(urn)
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        identity, outputs = self.deployment.new_resource(MockResourceArgs(request.type, request.name, plain(raw)))
        secrets = {key for key in raw.fields if marked(raw.fields[key])} | _SECRET_OUTPUTS.get(request.type, set())
        secrets |= set(request.additionalSecretOutputs)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=struct(outputs, secrets))

    def RegisterResourceOutputs(self, request: Any) -> Any:
        if "pulumi:pulumi:Stack::" in request.urn:
            self.deployment.raw_outputs.CopyFrom(request.outputs)
        else:
            given = struct_pb2.Struct()
            given.CopyFrom(request.outputs)
            self.deployment.component_outputs[request.urn] = given
            self.deployment.order.append(f"outputs of {request.urn}")
        return super().RegisterResourceOutputs(request)


def _value(value: struct_pb2.Value) -> Any:
    return plain(struct_pb2.Struct(fields={"value": value}))["value"]


def open_text(deployment: Deployment) -> str:
    """Return everything that would stand in the state unencrypted."""
    everything: list[str] = []

    def walk(value: struct_pb2.Value) -> None:
        if marked(value):
            return
        kind = value.WhichOneof("kind")
        if kind == "struct_value":
            for key, inner in value.struct_value.fields.items():
                everything.append(key)
                walk(inner)
        elif kind == "list_value":
            for inner in value.list_value.values:
                walk(inner)
        elif kind == "string_value":
            everything.append(value.string_value)

    for properties in (
        *(each.raw for each in deployment.resources),
        *deployment.component_outputs.values(),
        deployment.raw_outputs,
    ):
        for value in properties.fields.values():
            walk(value)
    return "\n".join(everything)


def config(**changes: Any) -> dict[str, Any]:
    """Return a stack's configuration of three nodes, with changes."""
    nodes = {f"etcd-{number}": {"address": f"192.0.2.{number}"} for number in (1, 2, 3)}
    ssh = {"private_key": LOGIN_KEY, "host_key_policy": "accept-new"}
    return {"nodes": nodes, "ssh": ssh, **PINNED, **changes}


def deploy(
    settings: Mapping[str, Any], cloud: Cloud | None = None, former: Mapping[str, list[str]] | None = None
) -> Deployment:
    """Run `__main__.py` on a stack's configuration."""
    return contextvars.copy_context().run(_deploy, settings, cloud, former or {})


def _deploy(settings: Mapping[str, Any], cloud: Cloud | None, former: Mapping[str, list[str]]) -> Deployment:
    deployment = Deployment(cloud=cloud, former=former)
    texts = {
        key if ":" in key else f"etcd-cluster:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in settings.items()
    }
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        set_mocks(deployment, project="etcd-cluster", stack="dev", monitor=_Monitor(deployment))
        # Mocks come with a stack of their own, whose outputs are not registered.
        set_root_resource(None)  # type: ignore[arg-type]
        # Nor do they serve hooks.
        pulumi_settings.SETTINGS.callbacks = _Callbacks()  # type: ignore[assignment]
        pulumi.runtime.set_all_config(texts)
        program = pulumi.runtime.run_in_stack(lambda: runpy.run_path(str(PROGRAM), run_name="program"))
        loop.run_until_complete(asyncio.wait_for(program, 30))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    return deployment
