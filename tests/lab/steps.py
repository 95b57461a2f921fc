"""The steps that a preview lists, and those that an `up` says it takes."""

import re

_LISTED = re.compile(r"^\s+\d+\. (.+)$", re.MULTILINE)
_REASONS = re.compile(r"^(restart .+?) \(.*\)$")
# How the words of a step begin; the rest of what Rollout says is about how it goes.
_STEPS = (
    "start ",
    "go on with ",
    "put new certificates ",
    "put back ",
    "record that ",
    "restart ",
    "remember that ",
    "remove member ",
    "set aside ",
    "disarm ",
    "tell the cluster ",
    "add ",
    "promote ",
    "check on ",
    "save a snapshot ",
    "bring the storage version ",
    "cancel the downgrade ",
    "try ",
)


def shown(said: str) -> list[str]:
    """Return the steps of the list in an output, without the reasons of restarts."""
    found = _LISTED.findall(said.partition("Diagnostics:")[2])
    return [_REASONS.sub(r"\1", each.rstrip()) for each in found]


def executed(said: str) -> list[str]:
    """Return the steps that were taken, as the list writes them."""
    lines = [line.strip() for line in said.partition("Diagnostics:")[2].splitlines()]
    steps = [f"{line[:1].lower()}{line[1:]}" for line in lines if line[:1].isupper()]
    return [step for step in steps if step.startswith(_STEPS)]


def diagnostics(output: str) -> str:
    """Return what a command printed besides its resources and outputs."""
    _, found, rest = output.partition("Diagnostics:")
    return re.split(r"^(?:Outputs|Resources):", rest, maxsplit=1, flags=re.MULTILINE)[0] if found else output
