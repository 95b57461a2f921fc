"""Starts the provider plugin `etcd`; the language host calls it with the engine's address as its last argument."""

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from plugin.archive import Archive
from plugin.first_login import FirstLogin
from plugin.host import Host
from plugin.instance_preflight import InstancePreflight
from plugin.pinned import Pinned
from plugin.placement import Placement
from plugin.preflight import Preflight
from plugin.resource import Context, Resource
from plugin.rollout import Rollout
from plugin.server import serve
from plugin.service import Service

_TYPES: tuple[type[Resource], ...] = (
    Preflight,
    Host,
    Archive,
    Service,
    Rollout,
    Placement,
    Pinned,
    InstancePreflight,
    FirstLogin,
)


def _resources(context: Context) -> Mapping[str, Resource]:
    return {kind.type: kind(context) for kind in _TYPES}


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(serve(sys.argv[-1], _resources))
