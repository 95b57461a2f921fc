"""The last guard of secrets: whatever a message came to contain, no secret value leaves in it."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from etcd_cluster.settings.problems import SECRET, SECRET_NAMES, SettingProblem, format_key

# Shorter values are not looked for in text: they would blank letters of innocent words. Where a value is quoted,
# `display_value` has hidden it whatever its length.
SHORTEST = 3
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


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
        yield json.dumps(str(value))[1:-1]
        yield json.dumps(str(value), ensure_ascii=False)[1:-1]


def redact(hidden: Collection[str], text: str) -> str:
    """Return `text` with every hidden value replaced, the longest first."""
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, SECRET)
    return text


def redact_problems(
    problems: Iterable[SettingProblem], secret_keys: Collection[str], hidden: Collection[str]
) -> list[SettingProblem]:
    """Return the problems without hidden values; the names of settings stay.

    Below `secret_keys` everything quoted goes but a name that was meant, since a long value is quoted only in part.
    """

    def safe(problem: SettingProblem, text: str) -> str:
        if problem.key[0] in secret_keys:
            names = {json.dumps(name) for name in (format_key(problem.meant or ()), *(problem.meant or ()))}
            text = QUOTED.sub(lambda quoted: quoted[0] if quoted[0] in names else SECRET, text)
        return redact(hidden, text)

    return [
        replace(problem, what=safe(problem, problem.what), action=safe(problem, problem.action)) for problem in problems
    ]
