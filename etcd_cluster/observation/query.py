"""What came of a question to a member: an answer, an error, no answer, or a question that could not be asked."""

import json
import re
from dataclasses import dataclass
from enum import Enum


class Query(Enum):
    """Five outcomes that call for different things; only a stopped process may be started."""

    NOT_ASKED = "not asked"
    """No process runs, or the look asked nothing."""
    SERVES = "serves"
    """The member gave a linearizable answer."""
    ERROR = "error"
    """The member answered, but not with a linearizable read: no leader, NOSPACE, a learner, a refused user."""
    SILENT = "silent"
    """Nothing answered in time, or nothing listened."""
    CANNOT_ASK = "cannot ask"
    """The question never reached the member's service: etcdctl failed by itself, a proxy stood in between, the
    member refused our client certificate or we its certificate. It tells nothing of the member's health."""


@dataclass(frozen=True)
class Call:
    """What one `etcdctl` call left: its exit status, and what it printed on stderr."""

    status: int
    stderr: str


# `timeout` of coreutils
_KILLED = frozenset({124, 137})
# How the gRPC client words what came of its connection: crypto/tls, net/http2 and grpc-go, as etcdctl logs them. A
# member closes the connection of a client that it refuses, and the alert may be lost in that.
_REFUSED = re.compile(
    r"tls: |x509: |proxy|connect handshake|broken pipe|connection reset|: EOF|unexpected HTTP|http2: frame|malformed"
)
_SILENT = re.compile(r"connection refused|i/o timeout|no route to host|network is unreachable|[Dd]eadline ?[Ee]xceeded")
_ANSWERED = re.compile(r"etcdserver: |auth: ")
_BALANCER = re.compile(r"^(?:rpc error: code = \w+ desc = )?(?:latest balancer error: )?(?:last connection error: )?")
_CONNECTION = re.compile(r'^connection error: desc = "(.*)"$')
_LONGEST = 300


def words(stderr: str) -> str:
    """Return why a call failed: the reason that etcdctl logged last, else its last line, on one line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith("{"):
            return _logged(line)
    return lines[-1].removeprefix("Error: ")[:_LONGEST] if lines else ""


def _logged(line: str) -> str:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        # What was cut off, or a stack trace that is longer than what is kept.
        return line[:_LONGEST]
    said = entry.get("error")
    if isinstance(said, str):
        said = _BALANCER.sub("", said)
        inner = _CONNECTION.match(said)
        return (inner[1] if inner else said)[:_LONGEST]
    variable = entry.get("environment-variable")
    return f"{entry.get('msg', '')}{f' ({variable})' if variable else ''}"[:_LONGEST]


def by_endpoint(stderr: str) -> dict[str, str]:
    """Return the lines that etcdctl logged of each endpoint, as `HOST:PORT`, when it asked several."""
    found: dict[str, str] = {}
    for line in stderr.splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict) and (target := str(entry.get("target", "")).rpartition("/")[2]):
            found[target] = line
    return found


def failed(call: Call) -> Query:
    """Return what a call tells that gave no answer at all."""
    said = words(call.stderr)
    if _REFUSED.search(said):
        return Query.CANNOT_ASK
    if _ANSWERED.search(call.stderr):
        return Query.ERROR
    if call.status in _KILLED or _SILENT.search(call.stderr):
        return Query.SILENT
    return Query.CANNOT_ASK


def outcome(status: Call | None, has_status: bool, has_leader: bool, healthy: bool, said: str) -> tuple[Query, str]:
    """Return what came of a look's questions, and the words for it.

    `status` is the call of `endpoint status`, `has_status` whether it gave an answer, `healthy` whether the
    linearizable read went through, `said` the error that `endpoint health` told.
    """
    if has_status and healthy:
        return Query.SERVES, ""
    if has_status:
        return Query.ERROR, said if has_leader else "it has no leader"
    if status is None:
        return Query.NOT_ASKED, ""
    return failed(status), words(status.stderr) or f"etcdctl ended with exit status {status.status}"
