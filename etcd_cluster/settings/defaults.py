"""The etcd options that differ from etcd's own defaults, from the unit this program replaces."""

SEED_OPTIONS: dict[str, str] = {
    "auto-compaction-mode": "periodic",
    "auto-compaction-retention": "1",
    "max-request-bytes": "33554432",
    "quota-backend-bytes": "6442450944",
    "heartbeat-interval": "250",
    "election-timeout": "2000",
}
