"""Makes the toolchain once and finds it again at once."""

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dev import cache
from dev.toolchain import cli, plugins, versions
from dev.toolchain.cli import Cli, Report
from dev.toolchain.errors import ToolchainError

CHECKOUT = Path(__file__).parents[2]
# Raise this when launchers or folders change shape.
LAYOUT = 4


@dataclass(frozen=True)
class Toolchain:
    """A toolchain that is ready to use."""

    binaries: str
    home: str
    description: str
    standins: list[str]


def report_to_stderr(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def prepare(report: Report = report_to_stderr) -> Toolchain:
    """Return the toolchain for this checkout and environment; find, download or build it if it is not there yet.

    Several processes may call this at once: one works, the others wait. Raises `ToolchainError`.
    """
    python = CHECKOUT / ".venv" / "bin" / "python"
    if not python.exists():
        raise ToolchainError(f"{CHECKOUT} has no virtualenv in .venv; make it with `make env`")
    given = _given_plugins()
    fingerprint = json.dumps(
        [LAYOUT, versions.CLI, versions.YAML, versions.RESOURCE_PLUGINS, str(CHECKOUT), str(given), _path_cli()]
    )
    folder = cache.toolchain() / "environments" / hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
    record = folder / "toolchain.json"
    if not record.exists():
        with _lock(report):
            if not record.exists():
                _make(folder, given, python, report)
    return Toolchain(**json.loads(record.read_bytes()))


def _given_plugins() -> Path | None:
    """Return the user's folder of real plugins."""
    given = os.environ.get("ETCD_CLUSTER_PLUGINS")
    if not given:
        return None
    folder = Path(given).absolute()
    if not folder.is_dir():
        raise ToolchainError(f"ETCD_CLUSTER_PLUGINS={given} is not a folder; name one with real plugins, or unset it")
    return folder


def _user_path() -> str:
    """Return PATH without the folders of earlier toolchains, which `run` puts there."""
    own = str(cache.toolchain())
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if not entry.startswith(own))


def _path_cli() -> list[object]:
    """Return what tells one `pulumi` on PATH from another, without starting it."""
    found = shutil.which("pulumi", path=_user_path())
    if found is None:
        return []
    status = Path(found).stat()
    return [found, status.st_size, status.st_mtime_ns]


@contextmanager
def _lock(report: Report) -> Iterator[None]:
    """Hold the toolchain's lock; it is released however the process ends."""
    cache.toolchain().mkdir(parents=True, exist_ok=True)
    with (cache.toolchain() / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Another process is preparing the toolchain; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path, given: Path | None, python: Path, report: Report) -> None:
    """Lay the toolchain in a folder of its own and rename it into place, so that it is there whole or not at all."""
    found = _find_cli(report)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        used = plugins.lay(found, given, python, unfinished / "bin", unfinished / "home", report)
        made = Toolchain(
            binaries=str(folder / "bin"),
            home=str(folder / "home"),
            description=f"Pulumi CLI: {found.description}; plugins: {used.describe()}",
            standins=used.standins,
        )
        (unfinished / "toolchain.json").write_text(json.dumps(asdict(made)))
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _find_cli(report: Report) -> Cli:
    reasons = []
    found = cli.on_path(_user_path())
    if isinstance(found, Cli):
        return found
    reasons.append(found)
    found = cli.downloaded(cache.toolchain() / f"official-{versions.CLI}", report)
    if isinstance(found, Cli):
        return found
    reasons.append(found)
    return cli.built(cache.toolchain() / f"cli-{versions.CLI}", report, reasons)
