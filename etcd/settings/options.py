"""Checks of etcd's own options.

etcd ignores an option it does not know in its environment with no more than a warning, so a name that a version does
not have is found here or not at all.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from etcd.settings import directories
from etcd.settings.options_owned import REFUSED, UNIFORM
from etcd.settings.options_table import GATES, TABLE
from etcd.settings.problems import Path, Problem, shown, spelled
from etcd.settings.versions import minor

DURATION = re.compile(r"0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+")
URL = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}")
LARGEST = {"int": 2**63 - 1, "uint": 2**64 - 1, "uint32": 2**32 - 1, "uint64": 2**64 - 1}
LONGEST_ELECTION = 50_000  # milliseconds; maxElectionMs of embed/config.go
ADVISED_QUOTA = 8 * 2**30  # bytes; etcd's documentation suggests no more


@dataclass(frozen=True)
class Option:
    """One option: the kind of its value, the minors that know it, and what replaces it."""

    name: str
    kind: str
    first: str
    last: str
    replacement: str

    def known(self, minor: str) -> bool:
        """Tell whether a minor has the option; minors of one digit compare as text."""
        return self.first <= minor <= self.last


def _table() -> dict[str, Option]:
    rows = (line.split() for line in TABLE.strip().splitlines())
    return {row[0]: Option(row[0], row[1], row[2], row[3], " ".join(row[4:])) for row in rows}


OPTIONS = _table()


def check(
    options: Mapping[str, str], key: Path, version: str, given: Mapping[str, str], *, timing: bool = True
) -> list[Problem]:
    """Return what is wrong with `given`, which stands below `key`, and with `options` as a whole.

    `options` are those of `given` over the defaults. Without `timing`, the intervals have been judged elsewhere.
    """
    problems = []
    for name, value in given.items():
        problem = _name(name, (*key, name), version, value) or _value(OPTIONS[name], (*key, name), value, version)
        if problem:
            problems.append(problem)
    wrong = {problem.key[-1] for problem in problems}
    if timing and not wrong & {"heartbeat-interval", "election-timeout"}:
        problems += _timing(options, key)
    return problems + _together(options, key, given, wrong)


def warnings(options: Mapping[str, str], key: Path, version: str) -> list[str]:
    """Return what to say about options that work today."""
    result = []
    for name, value in options.items():
        option = OPTIONS.get(name)
        if option and option.replacement and minor(version) == "3.6":
            new = replacement(option, value)
            result.append(f"{spelled((*key, name))}: it is gone in etcd 3.7. Write {new} instead.")
    quota = options.get("quota-backend-bytes", "0")
    if quota.isascii() and quota.isdigit() and int(quota) > ADVISED_QUOTA:
        where = spelled((*key, "quota-backend-bytes"))
        result.append(
            f"{where}: {quota} bytes is more than the {ADVISED_QUOTA} etcd is advised for: starting, restoring and"
            " defragmenting take long with a database of that size."
        )
    if quota.startswith("-"):
        where = spelled((*key, "quota-backend-bytes"))
        result.append(f"{where}: a negative quota means none: nothing stops the database before the disk is full.")
    return result


def replacement(option: Option, value: str) -> str:
    """Return the option and value that mean the same from 3.6 on, as a line of the settings."""
    name, _, rest = option.replacement.partition("=")
    if rest:
        value = rest.replace("true", value) if value in ("true", "false") else rest
    return f"{name}: {value}"


def _name(name: str, key: Path, version: str, value: str) -> Problem | None:
    line = minor(version)
    option = OPTIONS.get(name)
    if name in REFUSED:
        why, do = REFUSED[name]
        if name == "strict-reconfig-check" and value == "true":
            return None
        return Problem(key, shown(key, value), "nothing", why, do)
    if option is None:
        return _unknown(name, key, line)
    if option.known(line):
        return None
    if line > option.last:
        do = f"Write {replacement(option, value)} instead." if option.replacement else "Remove it."
        return Problem(key, "", f"an option of etcd {line}", f"etcd {option.last} was the last to have it.", do)
    old = next((each.name for each in OPTIONS.values() if each.replacement == name and each.known(line)), None)
    do = f"Write {old} instead, until the cluster runs {option.first}." if old else "Remove it."
    return Problem(key, "", f"an option of etcd {line}", f"etcd {option.first} was the first to have it.", do)


def _unknown(name: str, key: Path, line: str) -> Problem:
    plain = name.strip().lower().removeprefix("etcd_").replace("_", "-").lstrip("-")
    known = [option.name for option in OPTIONS.values() if option.known(line) and option.name not in REFUSED]
    near = difflib.get_close_matches(plain, known, n=1, cutoff=0.6)
    why = f"etcd {line} has no option of this name, and would ignore it."
    if near:
        return Problem(key, "", f"{near[0]}, the nearest option of etcd {line}", why, "Correct the name.")
    return Problem(key, "", f"an option of etcd {line}", why, "See the output of etcd --help, or remove it.")


def _value(option: Option, key: Path, value: str, version: str) -> Problem | None:
    allowed = _allowed(option, value, version)
    return Problem(key, shown(key, value), allowed) if allowed else None


def _allowed(option: Option, value: str, version: str) -> str | None:
    """Return what the option takes when `value` is not that, else None."""
    kind = option.kind
    if "|" in kind or option.name == "logger":
        choices = kind.split("|")
        return None if value in choices else "one of " + ", ".join(choices) if len(choices) > 1 else choices[0]
    if kind == "bool":
        return None if value in ("true", "false") else "true or false"
    if kind in LARGEST:
        low = 0 if kind.startswith("u") else -(2**63)
        whole = re.fullmatch(r"-?[0-9]{1,20}", value)
        if whole and low <= int(value) <= LARGEST[kind]:
            return None
        return "a whole number" if kind == "int" else f"a whole number from 0 to {LARGEST[kind]}"
    if kind == "duration":
        return None if DURATION.fullmatch(value) else "a duration such as 500ms, 10s, 5m or 1h30m"
    if kind == "urls":
        fits = all(URL.fullmatch(url) for url in value.split(",")) or (option.name == "cors" and value == "*")
        return None if fits else "http:// or https:// URLs with ports, separated by commas"
    if kind == "path":
        try:
            directories.normalized(value)
        except ValueError:
            return "the absolute path of a file on the host"
        return None
    return _gates(value, minor(version)) if kind == "gates" else None


def _gates(value: str, line: str) -> str | None:
    known = sorted(name for name, first in GATES.items() if first <= line)
    for pair in value.split(","):
        name, _, state = pair.strip().partition("=")
        if name not in known or state not in ("true", "false"):
            return f"NAME=true or NAME=false, separated by commas, with names of {', '.join(known)}"
    return None


def _together(options: Mapping[str, str], key: Path, given: Mapping[str, str], wrong: set[str]) -> list[Problem]:
    problems = []
    mode, retention = options.get("auto-compaction-mode"), options.get("auto-compaction-retention", "0")
    touched = given.keys() & {"auto-compaction-mode", "auto-compaction-retention"}
    if touched and not wrong & touched:
        whole = re.fullmatch(r"[0-9]{1,18}", retention)
        where = (*key, "auto-compaction-retention")
        if mode == "revision" and not whole:
            problems.append(Problem(where, shown(where, retention), "a number of store revisions, as the mode says"))
        elif mode == "periodic" and not whole and not DURATION.fullmatch(retention):
            problems.append(
                Problem(where, shown(where, retention), "hours, or a duration such as 30m, as the mode says")
            )
    for name in given:
        option = OPTIONS.get(name)
        new = option.replacement.partition("=")[0] if option else ""
        if new and new in options and name not in wrong:
            problems.append(
                Problem(
                    (*key, name), f"this and {new}", "one of the two", "etcd does not start with both.", f"Keep {new}."
                )
            )
    return problems


def _timing(options: Mapping[str, str], key: Path) -> list[Problem]:
    heartbeat, election = int(options["heartbeat-interval"]), int(options["election-timeout"])
    if heartbeat < 1:
        where = (*key, "heartbeat-interval")
        return [Problem(where, f'"{heartbeat}"', "milliseconds, 1 or more", "etcd does not start with less.")]
    where = (*key, "election-timeout")
    if election < 5 * heartbeat:
        return [
            Problem(
                where,
                f'"{election}"',
                f"at least {5 * heartbeat}, five times the heartbeat-interval of {heartbeat} milliseconds",
                "A few late heartbeats would cost the leader its office, and etcd does not start with less.",
                f"Raise it to {10 * heartbeat}, or lower the heartbeat-interval.",
            )
        ]
    if election > LONGEST_ELECTION:
        return [
            Problem(
                where, f'"{election}"', f"at most {LONGEST_ELECTION} milliseconds", "etcd does not start with more."
            )
        ]
    return []


def check_node(given: Mapping[str, str], key: Path) -> list[Problem]:
    """Return which options of one node must be the same on all."""
    return [
        Problem((*key, name), shown((*key, name), value), "nothing", UNIFORM[name], f"Set etcd.{name} for all nodes.")
        for name, value in given.items()
        if name in UNIFORM
    ]
