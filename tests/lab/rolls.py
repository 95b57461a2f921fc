"""A roll of restarts on three nodes: the setting that is changed for it."""

from tests.lab.harness import Stack

NODES = ["etcd-1", "etcd-2", "etcd-3"]
SETTING = "ETCD_SNAPSHOT_COUNT"
FIRST = {"snapshot-count": "20000"}
"""What the stack's `etcd` settings begin with."""


def change(stack: Stack) -> str:
    """Change a setting that all members must restart for, and return its new value."""
    value = str(int(stack.config["etcd"]["snapshot-count"]) + 1)
    stack.config["etcd"] = {"snapshot-count": value}
    return value
