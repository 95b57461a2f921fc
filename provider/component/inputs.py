"""The inputs of the component, as another language's program gives them, read as settings."""

import itertools
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from etcd_cluster.errors import Problem
from etcd_cluster.reasons import Reason
from etcd_cluster.settings import Settings, SettingsError, load
from etcd_cluster.settings.problems import SettingProblem, problem
from etcd_cluster.settings.schema import Shape, shape
from provider.component.schema import in_schema_names, inputs_of
from provider.values import UNKNOWN

Path = tuple[str, ...]

_WHAT_MAY_BE_UNKNOWN: Final = (
    "nodes.*.address",
    "nodes.*.ssh.host",
    "nodes.*.ssh.host_key",
    "ssh.private_key",
    "ssh.passphrase",
    "ssh.bastion.host",
    "ssh.bastion.host_key",
    "ssh.bastion.private_key",
    "ssh.bastion.passphrase",
)


@dataclass(frozen=True)
class ClusterInputs:
    """Settings that are complete, with stand-ins for what only `up` will know."""

    settings: Settings
    warnings: list[str]
    unknown: frozenset[Path]
    """Where the stand-ins are, by the settings' names."""

    def knows_address(self, node: str) -> bool:
        """Return whether the address in the member's URLs is known."""
        return ("nodes", node, "address") not in self.unknown

    def knows_connection(self, node: str) -> bool:
        """Return whether all is known that SSH needs to reach a node."""
        own = (path for path in self.unknown if path[0] == "ssh" or path[:2] == ("nodes", node))
        # The connection goes to the address unless `ssh.host` is another one; both are known at the same time.
        return not any(own)


def read(name: str, given: Mapping[str, Any], secret_inputs: Collection[str] = ()) -> ClusterInputs:
    """Return the settings that the inputs of the component `name` are; raises SettingsError with all problems.

    `given` has the names of the schema; values that only `up` will know are `UNKNOWN`. What is below `secret_inputs` is
    not shown in messages.
    """
    raw = _settings(given, shape(Settings))
    names = inputs_of(Settings)
    secret = {names.get(each, each) for each in secret_inputs}
    if problems := [*_not_inputs(raw), *_unknown_where_it_counts(raw)]:
        raise SettingsError(*problems)
    unknown = frozenset(_unknown(raw))
    try:
        settings, warnings = load({**_without_unknown(raw, unknown), "cluster_name": name}, secret)
    except SettingsError as error:
        raise SettingsError(*map(_of_the_resource, error.problems)) from None
    return ClusterInputs(settings, [in_schema_names(each) for each in warnings], unknown)


def message(error: SettingsError) -> str:
    """Return what is wrong, a line each, with the settings named as the schema names them."""
    return in_schema_names(str(error))


def _settings(given: Any, setting: Shape | None) -> Any:
    """Return inputs with the settings' names; what is no input keeps its name, and is refused as unknown."""
    match setting:
        case Shape("group", group=group) if group and isinstance(given, Mapping):
            names, fields = inputs_of(group), group.model_fields
            return {
                names.get(key, key): _settings(value, shape(fields[names[key]].annotation)) if key in names else value
                for key, value in given.items()
                # Pulumi's SDKs leave out what is not set; a null in a program says the same.
                if value is not None
            }
        case Shape("mapping", entry=entry) if isinstance(given, Mapping):
            return {key: _settings(value, entry) for key, value in given.items()}
        case Shape("list", entry=entry) if isinstance(given, list):
            return [_settings(value, entry) for value in given]
    return given


def _not_inputs(raw: Mapping[str, Any]) -> Iterator[SettingProblem]:
    for name in sorted(raw.keys() & {"clusterName", "cluster_name", "hosts", "ec2"}):
        yield problem((name,), "not an input of this component", action="Remove it", reason=Reason.SETTING_UNKNOWN)


def _of_the_resource(problem: Problem) -> Problem:
    return replace(problem, where="the resource's name") if problem.where == "cluster_name" else problem


def _unknown(value: Any, path: Path = ()) -> Iterator[Path]:
    if value is UNKNOWN:
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _unknown(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unknown(inner, (*path, f"[{index}]"))


def _pattern(path: Path) -> str:
    return ".".join("*" if index == 1 and path[0] == "nodes" else part for index, part in enumerate(path))


def _unknown_where_it_counts(raw: Mapping[str, Any]) -> Iterator[SettingProblem]:
    for path in _unknown(raw):
        if _pattern(path) not in _WHAT_MAY_BE_UNKNOWN:
            yield problem(
                path,
                "its value is known only after `pulumi up`",
                "Only addresses, host keys and keys for SSH may come from resources that do not exist yet",
                "Create the resource that this value comes from in an earlier run",
            )


def _without_unknown(raw: Mapping[str, Any], unknown: frozenset[Path]) -> dict[str, Any]:
    """Return the inputs with stand-ins that pass the checks, so that all the rest is checked in a preview too."""
    found = typing.cast("dict[str, Any]", _copied(raw))
    # Addresses for documentation (RFC 5737), each another one.
    addresses = (f"203.0.113.{number}" for number in itertools.count(1))
    for path in sorted(unknown):
        *holder, last = path
        inside = found
        for part in holder:
            inside = inside[part]
        match last:
            case "address" | "host":
                inside[last] = next(addresses)
            case "host_key":
                inside[last] = _key()[1]
            case "private_key" | "passphrase":
                # A passphrase opens one key only, so the two are stood in for together.
                inside.pop("passphrase", None)
                inside["private_key"] = _key()[0]
    _stand_in_for_known_hosts(found, unknown)
    return found


def _stand_in_for_known_hosts(found: dict[str, Any], unknown: frozenset[Path]) -> None:
    """Give each host that is yet to get its address a key of its own: no known_hosts file has the stand-in's."""
    ssh = found.get("ssh", {})
    if not isinstance(ssh, dict) or "known_hosts_file" not in ssh:
        return
    for path in unknown:
        if path == ("ssh", "bastion", "host"):
            ssh["bastion"].setdefault("host_key", _key()[1])
        elif path[0] == "nodes" and path[-1] in ("address", "host"):
            found["nodes"][path[1]].setdefault("ssh", {}).setdefault("host_key", _key()[1])


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    return value


@cache
def _key() -> tuple[str, str]:
    """Return a private key as OpenSSH writes it, and its public half; nothing is ever reached with them."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()
