"""The last log lines of an etcd that did not come up, short enough to read."""

import json

_SHOWN_FIELDS = ("error", "remote-peer-id", "local-member-cluster-id")


def last_words(lines: str) -> str:
    """Return journal lines with etcd's JSON reduced to message and error; systemd's own lines stay as they are.

    Warnings are left out where a fatal error tells why etcd ended.
    """
    words = [_readable(line) for line in lines.splitlines() if line.strip()]
    if any(word.startswith("fatal:") for word in words):
        words = [word for word in words if not word.startswith("warn:")]
    return "\n".join(f"  {line}" for line in dict.fromkeys(words)) or "  (the journal has no error)"


def _readable(line: str) -> str:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return line.strip()
    if not isinstance(entry, dict) or "msg" not in entry:
        return line.strip()
    details = [f"{field}: {entry[field]}" for field in _SHOWN_FIELDS if entry.get(field)]
    return " ".join([f"{entry.get('level', 'error')}: {entry['msg']}", *(f"({detail})" for detail in details)])
