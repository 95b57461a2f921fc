"""Every setting there is, with a changed value, read from the settings' own model: a new one is in it by itself."""

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from etcd_cluster.settings import Settings
from etcd_cluster.settings.options.restricted import REFUSED
from etcd_cluster.settings.options.table import OPTIONS, Option
from etcd_cluster.versions import Minor

Keys = tuple[str, ...]
"""A setting's place in a stack file; the node that it is tried on, and the client, have their names in it."""

NODE, CLIENT = "etcd-2", "admin"
_NAMES = {"nodes": NODE, "clients": CLIENT}

NOT_HERE: dict[str, str] = {
    "hosts": "its other value makes hosts, see test_ec2",
    "ec2": "see test_ec2",
    "nodes.etcd-2.ec2": "see test_ec2",
    "version": "see test_upgrades",
    "etcd": "its options are tried together, see `option_values`",
    "nodes.etcd-2.etcd": "what may differ between nodes is an option too",
    "nodes.etcd-2.replaces": "it names a member that is dead, see test_replacement",
    "ssh.private_key": "the same as its file, which is tried",
    "ssh.passphrase": "the key has none",
    "ssh.agent": "no agent runs here",
    "ssh.agent_key": "no agent runs here",
    "ssh.agent_key_file": "no agent runs here",
    "ssh.bastion": "see test_ways_in",
    "restored_cluster_id": "see test_restore",
    "ca.client.certificate": "the same as its file, see test_own_authorities",
    "ca.client.private_key": "the same as its file, see test_own_authorities",
    "ca.client.certificate_file": "see test_own_authorities",
    "ca.client.private_key_file": "see test_own_authorities",
    "ca.client.trust_certificates": "the same as its file, which is tried",
    "ca.peer.certificate": "the same as its file, see test_own_authorities",
    "ca.peer.private_key": "the same as its file, see test_own_authorities",
    "ca.peer.certificate_file": "see test_own_authorities",
    "ca.peer.private_key_file": "see test_own_authorities",
    "ca.peer.trust_certificates": "the same as its file, which is tried",
    "binaries.archive_dir": "the archives are pushed in test_ways_in",
    "binaries.ca_certificate": "the same as its file",
    "binaries.ca_file": "the lab's mirror speaks HTTP",
    "binaries.checksums": "the sums of the version that is installed already",
    "abandon_unreachable": "only a destroy reads it",
    "protect_cluster": "only a destroy reads it, see test_destroy",
}
"""Settings, or whole groups of them, that this matrix leaves out, and why."""


@dataclass(frozen=True)
class Case:
    """One setting and the value that it changes to."""

    keys: Keys
    value: Any

    def __str__(self) -> str:
        return ".".join(self.keys)

    def apply(self, config: dict[str, Any]) -> None:
        """Write the value into a stack's settings."""
        place = config
        for key in self.keys[:-1]:
            place[key] = dict(place.get(key) or {})
            place = place[key]
        place[self.keys[-1]] = self.value


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation: itself, or that of a union or of a map's values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in typing.get_args(annotation) if (found := _model_of(each))), None)


def fields(model: type[BaseModel] = Settings, above: Keys = ()) -> Iterator[tuple[Keys, FieldInfo]]:
    """Return every setting that is no group, with its place."""
    for name, field in model.model_fields.items():
        keys = (*above, name)
        if ".".join(keys) in NOT_HERE:
            continue
        inner = _model_of(field.annotation)
        if inner is None:
            yield keys, field
        else:
            yield from fields(inner, (*keys, _NAMES[name]) if name in _NAMES and not above else keys)


def generic_value(field: FieldInfo) -> Any:
    """Return another value than the default, by the setting's type alone; None where the type does not say one."""
    default = field.default if field.default is not PydanticUndefined else None
    kinds = [field.annotation, *typing.get_args(field.annotation)]
    choices = next((typing.get_args(kind) for kind in kinds if typing.get_origin(kind) is Literal), ())
    if choices:
        return next(choice for choice in choices if choice != default)
    if bool in kinds:
        return not default
    if int in kinds and isinstance(default, int):
        return default + 1
    if isinstance(default, str) and default.startswith("/"):
        return f"{default}-moved"
    is_optional = isinstance(field.annotation, types.UnionType) or type(None) in kinds
    return None if is_optional or not isinstance(default, str) else f"{default}-2"


def cases(values: Mapping[str, Any]) -> list[Case]:
    """Return a case for each setting; `values` are those that no type tells. Fails for a setting without a value."""
    found = [
        Case(keys, values.get(".".join(keys), None if ".".join(keys) in values else generic_value(field)))
        for keys, field in fields()
    ]
    nameless = [str(case) for case in found if case.value is None]
    assert not nameless, f"the matrix needs another value for {', '.join(nameless)}"
    unknown = sorted(set(values) - {str(case) for case in found})
    assert not unknown, f"the matrix has values for settings that are not there: {', '.join(unknown)}"
    return found


def _option_value(option: Option) -> str:
    match option.kind:
        case "bool":
            return "true"
        case "duration":
            return "7s"
        case "int" | "uint" | "uint32" | "uint64":
            return "70000"
    return option.kind.split("|")[-1] if "|" in option.kind else ""


def option_values(minor: Minor, values: Mapping[str, str]) -> dict[str, str]:
    """Return a changed value for each of etcd's options that a user may set.

    An option with an empty value in `values` is left out. Fails for one without a value.
    """
    found: dict[str, str] = {}
    for name, option in OPTIONS.items():
        if name in REFUSED or not option.known(minor) or (option.replacement and name not in values):
            continue
        value = values.get(name, _option_value(option))
        assert value or name in values, f"the matrix needs a value for the option {name}"
        if value:
            found[name] = value
    return found


def under_nodes(case: Case, nodes: typing.Iterable[str]) -> list[Case]:
    """Return the case of one node for several."""
    return [replace(case, keys=(case.keys[0], node, *case.keys[2:])) for node in nodes]


def file_with(folder: Path, name: str, text: str) -> str:
    """Write a file for a setting that names one, readable by its owner alone, and return its path."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)
