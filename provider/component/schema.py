"""The schema of the package `etcd`, as `pulumi package add` reads it: the component `Cluster`, from the settings."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from etcd_cluster.settings import Node, Settings
from etcd_cluster.settings.problems import SECRET_NAMES
from etcd_cluster.settings.schema import Shape, shape

CLUSTER: Final = "etcd:index:Cluster"
# What only this project's own program has: hosts that it makes on EC2, and the name, which is the resource's.
LEFT_OUT: Final[Mapping[type[BaseModel], frozenset[str]]] = {
    Settings: frozenset({"cluster_name", "hosts", "ec2"}),
    Node: frozenset({"ec2"}),
}
_ABOUT_HOSTS_IN_SETTINGS: Final = re.compile(r"[,;] (?:required )?with `hosts: \w+`(?:, by default the image's)?")

Spec = dict[str, Any]
_TEXT: Final[Spec] = {"type": "string"}


def camel(name: str) -> str:
    """Return a name as Pulumi's schemas spell it: `data_dir` as `dataDir`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def inputs_of(model: type[BaseModel]) -> dict[str, str]:
    """Return the fields of a group of settings that are inputs: by their names in the schema, those in the settings."""
    return {camel(name): name for name in model.model_fields if name not in LEFT_OUT.get(model, ())}


def in_schema_names(text: str) -> str:
    """Return a description or a message with the settings in it named as the schema names them."""
    return re.sub(r"[a-z]+(?:_[a-z]+)+", lambda found: _RENAMED.get(found[0], found[0]), text)


def package(version: str) -> str:
    """Return the schema of the package as JSON; every input and output has a description."""
    groups = {model.__name__: _group(model) for model in _groups(Settings)}
    described: Spec = {
        "name": "etcd",
        "version": version,
        "displayName": "etcd",
        "description": "A TLS-secured etcd cluster on hosts reached over SSH.",
        "keywords": ["pulumi", "etcd", "kubernetes", "category/infrastructure", "kind/component"],
        "license": "Apache-2.0",
        "types": {f"etcd:index:{name}": spec for name, spec in {**groups, **_OUTPUT_GROUPS}.items()},
        "resources": {
            CLUSTER: {
                "isComponent": True,
                "description": "An etcd cluster: created, changed one safe step at a time, and removed.",
                "inputProperties": _properties(Settings),
                "requiredInputs": _required(Settings),
                "properties": OUTPUTS,
                "required": sorted(OUTPUTS),
            }
        },
        "language": {"python": {"respectSchemaVersion": True}, "nodejs": {"respectSchemaVersion": True}},
    }
    return json.dumps(described)


def _groups(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Return each group of settings below a model, once or more."""
    for name in inputs_of(model).values():
        if group := shape(model.model_fields[name].annotation).group:
            yield group
            yield from _groups(group)


def _group(model: type[BaseModel]) -> Spec:
    text = in_schema_names((model.__doc__ or "").strip())
    return {
        "type": "object",
        "description": text,
        "properties": _properties(model),
        "required": _required(model),
    }


def _properties(model: type[BaseModel]) -> Spec:
    found = {}
    for name, setting in inputs_of(model).items():
        field = model.model_fields[setting]
        text = _ABOUT_HOSTS_IN_SETTINGS.sub("", field.description or "")
        secret = {"secret": True} if setting in SECRET_NAMES else {}
        found[name] = {**_type(shape(field.annotation)), "description": in_schema_names(text), **secret}
    return found


def _required(model: type[BaseModel]) -> list[str]:
    always = sorted(name for name, setting in inputs_of(model).items() if model.model_fields[setting].is_required())
    # The settings require it by a check of their own, since hosts that are yet to be made have none.
    return ["address"] if model is Node else always


def _type(setting: Shape | None) -> Spec:
    match setting:
        case Shape("mapping", entry=entry):
            return {"type": "object", "additionalProperties": _type(entry)}
        case Shape("list", entry=entry):
            return {"type": "array", "items": _type(entry)}
        case Shape("group", group=group) if group:
            return {"$ref": f"#/types/etcd:index:{group.__name__}"}
        case Shape("boolean" | "integer" as kind):
            return {"type": kind}
    return {"type": "string"}


def _fields(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        if group := shape(field.annotation).group:
            yield from _fields(group)


_RENAMED: Final = {name: camel(name) for name in _fields(Settings)}


def _described(text: str, spec: Spec) -> Spec:
    return {**spec, "description": text}


def _output_group(text: str, properties: Spec) -> Spec:
    return {"type": "object", "description": text, "properties": properties, "required": sorted(properties)}


_OUTPUT_GROUPS: Final[Spec] = {
    "MemberHealth": _output_group(
        "A member as the health check saw it; all but `name`, `endpoint` and `error` is empty where it did not answer.",
        {
            "name": _described("Its name, that of its node.", _TEXT),
            "id": _described("etcd's id of the member, hexadecimal.", _TEXT),
            "endpoint": _described("Its client URL.", _TEXT),
            "healthy": _described("Whether it gave a linearizable answer.", {"type": "boolean"}),
            "version": _described("The version that runs.", _TEXT),
            "dbSize": _described("Size of its database, in bytes.", {"type": "number"}),
            "isLeader": _described("Whether it leads.", {"type": "boolean"}),
            "isLearner": _described("Whether it is a learner, which does not vote.", {"type": "boolean"}),
            "raftTerm": _described("Its raft term.", {"type": "number"}),
            "raftIndex": _described("Its raft index.", {"type": "number"}),
            "error": _described("Why it is not healthy.", _TEXT),
        },
    ),
    "Leader": _output_group(
        "The member that leads.",
        {"name": _described("Its name.", _TEXT), "endpoint": _described("Its client URL.", _TEXT)},
    ),
    "Validity": _output_group(
        "How long a certificate is valid.", {"notAfter": _described("The end of its validity (RFC 3339).", _TEXT)}
    ),
    "ClientCredentials": _output_group(
        "What a client authenticates with.",
        {
            "certificate": _described("Its certificate as PEM.", _TEXT),
            "privateKey": _described("Its private key as PEM.", {**_TEXT, "secret": True}),
            "notAfter": _described("The end of the certificate's validity (RFC 3339).", _TEXT),
        },
    ),
}


def _each(group: str) -> Spec:
    return {"$ref": f"#/types/etcd:index:{group}"}


OUTPUTS: Final[Spec] = {
    "endpoints": _described(
        "The client URLs, in the order of the nodes' names; known once the cluster serves.",
        {"type": "array", "items": _TEXT},
    ),
    "leader": _described("The member that leads.", _each("Leader")),
    "members": _described(
        "Each member, as the health check saw it.", {"type": "array", "items": _each("MemberHealth")}
    ),
    "version": _described("The version that runs; several while an upgrade is under way.", _TEXT),
    "clusterId": _described("etcd's id of the cluster, hexadecimal.", _TEXT),
    "caCertificate": _described("The CAs that server certificates are verified with, as PEM.", _TEXT),
    "certificates": _described(
        "The validity of each certificate, by a name that says whose it is.",
        {"type": "object", "additionalProperties": _each("Validity")},
    ),
    "clients": _described(
        "The credentials of each client, by its name in `clients`.",
        {"type": "object", "additionalProperties": _each("ClientCredentials"), "secret": True},
    ),
    "etcdctl": _described("How to call `etcdctl` on a node.", _TEXT),
    "kubeApiserverFlags": _described("The flags with which kube-apiserver uses the cluster.", _TEXT),
}
