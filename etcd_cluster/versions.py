"""etcd's versions as numbers, so that 3.10 is above 3.9."""

from functools import cache

Number = tuple[int, int, int]
Minor = tuple[int, int]


@cache
def parse(version: str) -> Number:
    """Return a version as numbers, a missing patch as 0; what is no version sorts first."""
    parts = version.split("-")[0].split(".")
    if not 2 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        return 0, 0, 0
    numbers = [int(part) for part in parts]
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 0


def minor(version: str) -> Minor:
    """Return the minor version: `3.6.16` is (3, 6)."""
    return parse(version)[:2]


def text(of: Minor) -> str:
    """Return a minor version as etcd's commands take it: `3.6`."""
    return f"{of[0]}.{of[1]}"
