"""From a raw mapping to `Settings`, as far as types and single values go."""

import contextlib
import copy
import json
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from etcd_cluster.reasons import Reason
from etcd_cluster.settings import locations
from etcd_cluster.settings.model import HOSTS_EXIST, Settings
from etcd_cluster.settings.problems import (
    NO_VALUE,
    InvalidValue,
    Path,
    SettingProblem,
    display_value,
    format_key,
    invalid,
    missing,
    nearest,
    problem,
    unknown,
)
from etcd_cluster.settings.schema import KEYS, field_at, known_names

TYPES = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "string_type": "text",
    "path_type": "the path of a file or folder on this machine",
}
# What may stand below a mapping by name; {} is the name.
EXAMPLES: dict[Path, str] = {("nodes",): "{}: {{address: 192.0.2.13}}"}
MOST_NODES = 9
MAPS = frozenset({"model_type", "dict_type"})


def decoded(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which maps that arrived as JSON text, as Pulumi stores them, are maps again."""
    result: dict[str, Any] = {}
    for name, value in raw.items():
        key = KEYS.get(name)
        if key and key.kind == "object" and isinstance(value, str):
            with contextlib.suppress(ValueError):  # validation reports text where a mapping belongs
                value = json.loads(value)
        result[name] = copy.deepcopy(value)
    return result


def parse(raw: Mapping[str, Any], secret_keys: Collection[str]) -> tuple[Settings, list[SettingProblem]]:
    """Return the settings without the values that are wrong, and what is wrong with those.

    The rest is validated again without them, so that the checks of what remains can still be made.
    """
    remaining = decoded(raw)
    problems = _count(remaining.get("nodes"))
    for _ in range(10):
        try:
            context = {HOSTS_EXIST: remaining.get("hosts", "ssh") == "ssh"}
            settings = Settings.model_validate(remaining, context=context)
            return settings, _without_consequences(problems)
        except ValidationError as error:
            details = error.errors(include_url=False)
        for detail in details:
            found = _problem(detail, secret_keys)
            if detail["type"] == "missing" and any(known.key == found.key for known in problems):
                pass  # it was there, was wrong, and is out
            elif found not in problems:
                problems.append(found)
            _remove(remaining, detail)
    raise AssertionError("the settings stay invalid after every invalid value was taken out")


def _count(nodes: Any) -> list[SettingProblem]:
    """Check the number of nodes in the raw mapping; one with a wrong value is left out of later checks."""
    if not isinstance(nodes, dict) or 1 <= len(nodes) <= MOST_NODES:
        return []
    if not nodes:
        why, do = "A cluster has at least one member.", "Add a node with its address."
    else:
        why = "Every write goes to every member, and beyond 9 each one more makes the cluster slower, not safer."
        do = "Use 3 or 5."
    return [problem(("nodes",), f"{len(nodes)} nodes; expected 1 to {MOST_NODES}", why, do)]


def _without_consequences(problems: list[SettingProblem]) -> list[SettingProblem]:
    """Return the problems without those of a setting that is missing because its name is wrong."""
    meant = {each.meant for each in problems}
    return [each for each in problems if each.key not in meant or each.reason is not Reason.SETTING_MISSING]


def _path(detail: ErrorDetails) -> Path:
    parts = [f"[{part}]" if isinstance(part, int) else part for part in detail["loc"]]
    return tuple(part for part in parts if part != "[key]")


def _problem(detail: ErrorDetails, secret_keys: Collection[str]) -> SettingProblem:
    key, kind, value = _path(detail), detail["type"], detail["input"]
    if kind == "missing":
        return missing(key, _description(key), action=f"Set {format_key(key)}.")
    if kind == "extra_forbidden":
        return _unknown(key)
    if detail["loc"][-1] == "[key]":
        key = key[:-1] or key
    got = display_value(key, value, secret_keys)
    if kind in MAPS and isinstance(value, (str, bytes)):
        # A secret may stand where the mapping around it belongs. Pulumi gives a key without a value as empty text.
        got = "text" if value.strip() not in ("", "null") else NO_VALUE
    context = detail.get("ctx", {})
    if kind == "literal_error":
        return invalid(key, got, str(context["expected"]).replace("'", ""))
    if kind in TYPES:
        quote = "Put the value in quotes." if kind == "string_type" and isinstance(value, (int, float)) else ""
        example = EXAMPLES.get(key[:-1], "").format(key[-1])
        return invalid(key, got, TYPES[kind] + (f", such as {example}" if example else ""), action=quote)
    error = context["error"]
    assert isinstance(error, InvalidValue)
    return invalid(key, got, error.expected, error.why, error.action)


def _description(key: Path) -> str:
    if key == ("nodes",):
        return "a mapping of 1 to 9 nodes, such as {etcd-1: {address: 192.0.2.11}}"
    text = locations.ADDRESS if key[-1] in ("address", "host") else str(field_at(key).description).rstrip(".")
    return text if text[1].isupper() else text[0].lower() + text[1:]


def _unknown(key: Path) -> SettingProblem:
    known = sorted(known_names(key[:-1]))
    if near := nearest(key[-1].lower().replace("-", "_"), known):
        meant = (*key[:-1], near)
        return unknown(key, "setting", near=format_key(meant), meant=meant)
    where = f" of {format_key(key[:-1])}" if key[:-1] else ""
    why = f"The settings{where} are {', '.join(known)}."
    return unknown(key, "setting", why, "Use one of them, or remove it.")


def _remove(remaining: dict[str, Any], detail: ErrorDetails) -> None:
    """Take the value of an error out; of a missing one, what lacks it."""
    loc = list(detail["loc"])
    if loc == ["nodes"]:
        remaining["nodes"] = {}
        return
    if loc[-1] == "[key]" or (detail["type"] == "missing" and len(loc) > 1):
        loc.pop()
    while True:
        holder: Any = remaining
        for part in loc[:-1]:
            if isinstance(holder, dict) and part not in holder:
                return  # a value around it is out already
            holder = holder[part]
        if isinstance(holder, dict):
            holder.pop(loc[-1], None)
            return
        loc.pop()  # an item of a list takes the list with it: the other items' numbers stay right
