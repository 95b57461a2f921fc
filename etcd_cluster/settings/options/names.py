"""Checks of etcd's own options.

etcd ignores an option it does not know in its environment with no more than a warning, so a name that a version does
not have is found here or not at all.
"""

from collections.abc import Mapping
from dataclasses import replace

from etcd_cluster.settings.options import together, values
from etcd_cluster.settings.options.restricted import REFUSED, UNIFORM
from etcd_cluster.settings.options.table import GATES, OPTIONS, Option, newest
from etcd_cluster.settings.options.values import DURATION, nanoseconds
from etcd_cluster.settings.problems import (
    InvalidValue,
    Path,
    SettingProblem,
    display_value,
    format_key,
    invalid,
    nearest,
    problem,
    unknown,
)
from etcd_cluster.versions import Minor, minor, text

ADVISED_QUOTA = 8 * 2**30  # bytes; etcd's documentation suggests no more
# What kube-apiserver pings etcd with (its storage backend's keepaliveTime); etcd hangs up on clients that ping more.
PING_SECONDS = 30


def check(
    options: Mapping[str, str], key: Path, version: str, own: Mapping[str, str], *, timing: bool = True
) -> list[SettingProblem]:
    """Return what is wrong with `own`, the options set below `key`, and with `options` as a whole.

    `options` are those of `own` over the defaults. Without `timing`, the intervals are left out.
    """
    problems = []
    for name, value in own.items():
        where = (*key, name)
        if found := _name(name, where, version, value):
            problems.append(replace(found, involves=(("version",),)))
        elif found := _value(OPTIONS[name], where, value, version):
            problems.append(found)
    # What was meant by a misspelled name is not judged as if it were not there.
    wrong = {each.key[-1] for each in problems}
    wrong |= {near for name in own if name not in OPTIONS and (near := nearest_option(name))}
    if timing and not wrong & {"heartbeat-interval", "election-timeout"}:
        problems += together.timing(options, key)
    return problems + together.together(options, key, own, wrong)


def warnings(options: Mapping[str, str], key: Path, version: str) -> list[str]:
    """Return what to say about options that work today."""
    result = []
    for name, value in options.items():
        option = OPTIONS.get(name)
        if option and option.replacement and minor(version) == (3, 6):
            new = replacement(option, value)
            result.append(f"{format_key((*key, name))}: it is gone in etcd 3.7. Write {new} instead.")
    quota = options.get("quota-backend-bytes", "0")
    if quota.isascii() and quota.isdigit() and int(quota) > ADVISED_QUOTA:
        where = format_key((*key, "quota-backend-bytes"))
        result.append(
            f"{where}: {quota} bytes is more than the {ADVISED_QUOTA} etcd is advised for: starting, restoring and"
            " defragmenting take long with a database of that size."
        )
    if options.get("log-level") == "debug" or options.get("enable-pprof") == "true":
        name = "log-level" if options.get("log-level") == "debug" else "enable-pprof"
        result.append(
            f"{format_key((*key, name))}: every client with a certificate can read etcd's profiles while this is set"
            + (", and names of keys stand in the journal." if name == "log-level" else ".")
        )
    slowest = options.get("grpc-keepalive-min-time", "")
    if DURATION.fullmatch(slowest) and nanoseconds(slowest) > PING_SECONDS * 1e9:
        result.append(
            f"{format_key((*key, 'grpc-keepalive-min-time'))}: kube-apiserver pings every {PING_SECONDS} s, and etcd"
            " closes the connections of clients that ping more often than this."
        )
    if quota.startswith("-"):
        where = format_key((*key, "quota-backend-bytes"))
        result.append(f"{where}: a negative quota means none: nothing stops the database before the disk is full.")
    return result


def replacement(option: Option, value: str) -> str:
    """Return the option and value that mean the same from 3.6 on, as a line of the settings."""
    name, _, rest = option.replacement.partition("=")
    if rest:
        value = rest.replace("true", value) if value in ("true", "false") else rest
    return f"{name}: {value}"


def nearest_option(name: str, line: Minor | None = None) -> str | None:
    """Return the option, of one minor or of any, that an unknown name probably means."""
    plain = name.strip().lower().removeprefix("etcd_").replace("_", "-").lstrip("-")
    known = (option for option in OPTIONS.values() if option.name not in REFUSED)
    return nearest(plain, [option.name for option in known if line is None or option.known(line)])


def _name(name: str, key: Path, version: str, value: str) -> SettingProblem | None:
    line = minor(version)
    option = OPTIONS.get(name)
    if name in REFUSED:
        what, action = REFUSED[name]
        if name == "strict-reconfig-check" and value == "true":
            return None
        return problem(key, what, action=action)
    if option is None:
        return _unknown(name, key, line)
    if option.known(line):
        return None
    if line > option.last:
        action = f"Write {replacement(option, value)} instead." if option.replacement else "Remove it."
        return unknown(key, f"etcd {text(line)} option; {text(option.last)} was the last to have it", "", action)
    old = next((each.name for each in OPTIONS.values() if each.replacement == name and each.known(line)), None)
    action = f"Write {old} instead, until the cluster runs {text(option.first)}." if old else "Remove it."
    return unknown(key, f"etcd {text(line)} option; {text(option.first)} is the first to have it", "", action)


def _unknown(name: str, key: Path, line: Minor) -> SettingProblem:
    what = f"etcd {text(line)} option"
    if near := nearest_option(name, line):
        return unknown(key, what, near=near, meant=(*key[:-1], near))
    return unknown(key, what, "etcd would ignore it.", "Remove it; etcd --help lists the known ones.")


def _value(option: Option, key: Path, value: str, version: str) -> SettingProblem | None:
    try:
        if option.kind == "gates":
            _check_gates(value, minor(version))
        else:
            values.check(newest(option.name), option.kind, value)
    except InvalidValue as error:
        involves = (("version",),) if option.kind == "gates" else ()
        return invalid(key, display_value(key, value), error.expected, error.why, error.action, involves)
    return None


def _check_gates(value: str, line: Minor) -> None:
    known = sorted(name for name, first in GATES.items() if first <= line)
    for pair in value.split(","):
        name, _, state = pair.strip().partition("=")
        if name not in known or state not in ("true", "false"):
            raise InvalidValue(f"NAME=true or NAME=false, separated by commas, with names of {', '.join(known)}")


def check_node(own: Mapping[str, str], key: Path) -> list[SettingProblem]:
    """Return which options of one node must be the same on all."""
    return [
        problem((*key, name), "must be the same on all nodes", UNIFORM[name], f"Set etcd.{name} instead.")
        for name in own
        if name in UNIFORM
    ]
