"""What the engine has asked of this plugin so far: one process serves one run, and that tells what a delete is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Machine = tuple[str, int, str]


def machine(connection: Mapping[str, Any]) -> Machine:
    """Return where a connection leads: host, port and the bastion's host, if there is one."""
    bastion = connection.get("bastion") or {}
    return connection["host"], connection["port"], bastion.get("host", "")


@dataclass
class Run:
    """The checks and reads of a run, by URN.

    The engine (3.258) checks each resource that the program wants, also before it deletes a former one in its place,
    in whichever order it creates and deletes, and also where the delete of an earlier run is made up for. A destroy
    checks nothing, with `--run-program` too. A refresh, which Pulumi.yaml asks for in every run, reads what the state
    holds, with `--target` only what is targeted.
    """

    checked: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    read: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def wanted(self, type_: str) -> list[Mapping[str, Any]]:
        """Return the inputs of all resources of a type that the program wants."""
        return [inputs for urn, inputs in self.checked.items() if type_of(urn) == type_]

    def known(self, type_: str) -> list[Mapping[str, Any]]:
        """Return the states of all resources of a type that a refresh has read."""
        return [state for urn, state in self.read.items() if type_of(urn) == type_]


def type_of(urn: str) -> str:
    """Return the type of a resource, without those of its parents."""
    return urn.split("::")[-2].split("$")[-1]
