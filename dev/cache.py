"""Where the lab and the toolchain keep what outlives a checkout."""

import os
from pathlib import Path


def root() -> Path:
    """Return the cache folder: `$ETCD_CLUSTER_CACHE`, else `etcd-cluster` in the user's cache folder."""
    if given := os.environ.get("ETCD_CLUSTER_CACHE"):
        return Path(given).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "etcd-cluster"


def toolchain() -> Path:
    """Return the folder of the Pulumi CLI, its `PULUMI_HOME` and the stand-ins."""
    return root() / "toolchain"


def releases() -> Path:
    """Return the folder of etcd releases, laid out as upstream's download tree."""
    return root() / "releases"


def hosts() -> Path:
    """Return the folder of the base image and of each lab's hosts."""
    return root() / "hosts"
