"""SHA-256 sums of etcd's release archives: those in the repository, and files of the same form."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PINNED = Path(__file__).parent.parent / "checksums.yaml"
ARCHITECTURES = ("amd64", "arm64")
Sums = dict[str, dict[str, str]]


@cache
def pinned() -> Sums:
    """Return version → architecture → sum. Sums from the mirror that serves an archive would prove nothing."""
    return parsed(PINNED.read_text())


def parsed(text: str) -> Sums:
    """Return version → architecture → sum of YAML text that begins with either of the first two.

    Raises ValueError where the text has another form.
    """
    try:
        content: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError("not YAML") from None
    if not isinstance(content, dict) or not all(isinstance(inner, dict) for inner in content.values()):
        raise ValueError("not a map of maps")
    result: Sums = {}
    for outer, inner in content.items():
        for name, value in inner.items():
            architecture, version = (outer, name) if outer in ARCHITECTURES else (name, outer)
            spelled = isinstance(version, str) and re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+", version)
            if architecture not in ARCHITECTURES or not spelled or not re.fullmatch(r"[0-9a-f]{64}", str(value)):
                raise ValueError("not a sum of a version and an architecture")
            result.setdefault(version.removeprefix("v"), {})[architecture] = str(value)
    return result
