"""Checks of several of etcd's options together."""

import re
from collections.abc import Collection, Mapping

from etcd_cluster.settings.options.table import OPTIONS
from etcd_cluster.settings.options.values import DURATION, nanoseconds
from etcd_cluster.settings.problems import Path, SettingProblem, display_value, invalid, problem

LONGEST_ELECTION = 50_000  # milliseconds; maxElectionMs of embed/config.go
FEWEST_REVISIONS = 1000
MOST_HOURS = 10 * 365 * 24
MINUTE = 6e10  # nanoseconds


def together(options: Mapping[str, str], key: Path, own: Mapping[str, str], wrong: set[str]) -> list[SettingProblem]:
    """Return which of the options do not go together; those in `wrong` have been refused by themselves."""
    touched = own.keys() & {"auto-compaction-mode", "auto-compaction-retention"}
    problems = (
        [] if wrong & {"auto-compaction-mode", "auto-compaction-retention"} else _retention(options, key, touched)
    )
    for name in own:
        replacement = OPTIONS[name].replacement if name in OPTIONS else ""
        new, _, gate = replacement.removesuffix("=true").partition("=")
        # As etcd does, by text: LeaseCheckpoint stands in LeaseCheckpointPersist too.
        if new and new in options and name not in wrong and gate in options[new]:
            problems.append(
                problem(
                    (*key, name),
                    f"cannot be set together with {new}",
                    "etcd does not start with both.",
                    f"Keep {new}.",
                )
            )
    return problems + _checkpoints(options, key, own, wrong)


def _retention(options: Mapping[str, str], key: Path, touched: Collection[str]) -> list[SettingProblem]:
    mode, retention = options.get("auto-compaction-mode"), options.get("auto-compaction-retention", "0")
    where = (*key, "auto-compaction-retention")
    whole = re.fullmatch(r"[0-9]{1,18}", retention)
    if not touched:
        return []
    if mode == "revision":
        if not whole:
            return [invalid(where, display_value(where, retention), "a number of store revisions, as the mode says")]
        if 0 < int(retention) < FEWEST_REVISIONS:
            return [
                invalid(
                    where,
                    display_value(where, retention),
                    f"0 or at least {FEWEST_REVISIONS} store revisions, as the mode says",
                    "Each write is a revision: watches and long lists would lose what they read within moments.",
                    "Set it to 10000, or use the mode periodic, where the number is one of hours.",
                    involves=((*key, "auto-compaction-mode"),),
                )
            ]
        return []
    if mode == "periodic" and not whole and not DURATION.fullmatch(retention):
        return [invalid(where, display_value(where, retention), "hours, or a duration such as 30m, as the mode says")]
    hours = int(retention) if whole else nanoseconds(retention) / (60 * MINUTE)
    if mode == "periodic" and (hours > MOST_HOURS or 0 < hours * 60 < 1):
        return [invalid(where, display_value(where, retention), f"0, or 1m to {MOST_HOURS}h")]
    return []


def gates(options: Mapping[str, str]) -> dict[str, bool]:
    """Return the feature gates that the options set, by their switches of 3.5 too."""
    result: dict[str, bool] = {}
    for pair in options.get("feature-gates", "").split(","):
        name, _, state = pair.strip().partition("=")
        if name:
            result[name] = state == "true"
    for name, value in options.items():
        option = OPTIONS.get(name)
        if option and "=" in option.replacement:
            result[option.replacement.split("=")[1]] = value == "true"
    return result


def _checkpoints(
    options: Mapping[str, str], key: Path, own: Mapping[str, str], wrong: set[str]
) -> list[SettingProblem]:
    names = ("feature-gates", "experimental-enable-lease-checkpoint-persist", "experimental-enable-lease-checkpoint")
    where = next((name for name in names if name in own and name not in wrong), None)
    state = gates(options)
    every = state.get("AllAlpha", False)
    if where is None or not state.get("LeaseCheckpointPersist", every) or state.get("LeaseCheckpoint", every):
        return []
    return [
        invalid(
            (*key, where),
            display_value((*key, where), own[where]),
            "LeaseCheckpointPersist together with LeaseCheckpoint",
            "etcd does not start with the first alone.",
            "Switch on LeaseCheckpoint too.",
        )
    ]


def timing(options: Mapping[str, str], key: Path) -> list[SettingProblem]:
    """Return what is wrong with the heartbeat and the election timeout together."""
    heartbeat, election = int(options["heartbeat-interval"]), int(options["election-timeout"])
    if heartbeat < 1:
        where = (*key, "heartbeat-interval")
        return [invalid(where, f'"{heartbeat}"', "1 or more milliseconds", "etcd does not start with less.")]
    where = (*key, "election-timeout")
    if election < 5 * heartbeat:
        return [
            invalid(
                where,
                f'"{election}"',
                f"at least {5 * heartbeat}, five times the heartbeat-interval of {heartbeat} milliseconds",
                "A few late heartbeats would trigger an election, and etcd does not start with less.",
                f"Raise it to {10 * heartbeat}, or lower the heartbeat-interval.",
            )
        ]
    if election > LONGEST_ELECTION:
        return [
            invalid(
                where, f'"{election}"', f"at most {LONGEST_ELECTION} milliseconds", "etcd does not start with more."
            )
        ]
    return []
