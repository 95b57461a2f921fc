"""What is wrong with the settings, in words, with no secret in them."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Names of settings whose values are never shown, wherever they stand.
SECRET_NAMES = frozenset({"private_key", "passphrase"})
SECRET = "[secret]"
LONGEST_SHOWN = 80

Path = tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake. `got` is what stands there, already safe to show; `why` and `do` are sentences or empty."""

    key: Path
    got: str
    allowed: str
    why: str = ""
    do: str = ""
    # Other settings the judgement rests on: when one of them is wrong itself, this problem is no news.
    involves: tuple[Path, ...] = ()
    # The setting that a name which nobody knows stands for: what is said of its absence is no news either.
    meant: Path | None = None

    def __str__(self) -> str:
        got = f"got {self.got}; " if self.got else ""
        stop = "" if self.allowed.endswith((".", "…")) else "."
        text = f"{spelled(self.key)}: {got}allowed: {self.allowed}{stop}"
        return " ".join(part for part in (text, self.why, self.do) if part)


class SettingsError(Exception):
    """The settings cannot be used. Its text has one line per problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def spelled(key: Sequence[str]) -> str:
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


def shown(key: Path, value: Any, secret_keys: Collection[str] = ()) -> str:
    """Return `value` as it may be shown: never a secret, never more than a line."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
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


def faulty(problems: Iterable[Problem]) -> list[Path]:
    """Return the settings that are wrong, or missing because their names are."""
    return [key for problem in problems for key in (problem.key, problem.meant) if key is not None]


def unspoiled(problems: Iterable[Problem], wrong: Collection[Path]) -> list[Problem]:
    """Return the problems that do not rest on a setting which is wrong itself."""

    def rests_on_wrong(problem: Problem) -> bool:
        return any(
            problem.key[: len(bad)] == bad
            or any(key[: len(bad)] == bad or bad[: len(key)] == key for key in problem.involves)
            for bad in wrong
        )

    return [problem for problem in problems if not rests_on_wrong(problem)]
