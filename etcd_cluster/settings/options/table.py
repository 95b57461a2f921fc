"""The options of etcd's server, by minor.

Taken from the flags that etcd 3.5.33, 3.6.16 and 3.7.3 register in embed/config.go and etcdmain/config.go. The
replacements are those of experimentalFlagMigrationMap (embed/config.go) and
ExperimentalFlagToFeatureMap (features/etcd_features.go).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from etcd_cluster.versions import Minor, minor

# Name, kind (choices are separated by |), first minor, last minor, what replaces it from 3.6 on.
TABLE = """
advertise-client-urls                              urls       3.5 3.7
auth-token                                         text       3.5 3.7
auth-token-ttl                                     uint       3.5 3.7
auto-compaction-mode                               periodic|revision 3.5 3.7
auto-compaction-retention                          text       3.5 3.7
auto-tls                                           bool       3.5 3.7
backend-batch-interval                             duration   3.5 3.7
backend-batch-limit                                int        3.5 3.7
backend-bbolt-freelist-type                        array|map  3.5 3.7
bcrypt-cost                                        uint       3.5 3.7
bootstrap-defrag-threshold-megabytes               uint       3.6 3.7
cert-file                                          path       3.5 3.7
cipher-suites                                      list       3.5 3.7
client-cert-allowed-hostname                       list       3.5 3.7
client-cert-auth                                   bool       3.5 3.7
client-cert-file                                   path       3.5 3.7
client-crl-file                                    path       3.5 3.7
client-key-file                                    path       3.5 3.7
compact-hash-check-time                            duration   3.6 3.7
compaction-batch-limit                             int        3.6 3.7
compaction-sleep-interval                          duration   3.6 3.7
config-file                                        text       3.5 3.7
corrupt-check-time                                 duration   3.6 3.7
cors                                               urls       3.5 3.7
data-dir                                           text       3.5 3.7
discovery                                          text       3.5 3.6
discovery-cacert                                   text       3.6 3.7
discovery-cert                                     text       3.6 3.7
discovery-dial-timeout                             duration   3.6 3.7
discovery-endpoints                                list       3.6 3.7
discovery-fallback                                 exit|proxy 3.5 3.7
discovery-insecure-skip-tls-verify                 bool       3.6 3.7
discovery-insecure-transport                       bool       3.6 3.7
discovery-keepalive-time                           duration   3.6 3.7
discovery-keepalive-timeout                        duration   3.6 3.7
discovery-key                                      text       3.6 3.7
discovery-password                                 text       3.6 3.7
discovery-proxy                                    text       3.5 3.6
discovery-request-timeout                          duration   3.6 3.7
discovery-srv                                      text       3.5 3.7
discovery-srv-name                                 text       3.5 3.7
discovery-token                                    text       3.6 3.7
discovery-user                                     text       3.6 3.7
distributed-tracing-address                        text       3.6 3.7
distributed-tracing-instance-id                    text       3.6 3.7
distributed-tracing-sampling-rate                  int        3.6 3.7
distributed-tracing-service-name                   text       3.6 3.7
downgrade-check-time                               duration   3.6 3.7
election-timeout                                   uint       3.5 3.7
enable-distributed-tracing                         bool       3.6 3.7
enable-grpc-gateway                                bool       3.5 3.7
enable-log-rotation                                bool       3.5 3.7
enable-pprof                                       bool       3.5 3.7
enable-v2                                          bool       3.5 3.5
experimental-bootstrap-defrag-threshold-megabytes  uint       3.5 3.6 bootstrap-defrag-threshold-megabytes
experimental-compact-hash-check-enabled            bool       3.5 3.6 feature-gates=CompactHashCheck=true
experimental-compact-hash-check-time               duration   3.5 3.6 compact-hash-check-time
experimental-compaction-batch-limit                int        3.5 3.6 compaction-batch-limit
experimental-compaction-sleep-interval             duration   3.5 3.6 compaction-sleep-interval
experimental-corrupt-check-time                    duration   3.5 3.6 corrupt-check-time
experimental-distributed-tracing-address           text       3.5 3.6 distributed-tracing-address
experimental-distributed-tracing-instance-id       text       3.5 3.6 distributed-tracing-instance-id
experimental-distributed-tracing-sampling-rate     int        3.5 3.6 distributed-tracing-sampling-rate
experimental-distributed-tracing-service-name      text       3.5 3.6 distributed-tracing-service-name
experimental-downgrade-check-time                  duration   3.5 3.6 downgrade-check-time
experimental-enable-distributed-tracing            bool       3.5 3.6 enable-distributed-tracing
experimental-enable-lease-checkpoint               bool       3.5 3.6 feature-gates=LeaseCheckpoint=true
experimental-enable-lease-checkpoint-persist       bool       3.5 3.6 feature-gates=LeaseCheckpointPersist=true
experimental-enable-v2v3                           text       3.5 3.5
experimental-initial-corrupt-check                 bool       3.5 3.6 feature-gates=InitialCorruptCheck=true
experimental-memory-mlock                          bool       3.5 3.6 memory-mlock
experimental-peer-skip-client-san-verification     bool       3.5 3.6 peer-skip-client-san-verification
experimental-snapshot-catchup-entries              uint64     3.5 3.6 snapshot-catchup-entries
experimental-stop-grpc-service-on-defrag           bool       3.5 3.6 feature-gates=StopGRPCServiceOnDefrag=true
experimental-txn-mode-write-with-shared-buffer     bool       3.5 3.6 feature-gates=TxnModeWriteWithSharedBuffer=true
experimental-warning-apply-duration                duration   3.5 3.6 warning-apply-duration
experimental-warning-unary-request-duration        duration   3.6 3.6 warning-unary-request-duration
experimental-watch-progress-notify-interval        duration   3.5 3.6 watch-progress-notify-interval
feature-gates                                      gates      3.6 3.7
force-new-cluster                                  bool       3.5 3.7
grpc-keepalive-interval                            duration   3.5 3.7
grpc-keepalive-min-time                            duration   3.5 3.7
grpc-keepalive-timeout                             duration   3.5 3.7
heartbeat-interval                                 uint       3.5 3.7
host-whitelist                                     list       3.5 3.7
initial-advertise-peer-urls                        urls       3.5 3.7
initial-cluster                                    text       3.5 3.7
initial-cluster-state                              new|existing 3.5 3.7
initial-cluster-token                              text       3.5 3.7
initial-election-tick-advance                      bool       3.5 3.7
key-file                                           path       3.5 3.7
listen-client-http-urls                            urls       3.5 3.7
listen-client-urls                                 urls       3.5 3.7
listen-metrics-urls                                urls       3.5 3.7
listen-peer-urls                                   urls       3.5 3.7
log-format                                         json|console 3.6 3.7
log-level                                          debug|info|warn|error|panic|fatal 3.5 3.7
log-outputs                                        list       3.5 3.7
log-rotation-config-json                           text       3.5 3.7
logger                                             zap        3.5 3.7
max-concurrent-streams                             uint32     3.5 3.7
max-learners                                       int        3.6 3.7
max-request-bytes                                  uint       3.5 3.7
max-snapshots                                      uint       3.5 3.7
max-txn-ops                                        uint       3.5 3.7
max-wals                                           uint       3.5 3.7
memory-mlock                                       bool       3.6 3.7
metrics                                            basic|extensive 3.5 3.7
name                                               text       3.5 3.7
peer-auto-tls                                      bool       3.5 3.7
peer-cert-allowed-cn                               list       3.5 3.7
peer-cert-allowed-hostname                         list       3.5 3.7
peer-cert-file                                     path       3.5 3.7
peer-client-cert-auth                              bool       3.5 3.7
peer-client-cert-file                              path       3.5 3.7
peer-client-key-file                               path       3.5 3.7
peer-crl-file                                      path       3.5 3.7
peer-key-file                                      path       3.5 3.7
peer-skip-client-san-verification                  bool       3.6 3.7
peer-trusted-ca-file                               path       3.5 3.7
pre-vote                                           bool       3.5 3.7
proxy                                              off|readonly|on 3.5 3.5
proxy-dial-timeout                                 uint       3.5 3.5
proxy-failure-wait                                 uint       3.5 3.5
proxy-read-timeout                                 uint       3.5 3.5
proxy-refresh-interval                             uint       3.5 3.5
proxy-write-timeout                                uint       3.5 3.5
quota-backend-bytes                                int        3.5 3.7
raft-read-timeout                                  duration   3.5 3.7
raft-write-timeout                                 duration   3.5 3.7
self-signed-cert-validity                          uint       3.5 3.7
snapshot-catchup-entries                           uint64     3.6 3.7
snapshot-count                                     uint64     3.5 3.7
socket-reuse-address                               bool       3.5 3.7
socket-reuse-port                                  bool       3.5 3.7
strict-reconfig-check                              bool       3.5 3.7
tls-max-version                                    TLS1.2|TLS1.3 3.5 3.7
tls-min-version                                    TLS1.2|TLS1.3 3.5 3.7
trusted-ca-file                                    path       3.5 3.7
unsafe-no-fsync                                    bool       3.5 3.7
v2-deprecation                                     write-only|write-only-skip-check|write-only-drop-data|gone 3.5 3.7
version                                            bool       3.5 3.7
wal-dir                                            text       3.5 3.7
warning-apply-duration                             duration   3.6 3.7
warning-unary-request-duration                     duration   3.6 3.7
watch-progress-notify-interval                     duration   3.6 3.7
"""

# Feature gates, with the first minor that has them. All of 3.6 are in 3.7 too.
GATES: dict[str, Minor] = {
    "AllAlpha": (3, 6),
    "AllBeta": (3, 6),
    "CompactHashCheck": (3, 6),
    "FastLeaseKeepAlive": (3, 7),
    "InitialCorruptCheck": (3, 6),
    "LeaseCheckpoint": (3, 6),
    "LeaseCheckpointPersist": (3, 6),
    "PriorityRequest": (3, 7),
    "SetMemberLocalAddr": (3, 6),
    "StopGRPCServiceOnDefrag": (3, 6),
    "TxnModeWriteWithSharedBuffer": (3, 6),
}

# Options that etcd's own YAML takes as lists.
LISTS = frozenset(
    line.split()[0] for line in TABLE.strip().splitlines() if line.split()[1] in ("list", "urls", "gates")
)


@dataclass(frozen=True)
class Option:
    """One option: the kind of its value, the minors that know it, and what replaces it."""

    name: str
    kind: str
    first: Minor
    last: Minor
    replacement: str

    def known(self, minor: Minor) -> bool:
        """Tell whether a minor has the option."""
        return self.first <= minor <= self.last


def _table() -> dict[str, Option]:
    rows = (line.split() for line in TABLE.strip().splitlines())
    return {row[0]: Option(row[0], row[1], minor(row[2]), minor(row[3]), " ".join(row[4:])) for row in rows}


OPTIONS = _table()


def newest(name: str) -> str:
    """Return the name that an option has from 3.6 on; a switch that became a feature gate is of `feature-gates`."""
    option = OPTIONS.get(name)
    return (option.replacement.partition("=")[0] if option else "") or name


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
