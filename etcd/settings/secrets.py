"""The last guard of secrets: whatever a message came to contain, no secret value leaves in it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from etcd.settings.problems import SECRET, SECRET_NAMES, Problem

# Shorter values are not looked for in text: they would blank letters of innocent words. Where a value is quoted,
# `shown` has hidden it whatever its length.
SHORTEST = 3


def secrets(raw: Mapping[str, Any], secret_keys: Collection[str]) -> frozenset[str]:
    """Return all values below `secret_keys`, and those of settings that are secret by name."""
    return frozenset(_values(raw, secret_keys, secret=False))


def _values(value: Any, names: Collection[str], *, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _values(inner, (), secret=secret or name in names or name in SECRET_NAMES)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _values(inner, (), secret=secret)
    elif secret and not isinstance(value, bool) and value is not None and len(str(value)) >= SHORTEST:
        yield str(value)


def without(hidden: Collection[str], text: str) -> str:
    """Return `text` with every hidden value replaced, the longest first."""
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, SECRET)
    return text


def redacted(problems: Iterable[Problem], hidden: Collection[str]) -> list[Problem]:
    """Return the problems without hidden values; the names of settings stay."""
    return [
        replace(
            problem,
            got=without(hidden, problem.got),
            allowed=without(hidden, problem.allowed),
            why=without(hidden, problem.why),
            do=without(hidden, problem.do),
        )
        for problem in problems
    ]
