"""What is wrong with the settings, in words, with no secret in them."""

import difflib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from etcd_cluster.errors import ClusterError, Problem, sentence
from etcd_cluster.reasons import Reason

# Names of settings whose values are never shown, wherever they stand.
SECRET_NAMES = frozenset({"private_key", "passphrase"})
SECRET = "[secret]"
LONGEST_SHOWN = 80
NO_VALUE = "nothing"
# What `display_value` says of values that it does not show.
KINDS = ("a mapping", "a list", "text", "text of several lines")

Path = tuple[str, ...]


class InvalidValue(ValueError):
    """One value that is wrong by itself, in whatever setting; `why` and `action` are sentences or empty."""

    def __init__(self, expected: str, why: str = "", action: str = "") -> None:
        super().__init__(expected, why, action)
        self.expected, self.why, self.action = expected, why, action


@dataclass(frozen=True, kw_only=True)
class SettingProblem(Problem):
    """A problem with a setting."""

    key: Path
    involves: tuple[Path, ...] = ()
    """Other settings the judgement rests on: when one of them is wrong itself, this problem is dropped."""
    meant: Path | None = None
    """The setting that an unknown name probably means; that it is missing is no problem of its own."""


def problem(
    key: Path,
    what: str,
    why: str = "",
    action: str = "",
    involves: tuple[Path, ...] = (),
    *,
    reason: Reason = Reason.SETTING_INVALID,
    meant: Path | None = None,
) -> SettingProblem:
    """Return a problem. `what` is the sentence a person needs, without the key; `why` and `action` are sentences."""
    text = f"{sentence(what)} {why}" if why else what
    return SettingProblem(reason, format_key(key), text, action, key=key, involves=involves, meant=meant)


def invalid(
    key: Path, found: str, expected: str, why: str = "", action: str = "", involves: tuple[Path, ...] = ()
) -> SettingProblem:
    """Return the problem of a value that is wrong; `found` is the value as `display_value` returns it."""
    if found == NO_VALUE:
        return problem(key, f"no value; expected {expected}", why, action, involves, reason=Reason.SETTING_MISSING)
    what = f"expected {expected}, got {found}" if found in KINDS else f"invalid value {found}; expected {expected}"
    return problem(key, what, why, action, involves)


def missing(
    key: Path, expected: str, why: str = "", action: str = "", involves: tuple[Path, ...] = ()
) -> SettingProblem:
    """Return the problem of a setting that has to be set."""
    return problem(key, f"missing; expected {expected}", why, action, involves, reason=Reason.SETTING_MISSING)


def unknown(
    key: Path, what: str, why: str = "", action: str = "", *, near: str = "", meant: Path | None = None
) -> SettingProblem:
    """Return the problem of a name that nothing has; `near` is the name, and `meant` the setting, it may stand for."""
    text = f'unknown {what}; did you mean "{near}"?' if near else f"unknown {what}"
    return problem(key, text, why, action, reason=Reason.SETTING_UNKNOWN, meant=meant)


class SettingsError(ClusterError):
    """The settings cannot be used. Its text has one line per problem."""


def format_key(key: Sequence[str]) -> str:
    """Return a key as `pulumi config set --path` takes it: nodes["k8s.1"].address; it may begin with a namespace."""
    text = ""
    for part in key:
        if re.fullmatch(r"[A-Za-z0-9_-]+", part) or (not text and re.fullmatch(r"[^\s:]+:[A-Za-z0-9_.-]+", part)):
            text += f".{part}" if text else part
        elif re.fullmatch(r"\[[0-9]+\]", part):
            text += part
        else:
            text += f"[{json.dumps(part, ensure_ascii=True)}]"
    return text


def display_value(key: Path, value: Any, secret_keys: Collection[str] = ()) -> str:
    """Return `value` as it may be shown: never a secret, never more than a line."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return NO_VALUE
    if (key and key[0] in secret_keys) or SECRET_NAMES.intersection(key):
        return SECRET
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)[:LONGEST_SHOWN]
    text = str(value)
    if "PRIVATE KEY" in text:
        return SECRET
    if "\n" in text.strip():  # a key may have been pasted without its first line
        return "text of several lines"
    text = re.sub(r"://[^/\s]*@", f"://{SECRET}@", text)
    if len(text) > LONGEST_SHOWN:
        text = text[: LONGEST_SHOWN - 1] + "…"
    return json.dumps(text, ensure_ascii=False)


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that `name` probably means, None where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return near[0] if near else None


def wrong_keys(problems: Iterable[SettingProblem]) -> list[Path]:
    """Return the settings that are wrong, or missing because their names are."""
    return [key for problem in problems for key in (problem.key, problem.meant) if key is not None]


def drop_dependent(problems: Iterable[SettingProblem], wrong: Collection[Path]) -> list[SettingProblem]:
    """Return the problems that do not rest on a setting which is wrong itself."""

    def rests_on_wrong(problem: SettingProblem) -> bool:
        return any(
            problem.key[: len(bad)] == bad
            or any(key[: len(bad)] == bad or bad[: len(key)] == key for key in problem.involves)
            for bad in wrong
        )

    return [problem for problem in problems if not rests_on_wrong(problem)]


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
