"""Which options can open the store, cost data or weaken what the program promises, and which cannot.

Every option of the table that the program does not set itself stands in one of the three groups, by its newest name.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from etcd_cluster.settings.options_tls import BROKEN
from etcd_cluster.settings.options_values import urls

ALLOW = "allow_unsafe_etcd_options"


class Risk(NamedTuple):
    """What makes a value unsafe, what is allowed without `allow_unsafe_etcd_options`, and why."""

    applies: Callable[[str], bool]
    allowed: str
    why: str


def _outside(value: str) -> bool:
    host = value.rpartition(":")[0].strip("[]")
    return host not in ("localhost", "::1") and not host.startswith("127.")


# Options with values that are refused unless `allow_unsafe_etcd_options` names the option.
UNSAFE: dict[str, Risk] = {
    "cipher-suites": Risk(
        lambda value: bool(set(value.split(",")) & set(BROKEN)),
        "suites without RC4 and 3DES",
        "Their encryption can be broken.",
    ),
    "distributed-tracing-address": Risk(
        _outside,
        "a collector on the host itself, such as localhost:4317",
        "etcd sends what it traces, keys of the store among it, without TLS.",
    ),
    "listen-client-http-urls": Risk(
        lambda value: any(each.scheme == "http" for each in urls(value)),
        "https:// URLs",
        "Whoever reaches an http:// one reads and writes the whole store, without TLS and without a certificate.",
    ),
    "peer-skip-client-san-verification": Risk(
        lambda value: value == "true",
        "false",
        "A member would take any certificate of the peers' CA from any address.",
    ),
    "socket-reuse-port": Risk(
        lambda value: value == "true",
        "false",
        "A second process could take the member's port, and with it a part of the clients, without an error.",
    ),
    "v2-deprecation": Risk(
        lambda value: value != "write-only",
        "write-only",
        "The others skip the check for data of the v2 store, or drop that data.",
    ),
}

# Options whose values are checked, alone or together; no value that passes opens or loses anything.
CHECKED = frozenset(
    {
        "auth-token",
        "auth-token-ttl",
        "auto-compaction-mode",
        "auto-compaction-retention",
        "backend-batch-limit",
        "bcrypt-cost",
        "bootstrap-defrag-threshold-megabytes",
        "client-crl-file",
        "compact-hash-check-time",
        "compaction-batch-limit",
        "cors",
        "distributed-tracing-sampling-rate",
        "downgrade-check-time",
        "election-timeout",
        "enable-log-rotation",
        "enable-pprof",  # for clients with a certificate only; warned of
        "feature-gates",
        "grpc-keepalive-min-time",
        "heartbeat-interval",
        "listen-metrics-urls",  # metrics and health only, never the store
        "log-level",
        "log-outputs",
        "log-rotation-config-json",
        "max-learners",
        "max-request-bytes",
        "max-txn-ops",
        "peer-crl-file",
        "quota-backend-bytes",
        "tls-max-version",
        "tls-min-version",
    }
)

# Options that cost memory, time or comfort at the worst.
HARMLESS = frozenset(
    {
        "backend-batch-interval",
        "backend-bbolt-freelist-type",
        "compaction-sleep-interval",
        "corrupt-check-time",
        "distributed-tracing-instance-id",
        "distributed-tracing-service-name",
        "enable-distributed-tracing",
        "enable-grpc-gateway",
        "grpc-keepalive-interval",
        "grpc-keepalive-timeout",
        "host-whitelist",  # narrower than etcd's default
        "initial-election-tick-advance",
        "log-format",
        "logger",
        "max-concurrent-streams",
        "max-snapshots",
        "max-wals",
        "memory-mlock",
        "metrics",
        "pre-vote",
        "raft-read-timeout",
        "raft-write-timeout",
        "snapshot-catchup-entries",
        "snapshot-count",
        "socket-reuse-address",
        "warning-apply-duration",
        "warning-unary-request-duration",
        "watch-progress-notify-interval",
    }
)


def unsafe(options: Mapping[str, str], newest: Callable[[str], str]) -> dict[str, Risk]:
    """Return which of the options have an unsafe value; `newest` gives an option's newest name."""
    return {
        name: UNSAFE[newest(name)]
        for name, value in options.items()
        if newest(name) in UNSAFE and UNSAFE[newest(name)].applies(value)
    }
