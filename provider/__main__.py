"""Starts the provider plugin `etcd`; the language host calls it with the engine's address as its last argument."""

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from provider.resource import Context, Resource
from provider.resources.archive import Archive
from provider.resources.cluster_health import ClusterHealth
from provider.resources.first_login import FirstLogin
from provider.resources.host import Host
from provider.resources.instance_preflight import InstancePreflight
from provider.resources.pinned import Pinned
from provider.resources.placement import Placement
from provider.resources.preflight import Preflight
from provider.resources.rollout import Rollout
from provider.resources.service import Service
from provider.server import serve

_TYPES: tuple[type[Resource], ...] = (
    Preflight,
    Host,
    Archive,
    Service,
    Rollout,
    ClusterHealth,
    Placement,
    Pinned,
    InstancePreflight,
    FirstLogin,
)


def _resources(context: Context) -> Mapping[str, Resource]:
    return {kind.type: kind(context) for kind in _TYPES}


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(serve(sys.argv[-1], _resources))
