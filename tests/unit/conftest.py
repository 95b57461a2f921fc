"""A host for the scripts that run on hosts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.host_namespace import Namespace, host_namespace


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    with host_namespace(tmp_path_factory.mktemp("namespace")) as made:
        yield made


@pytest.fixture
def host(shared: Namespace) -> Namespace:
    """Return a host that was just booted: nothing in /run, up for 1000 s."""
    shared.out("rm -rf /run/etcd-cluster /run/systemd /etc/systemd/system/*")
    shared.set_uptime(1000)
    shared.answer("")
    (shared.folder / "called").unlink(missing_ok=True)
    return shared


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration directory as claim.sh leaves it."""
    folder = tmp_path / "etc"
    for name in ("revisions", "certificates"):
        (folder / name).mkdir(parents=True)
    return folder
