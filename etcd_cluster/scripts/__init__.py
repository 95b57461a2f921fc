"""The shell that runs on hosts: each file of `scripts/`, joined with what it builds on."""

import shlex
from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(__file__).parent


def _text(name: str) -> str:
    return (_FOLDER / f"{name}.sh").read_text()


def script(name: str) -> str:
    """Return a script that changes or reads a host without the lease: claim, stage, observe, stop, release…"""
    more = {"observe": ["directories"], "claim": ["former"], "leave": ["former"], "release": ["former"]}
    before = ["made", "moving", *more.get(name, [])]
    return "\n".join(_text(each) for each in (*before, name))


def alone(name: str) -> str:
    """Return a script that needs nothing beside it, to be run by cloud-init."""
    return _text(name)


def guarded(name: str) -> str:
    """Return a script that runs only while its first argument holds the host's lease."""
    return f"{_text('guard')}\n{script(name)}"


def with_variables(name: str, variables: Mapping[str, str]) -> str:
    """Return a script for pulumi-command, whose variables stand above it as quoted assignments."""
    assignments = "".join(f"{variable}={shlex.quote(value)}\n" for variable, value in variables.items())
    return f"{assignments}{_text(name)}"
