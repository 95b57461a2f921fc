"""Differences between two sets of properties, by path, as the engine's own library finds them."""

from typing import Any

from dev.standins.resource_plugin.values import Properties, is_secret


def differences(olds: Properties, news: Properties) -> dict[str, str]:
    """Return "add", "delete" or "update" by path, such as `triggers[1]` or `environment.A`; secrets count whole."""
    found: dict[str, str] = {}
    _objects(olds, news, "", found)
    return found


def _objects(olds: Properties, news: Properties, path: str, found: dict[str, str]) -> None:
    prefix = f"{path}." if path else ""
    for name in sorted(olds.keys() | news.keys()):
        if name.startswith("__"):
            continue
        if name not in news:
            found[prefix + name] = "delete"
        elif name not in olds:
            found[prefix + name] = "add"
        else:
            _values(olds[name], news[name], prefix + name, found)


def _values(old: Any, new: Any, path: str, found: dict[str, str]) -> None:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and not is_secret(old) and not is_secret(new):
        _objects(old, new, path, found)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            element = f"{path}[{index}]"
            if index >= len(new):
                found[element] = "delete"
            elif index >= len(old):
                found[element] = "add"
            else:
                _values(old[index], new[index], element, found)
    else:
        found[path] = "update"
