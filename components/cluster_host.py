"""A host as the cluster takes it, whoever made it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True)
class ClusterHost:
    """What the cluster knows of one host."""

    address: pulumi.Input[str]
    """The address in the member's URLs."""
    connection: pulumi.Output[dict[str, Any]]
    """How SSH reaches it, see `inputs.connection`; a secret."""
    extra_names: tuple[pulumi.Input[str], ...] = ()
    """More names of its certificates."""


@dataclass(frozen=True, kw_only=True)
class ClusterHosts:
    """All hosts, by the names of their members, and what their maker tells the user."""

    nodes: Mapping[str, ClusterHost]
    made: Sequence[pulumi.Resource] = ()
    """The makers: nothing of theirs is removed before the cluster is."""
    outputs: Mapping[str, pulumi.Input[Any]] = field(default_factory=dict)
    """Outputs of the stack besides the cluster's."""
