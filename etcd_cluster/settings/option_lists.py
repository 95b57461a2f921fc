"""etcd options that stand as lists in the settings, as they do in etcd's own YAML."""

from collections.abc import Mapping
from typing import Any

from etcd_cluster.settings.options_table import LISTS


def joined_lists(options: Any) -> Any:
    """Return the options with each list of plain values as etcd's environment has it, separated by commas."""
    if not isinstance(options, Mapping):
        return options
    return {name: _joined(value) if name in LISTS else value for name, value in options.items()}


def _joined(value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or not value:
        return value
    if not all(isinstance(each, str) and each.strip() and "," not in each for each in value):
        return value
    return ",".join(each.strip() for each in value)
