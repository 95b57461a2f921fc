"""etcd releases built from the Go modules, packed and laid out as upstream's download tree."""

import gzip
import hashlib
import io
import os
import platform
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from dev import cache
from dev.lab.system import LabError, locked, run, write

DEFAULT_VERSION = "3.6.16"
"""The version that the lab's stack runs."""

PROGRAMS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
    "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
}
"""Each program of a release and the module whose main package it is."""

_BUILD_SECONDS = 900


def architecture(machine: str | None = None) -> str:
    """Return the name that etcd and Go use for a machine type, `platform.machine()` by default."""
    machine = machine or platform.machine()
    known = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    try:
        return known[machine]
    except KeyError as error:
        raise LabError(f"the lab knows no etcd build for machine type {machine}") from error


def archive(version: str, arch: str | None = None) -> Path:
    """Return where the archive of `version` (such as "3.6.16") stands, built or not."""
    name = f"etcd-v{version}-linux-{arch or architecture()}.tar.gz"
    return cache.releases() / f"v{version}" / name


def checksums() -> Path:
    """Return the file of SHA-256 sums: architecture, then version, then sum, as `etcd_cluster/checksums.yaml`."""
    return cache.releases() / "checksums.yaml"


def ensure(version: str = DEFAULT_VERSION, say: Callable[[str], None] = lambda _: None) -> Path:
    """Return the archive of an etcd version for this machine's architecture; build it where it is missing.

    The first build of a version takes one to two minutes on two cores. Several processes may ask at once.

    Args:
        version: Such as "3.6.16".
        say: Is told, once, that a build starts.

    Raises:
        LabError: Go is missing or too old, or the build failed.
    """
    target = archive(version)
    with locked(cache.releases() / f".v{version}.lock"):
        if not target.exists():
            say(f"Building etcd {version} from its Go modules (once, one to two minutes) …")
            _build(version, target)
        with locked(cache.releases() / ".checksums.lock"):
            write(checksums(), render_checksums(_sums()))
    return target


def _build(version: str, target: Path) -> None:
    if not shutil.which("go"):
        raise LabError("Go is not installed; the lab builds etcd from its Go modules and needs Go 1.26 or later")
    work = cache.releases() / f".build-v{version}"
    shutil.rmtree(work, ignore_errors=True)  # of a killed build; ours alone while we hold the version's lock
    work.mkdir()
    try:
        write(work / "go.mod", render_go_mod(version))
        env = os.environ | {
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-mod=mod -buildvcs=false",
            "GOARCH": architecture(),
            "GOOS": "linux",
            "CGO_ENABLED": "0",
        }
        for program, module in PROGRAMS.items():
            try:
                run(
                    "go", "-C", work, "build", "-trimpath", "-ldflags", "-s -w", "-o", work / program, module,
                    env=env, timeout=_BUILD_SECONDS,
                )  # fmt: skip
            except LabError as error:
                raise LabError(f"{program} of etcd {version} cannot be built from its Go module: {error}") from error
        packed = pack(f"etcd-v{version}-linux-{architecture()}", {p: (work / p).read_bytes() for p in PROGRAMS})
        (work / "archive").write_bytes(packed)
        target.parent.mkdir(exist_ok=True)
        write(target.with_suffix(".sha256"), hashlib.sha256(packed).hexdigest() + "\n")
        (work / "archive").rename(target)
    finally:
        shutil.rmtree(work)


def render_go_mod(version: str) -> str:
    """Return the go.mod of a module whose only purpose is to build the programs of one release."""
    required = "".join(f"\t{module} v{version}\n" for module in PROGRAMS.values())
    return f"module lab.invalid/etcd\n\ngo 1.24\n\nrequire (\n{required})\n"


def pack(folder: str, programs: dict[str, bytes]) -> bytes:
    """Return a gzipped tar with the programs under one folder; the same input gives the same bytes."""
    packed = io.BytesIO()
    # level 1: the archive crosses a bridge on this machine, the time to pack it is what counts
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0, filename="") as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        top = tarfile.TarInfo(folder)
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(top)
        for name, content in sorted(programs.items()):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _sums() -> dict[str, dict[str, str]]:
    sums: dict[str, dict[str, str]] = {}
    for note in cache.releases().glob("v*/etcd-v*-linux-*.tar.sha256"):
        version, arch = note.name.removesuffix(".tar.sha256").removeprefix("etcd-v").split("-linux-")
        if archive(version, arch).exists():
            sums.setdefault(arch, {})[version] = note.read_text().strip()
    return sums


def render_checksums(sums: dict[str, dict[str, str]]) -> str:
    """Return the YAML text of sums given as architecture, version, sum; newest version first."""
    lines = ["# SHA-256 of the etcd archives that this lab built itself; they differ from upstream's."]
    for arch, versions in sorted(sums.items()):
        lines.append(f"{arch}:")
        newest_first = sorted(versions, key=lambda v: tuple(int(n) for n in v.split(".")), reverse=True)
        lines += [f"  {version}: {versions[version]}" for version in newest_first]
    return "\n".join(lines) + "\n"
