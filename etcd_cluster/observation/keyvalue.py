"""The small texts that are written on hosts: one `key=value` a line."""


def values(text: str) -> dict[str, str]:
    """Return what stands in a text; lines without a `=` count as nothing."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
