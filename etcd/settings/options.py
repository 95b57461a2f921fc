"""Checks of etcd's own options.

etcd ignores an option it does not know in its environment with no more than a warning, so a name that a version does
not have is found here or not at all.
"""

import difflib
from collections.abc import Mapping
from dataclasses import replace

from etcd.settings import options_together, options_values
from etcd.settings.options_known import OPTIONS, Option, newest
from etcd.settings.options_owned import REFUSED, UNIFORM
from etcd.settings.options_table import GATES
from etcd.settings.options_values import DURATION, nanoseconds
from etcd.settings.problems import Path, Problem, shown, spelled
from etcd.versions import Minor, minor, text

ADVISED_QUOTA = 8 * 2**30  # bytes; etcd's documentation suggests no more
# What kube-apiserver pings etcd with (its storage backend's keepaliveTime); etcd hangs up on clients that ping more.
PING_SECONDS = 30


def check(
    options: Mapping[str, str], key: Path, version: str, given: Mapping[str, str], *, timing: bool = True
) -> list[Problem]:
    """Return what is wrong with `given`, which stands below `key`, and with `options` as a whole.

    `options` are those of `given` over the defaults. Without `timing`, the intervals have been judged elsewhere.
    """
    problems = []
    for name, value in given.items():
        where = (*key, name)
        if problem := _name(name, where, version, value):
            problems.append(replace(problem, involves=(("version",),)))
        elif problem := _value(OPTIONS[name], where, value, version):
            problems.append(problem)
    # What was meant by a misspelled name is not judged as if it were not there.
    wrong = {problem.key[-1] for problem in problems}
    wrong |= {near for name in given if (near := meant(name))}
    if timing and not wrong & {"heartbeat-interval", "election-timeout"}:
        problems += options_together.timing(options, key)
    return problems + options_together.together(options, key, given, wrong)


def warnings(options: Mapping[str, str], key: Path, version: str) -> list[str]:
    """Return what to say about options that work today."""
    result = []
    for name, value in options.items():
        option = OPTIONS.get(name)
        if option and option.replacement and minor(version) == (3, 6):
            new = replacement(option, value)
            result.append(f"{spelled((*key, name))}: it is gone in etcd 3.7. Write {new} instead.")
    quota = options.get("quota-backend-bytes", "0")
    if quota.isascii() and quota.isdigit() and int(quota) > ADVISED_QUOTA:
        where = spelled((*key, "quota-backend-bytes"))
        result.append(
            f"{where}: {quota} bytes is more than the {ADVISED_QUOTA} etcd is advised for: starting, restoring and"
            " defragmenting take long with a database of that size."
        )
    if options.get("log-level") == "debug" or options.get("enable-pprof") == "true":
        name = "log-level" if options.get("log-level") == "debug" else "enable-pprof"
        result.append(
            f"{spelled((*key, name))}: every client with a certificate can read etcd's profiles while this is set"
            + (", and names of keys stand in the journal." if name == "log-level" else ".")
        )
    slowest = options.get("grpc-keepalive-min-time", "")
    if DURATION.fullmatch(slowest) and nanoseconds(slowest) > PING_SECONDS * 1e9:
        result.append(
            f"{spelled((*key, 'grpc-keepalive-min-time'))}: kube-apiserver pings every {PING_SECONDS} s, and etcd"
            " closes the connections of clients that ping more often than this."
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


def meant(name: str) -> str | None:
    """Return the option that a name which is none stands for, None where none is near."""
    if name in OPTIONS:
        return None
    plain = name.strip().lower().removeprefix("etcd_").replace("_", "-").lstrip("-")
    near = difflib.get_close_matches(plain, [each for each in OPTIONS if each not in REFUSED], n=1, cutoff=0.6)
    return near[0] if near else None


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
        return Problem(
            key, "", f"an option of etcd {text(line)}", f"etcd {text(option.last)} was the last to have it.", do
        )
    old = next((each.name for each in OPTIONS.values() if each.replacement == name and each.known(line)), None)
    do = f"Write {old} instead, until the cluster runs {text(option.first)}." if old else "Remove it."
    return Problem(
        key, "", f"an option of etcd {text(line)}", f"etcd {text(option.first)} was the first to have it.", do
    )


def _unknown(name: str, key: Path, line: Minor) -> Problem:
    plain = name.strip().lower().removeprefix("etcd_").replace("_", "-").lstrip("-")
    known = [option.name for option in OPTIONS.values() if option.known(line) and option.name not in REFUSED]
    near = difflib.get_close_matches(plain, known, n=1, cutoff=0.6)
    why = f"etcd {text(line)} has no option of this name, and would ignore it."
    if near:
        return Problem(key, "", f"{near[0]}, the nearest option of etcd {text(line)}", why, "Correct the name.")
    return Problem(key, "", f"an option of etcd {text(line)}", why, "See the output of etcd --help, or remove it.")


def _value(option: Option, key: Path, value: str, version: str) -> Problem | None:
    if option.kind == "gates":
        allowed = _gates(value, minor(version))
        return Problem(key, shown(key, value), allowed, involves=(("version",),)) if allowed else None
    refused = options_values.refused(newest(option.name), option.kind, value)
    return Problem(key, shown(key, value), *refused) if refused else None


def _gates(value: str, line: Minor) -> str | None:
    known = sorted(name for name, first in GATES.items() if first <= line)
    for pair in value.split(","):
        name, _, state = pair.strip().partition("=")
        if name not in known or state not in ("true", "false"):
            return f"NAME=true or NAME=false, separated by commas, with names of {', '.join(known)}"
    return None


def check_node(given: Mapping[str, str], key: Path) -> list[Problem]:
    """Return which options of one node must be the same on all."""
    return [
        Problem((*key, name), shown((*key, name), value), "nothing", UNIFORM[name], f"Set etcd.{name} for all nodes.")
        for name, value in given.items()
        if name in UNIFORM
    ]
