"""etcd options that cannot be set here, or whose values can open the store, cost data or weaken what is promised.

Every option of the table stands in one of the groups, by its newest name.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from etcd_cluster.settings.options.tls import BROKEN
from etcd_cluster.settings.options.values import urls

_MANAGED = "is managed by this program"
_CERTIFICATES = "is managed by this program, which makes and installs the certificates"
_BOOTSTRAP = "is managed by this program, which bootstraps the cluster and adds its members"
_ALWAYS = "is always on: clients and peers have to show a certificate"
_PROXY = "is an option of the v2 proxy, which is not a member"

# Option: (what is said of it, what to do).
REFUSED: dict[str, tuple[str, str]] = {
    "name": (_MANAGED, "Remove it; a member is named by its key below nodes."),
    "data-dir": (_MANAGED, "Remove it; see paths.data_dir."),
    "wal-dir": (_MANAGED, "Remove it; see paths.wal_dir."),
    "listen-peer-urls": (_MANAGED, "Remove it; see the nodes' address and peer_port."),
    "initial-advertise-peer-urls": (_MANAGED, "Remove it; see the nodes' address and peer_port."),
    "listen-client-urls": (_MANAGED, "Remove it; see the nodes' address and client_port."),
    "advertise-client-urls": (_MANAGED, "Remove it; see the nodes' address and client_port."),
    "initial-cluster": (_BOOTSTRAP, "Remove it; see nodes."),
    "initial-cluster-state": (_BOOTSTRAP, "Remove it."),
    "initial-cluster-token": (_BOOTSTRAP, "Remove it; see initial_cluster_token."),
    "cert-file": (_CERTIFICATES, "Remove it; see certificates and ca."),
    "key-file": (_CERTIFICATES, "Remove it; see certificates and ca."),
    "trusted-ca-file": (_CERTIFICATES, "Remove it; see ca."),
    "client-cert-file": (_CERTIFICATES, "Remove it; see certificates and ca."),
    "client-key-file": (_CERTIFICATES, "Remove it; see certificates and ca."),
    "peer-cert-file": (_CERTIFICATES, "Remove it; see certificates and ca."),
    "peer-key-file": (_CERTIFICATES, "Remove it; see certificates and ca."),
    "peer-trusted-ca-file": (_CERTIFICATES, "Remove it; see ca."),
    "peer-client-cert-file": (_CERTIFICATES, "Remove it; see certificates and ca."),
    "peer-client-key-file": (_CERTIFICATES, "Remove it; see certificates and ca."),
    "peer-cert-allowed-cn": (
        "is managed by this program, which sets it where clients and peers share a CA",
        "Remove it; see ca.shared.",
    ),
    "peer-cert-allowed-hostname": (
        "must not be set: it excludes the check of common names under a shared CA",
        "Remove it; see ca.shared.",
    ),
    "client-cert-allowed-hostname": (
        "must not be set: it refuses each client without the name in its certificate, also this program on the hosts",
        "Remove it; use etcd's users and roles to tell clients apart.",
    ),
    "client-cert-auth": (_ALWAYS, "Remove it."),
    "peer-client-cert-auth": (_ALWAYS, "Remove it."),
    "auto-tls": (_CERTIFICATES, "Remove it."),
    "peer-auto-tls": (_CERTIFICATES, "Remove it."),
    "self-signed-cert-validity": (_CERTIFICATES, "Remove it; see certificates.validity_days."),
    "config-file": (
        "must not be set: with a file, etcd ignores all other settings",
        "Remove it, and write the file's options below etcd.",
    ),
    "version": (
        "is not an option to run with: etcd prints its version and stops",
        "Remove it; see the setting version.",
    ),
    "strict-reconfig-check": ("must stay on: without the check, a change of members can cost the quorum", "Remove it."),
    "unsafe-no-fsync": ("must not be set: it loses data when the power fails", "Remove it."),
    "force-new-cluster": (
        "must not be set: it drops all other members; it is for disaster recovery by hand",
        "Remove it.",
    ),
    "enable-v2": ("must not be set: a v2 store with content prevents the upgrade to 3.6", "Remove it."),
    "experimental-enable-v2v3": ("must not be set: a v2 store prevents the upgrade to 3.6", "Remove it."),
    "discovery": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-cacert": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-cert": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-dial-timeout": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-endpoints": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-fallback": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-insecure-skip-tls-verify": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-insecure-transport": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-keepalive-time": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-keepalive-timeout": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-key": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-password": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-proxy": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-request-timeout": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-srv": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-srv-name": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-token": (_BOOTSTRAP, "Remove it; see nodes."),
    "discovery-user": (_BOOTSTRAP, "Remove it; see nodes."),
    "proxy": (_PROXY, "Remove it."),
    "proxy-dial-timeout": (_PROXY, "Remove it."),
    "proxy-failure-wait": (_PROXY, "Remove it."),
    "proxy-read-timeout": (_PROXY, "Remove it."),
    "proxy-refresh-interval": (_PROXY, "Remove it."),
    "proxy-write-timeout": (_PROXY, "Remove it."),
}

_TIMING = "Members with different timing disturb each other's elections."
# Options that must not differ between members: https://etcd.io/docs/v3.6/tuning/ and /op-guide/authentication/
UNIFORM: dict[str, str] = {
    "heartbeat-interval": _TIMING,
    "election-timeout": _TIMING,
    "auth-token": "A token that one member issues must be valid on all.",
}


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
