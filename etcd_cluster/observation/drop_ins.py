"""What other files on a host add to the unit: drop-ins of etcd.service and of all services, and a mask."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from etcd_cluster.rendering import unset

# Resources, order and limits: these change how much etcd gets, not what it is. Names ending in * are prefixes.
_HARMLESS = {
    "Unit": (
        *("Description", "Documentation", "After", "Before", "Wants", "Upholds", "OnFailure*", "OnSuccess*"),
        *("RequiresMountsFor", "WantsMountsFor", "StartLimit*", "CollectMode"),
    ),
    "Service": (
        *("Nice", "CPU*", "StartupCPU*", "AllowedCPUs", "StartupAllowedCPUs", "AllowedMemoryNodes", "NUMA*"),
        *("IO*", "StartupIO*", "BlockIO*", "Memory*", "StartupMemory*", "DefaultMemory*", "Tasks*", "Slice"),
        *("OOM*", "ManagedOOM*", "Limit*", "TimerSlackNSec", "RestartSec", "RestartSteps", "RestartMaxDelaySec"),
        *("TimeoutStopSec", "TimeoutStopFailureMode", "TimeoutAbortSec", "LogRateLimit*", "LogExtraFields"),
        *("Delegate", "DisableControllers"),
    ),
}
# Of Go's runtime, and the time zone; the rest that is no option of etcd's is unset by the unit.
_VARIABLES = frozenset({"GOMEMLIMIT", "GOGC", "GOMAXPROCS", "TZ"})
_ABOVE_ETC = ("/etc/systemd/system.control/", "/run/systemd/system.control/", "/run/systemd/transient/")


@dataclass(frozen=True)
class DropIn:
    """A file that adds to the unit, and its text; an empty one hides those of its name that come after it."""

    path: str
    text: str


def in_force(found: Sequence[DropIn]) -> list[DropIn]:
    """Return the drop-ins that systemd reads: of those with one name the first, in the order of precedence."""
    first: dict[str, DropIn] = {}
    for each in found:
        first.setdefault(each.path.rpartition("/")[2], each)
    return [each for each in first.values() if each.text.strip()]


def findings(found: Sequence[DropIn], rendered: Sequence[str]) -> list[str]:
    """Return what a start of the member would do otherwise than its settings say, one text for each file.

    `rendered` are the variables of its `etcd.env`.
    """
    gone = frozenset(unset.names(rendered))
    unfit = {each.path: dict.fromkeys(_unfit(each.text, gone)) for each in in_force(found)}
    return [f"{path} sets {', '.join(directives)} for etcd.service" for path, directives in unfit.items() if directives]


def mask(unit_properties: Mapping[str, str]) -> bool:
    """Return whether the unit is masked."""
    return unit_properties.get("LoadState") == "masked" or unit_properties.get("UnitFileState") == "masked"


def is_overridden(fragment: str) -> bool:
    """Return whether a unit file comes before the one in /etc/systemd/system (systemd.unit(5))."""
    return fragment.startswith(_ABOVE_ETC)


def _unfit(text: str, gone: frozenset[str]) -> Iterator[str]:
    """Return the directives that matter, in words; a value may be a secret, the names of variables are not."""
    for section, name, value in _directives(text):
        if section == "Install" or section.startswith("X-") or name.startswith("X-"):
            continue
        if section == "Service" and name == "Environment":
            if unfit := [variable for variable in _variables(value) if not _is_fit(variable, gone)]:
                yield f"Environment= ({', '.join(unfit)})"
        elif not any(
            name.startswith(known[:-1]) if known.endswith("*") else name == known
            for known in _HARMLESS.get(section, ())
        ):
            yield f"{name}="


def _is_fit(variable: str, gone: frozenset[str]) -> bool:
    """Return whether a variable is harmless, or unset by the unit; one of etcd's is refused, as a leftover."""
    return variable in _VARIABLES or (variable in gone and not variable.startswith("ETCD"))


def _directives(text: str) -> Iterator[tuple[str, str, str]]:
    section = ""
    for line in _lines(text):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line:
            name, _, value = line.partition("=")
            yield section, name.strip(), value.strip()


def _lines(text: str) -> Iterator[str]:
    """Return logical lines: a backslash at the end joins them, comments between joined lines are left out."""
    pending = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith(("#", ";")):
            continue
        pending += line.removesuffix("\\") + (" " if line.endswith("\\") else "")
        if not line.endswith("\\"):
            if pending.strip():
                yield pending.strip()
            pending = ""
    if pending.strip():
        yield pending.strip()


def _variables(value: str) -> list[str]:
    try:
        words = shlex.split(value)
    except ValueError:
        words = value.split()
    return [word.partition("=")[0] for word in words]
