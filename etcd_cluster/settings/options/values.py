"""What one value of an etcd option may be, by the option's kind and by what etcd itself does with it.

The limits are those of etcd 3.6.16 (embed/config.go Validate, embed/config_logging.go, auth/options.go) where it ends
at its start, and of what it does in silence otherwise.
"""

import ipaddress
import json
import re
from collections.abc import Callable
from typing import NamedTuple

from etcd_cluster.settings import locations
from etcd_cluster.settings.problems import InvalidValue

DURATION = re.compile(r"0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+")
URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
NANOSECONDS = {"ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 6e10, "h": 3.6e12}
LARGEST = {"int": 2**63 - 1, "uint": 2**64 - 1, "uint32": 2**32 - 1, "uint64": 2**64 - 1}
_MOST = 2**31 - 1
URLS = "http:// or https:// URLs with ports, separated by commas"
URL_LISTENERS = frozenset({"listen-metrics-urls", "listen-client-http-urls"})
OUTPUTS = ("default", "stderr", "stdout", "systemd/journal")

UNITS = {
    "auth-token-ttl": "seconds",
    "bootstrap-defrag-threshold-megabytes": "megabytes",
    "election-timeout": "milliseconds",
    "heartbeat-interval": "milliseconds",
    "max-request-bytes": "bytes",
    "quota-backend-bytes": "bytes",
}
# Option: lowest and highest value, and why.
RANGES: dict[str, tuple[int, int, str]] = {
    "auth-token-ttl": (1, _MOST, "A token that ends at once authenticates nobody."),
    "backend-batch-limit": (0, _MOST, ""),
    "bcrypt-cost": (4, 20, "Each step doubles the time of a login; beyond 20 it takes minutes."),
    "bootstrap-defrag-threshold-megabytes": (0, _MOST, ""),
    "compaction-batch-limit": (0, _MOST, ""),
    "distributed-tracing-sampling-rate": (0, 1_000_000, "It is a number of samples per million."),
    "max-learners": (1, 100, "A member joins as a learner, so none could join without."),
    "max-request-bytes": (4096, _MOST - 2**20, "Any larger write is refused; gRPC cannot carry 2 GiB."),
    "max-txn-ops": (1, _MOST, "With none, every transaction is refused, Kubernetes' too."),
}
SMALLEST_QUOTA = 2**20
# etcd ends at its start with 0 for the first (Validate); without the second, a finished downgrade is never noticed.
POSITIVE = frozenset({"compact-hash-check-time", "downgrade-check-time"})
SIGN_METHODS = frozenset(f"{family}{bits}" for family in ("RS", "PS", "ES", "HS") for bits in (256, 384, 512)) | {
    "EdDSA"
}
# lumberjack.Logger's fields in JSON.
ROTATION: dict[str, type] = {"maxsize": int, "maxage": int, "maxbackups": int, "localtime": bool, "compress": bool}


class Url(NamedTuple):
    """The parts of a URL as etcd's listeners take them; an IPv6 host is without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The host as an IP address, None for a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def url(text: str) -> Url | None:
    """Return the parts of a URL, None for what is none or has a path, a query, an account or no port."""
    match = URL.fullmatch(text.strip())
    if not match:
        return None
    parts = Url(match[1], match[2].strip("[]"), int(match[3]))
    bracketed = match[2].startswith("[")
    ipv4 = re.fullmatch(r"[0-9.]+", parts.host)
    if not 1 <= parts.port <= 65535 or ((bracketed or ipv4) and not parts.address):
        return None
    return None if parts.host.startswith((".", "-")) else parts


def urls(value: str) -> list[Url]:
    """Return the parts of all URLs in a list separated by commas, without those that are none."""
    return [parts for each in value.split(",") if (parts := url(each))]


def nanoseconds(duration: str) -> float:
    """Return the length of a duration as Go writes it."""
    parts = re.findall(r"([0-9.]+)(ns|us|µs|μs|ms|s|m|h)", duration)
    return sum(float(number) * NANOSECONDS[unit] for number, unit in parts)


def check(name: str, kind: str, value: str) -> None:
    """Raise InvalidValue where an option does not take `value`; `name` is the option's newest name."""
    if "|" in kind or name == "logger":
        choices = kind.split("|")
        if value not in choices:
            raise InvalidValue("one of " + ", ".join(choices) if choices[1:] else choices[0])
    elif kind == "bool":
        if value not in ("true", "false"):
            raise InvalidValue("true or false")
    elif kind in LARGEST:
        _whole(name, kind, value)
    elif kind == "duration":
        _duration(name, value)
    elif kind == "urls":
        _urls(name, value)
    elif kind == "path":
        _file(value)
    elif name in _SPECIAL:
        _SPECIAL[name](value)


def _whole(name: str, kind: str, value: str) -> None:
    low, high, why = RANGES.get(name, (0 if kind.startswith("u") else -(2**63), LARGEST[kind], ""))
    of = f" of {UNITS[name]}" if name in UNITS else ""
    whole = re.fullmatch(r"-?[0-9]{1,20}", value)
    if not whole:
        limits = "" if of or (kind == "int" and name not in RANGES) else f" from {low} to {high}"
        unit = ", without a unit" if of else ""
        example = f", such as {2 * 2**30} for 2 GiB" if name == "quota-backend-bytes" else ""
        raise InvalidValue(f"a whole number{of}{unit}{example}{limits}")
    if not low <= int(value) <= high:
        raise InvalidValue(f"a whole number{of} from {low} to {high}", why)
    if name == "quota-backend-bytes" and 0 < int(value) < SMALLEST_QUOTA:
        raise InvalidValue(
            f"a whole number of bytes, {SMALLEST_QUOTA} or more, or 0 for etcd's default of 2 GiB",
            "A database of that size is full from the start, and every write would be refused.",
        )


def _duration(name: str, value: str) -> None:
    if not DURATION.fullmatch(value):
        raise InvalidValue("a duration such as 500ms, 10s, 5m or 1h30m")
    length = nanoseconds(value)
    if length >= 2**63:
        raise InvalidValue("a duration of less than 292 years", "etcd does not start with a longer one.")
    if name in POSITIVE and not length:
        raise InvalidValue("a duration longer than 0", "etcd needs this check.", "Remove it to get etcd's default.")


def _urls(name: str, value: str) -> None:
    if name == "cors" and value == "*":
        return
    for each in value.split(","):
        parts = url(each)
        if parts is None:
            why = "Each is http:// or https://, a host, : and a port from 1 to 65535, and nothing behind it."
            raise InvalidValue(URLS, why)
        if name in URL_LISTENERS and parts.address is None and parts.host != "localhost":
            raise InvalidValue(
                f"{URLS}, with IP addresses or localhost as hosts",
                "etcd does not start with a name in a URL that it listens on.",
                "Use 0.0.0.0 or [::] for all addresses of the host, or 127.0.0.1 for the host itself.",
            )


def _file(value: str) -> None:
    try:
        locations.normalized_directory(value)
    except InvalidValue as error:
        raise InvalidValue("the absolute path of a file on the host", error.why, error.action) from None


def _token(value: str) -> None:
    kind, *pairs = value.split(",")
    if kind == "simple" and not pairs:
        return
    expected = "simple, or jwt,pub-key=FILE,priv-key=FILE,sign-method=METHOD[,ttl=DURATION]"
    options = dict(pair.partition("=")[::2] for pair in pairs)
    if kind != "jwt" or len(options) != len(pairs) or options.keys() - {"pub-key", "priv-key", "sign-method", "ttl"}:
        raise InvalidValue(expected, "etcd does not start with anything else.")
    if options.get("sign-method") not in SIGN_METHODS:
        raise InvalidValue(expected, f"METHOD is one of {', '.join(sorted(SIGN_METHODS))}.")
    if not options.get("priv-key") and not options.get("pub-key"):
        raise InvalidValue(expected, "Without a key, no token can be signed or verified.")
    if "ttl" in options and (not DURATION.fullmatch(options["ttl"]) or not nanoseconds(options["ttl"])):
        raise InvalidValue(expected, "The ttl is a duration such as 5m.")
    for name in ("pub-key", "priv-key"):
        if name in options:
            try:
                _file(options[name])
            except InvalidValue as error:
                raise InvalidValue(f"{expected}, with {error.expected} as {name}", error.why, error.action) from None


def _collector(value: str) -> None:
    if url(f"http://{value}"):
        return
    raise InvalidValue("HOST:PORT of a collector", "etcd takes no URL here.", "Leave the scheme and the path out.")


def _outputs(value: str) -> None:
    outputs = value.split(",")
    files = [each for each in outputs if each not in OUTPUTS]
    if any(not each.startswith("/") or "." in each.split("/") or ".." in each.split("/") for each in files):
        raise InvalidValue(f"{', '.join(OUTPUTS)}, or absolute paths of files, separated by commas")
    if len(outputs) > 1 and {"default", "systemd/journal"} & set(outputs):
        raise InvalidValue("default or systemd/journal alone", "etcd does not start with one of them beside others.")


def _rotation(value: str) -> None:
    expected = "a JSON object such as " + '{"maxsize": 100, "maxage": 30, "maxbackups": 5, "compress": true}'
    try:
        options = json.loads(value)
    except ValueError:
        raise InvalidValue(expected, "etcd does not start with JSON that it cannot read.") from None
    if not isinstance(options, dict):
        raise InvalidValue(expected)
    for name, inner in options.items():
        if name not in ROTATION:
            raise InvalidValue(f"{expected}, with the names {', '.join(ROTATION)}", "etcd would ignore any other.")
        if type(inner) is not ROTATION[name] or (isinstance(inner, int) and inner < 0):
            raise InvalidValue(expected, f"{name} is a {'number' if ROTATION[name] is int else 'boolean'}.")


_SPECIAL: dict[str, Callable[[str], None]] = {
    "auth-token": _token,
    "distributed-tracing-address": _collector,
    "log-outputs": _outputs,
    "log-rotation-config-json": _rotation,
}
