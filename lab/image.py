"""The base image: a Debian 12 root file system that all hosts of all labs share, read-only."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lab import cache
from lab.system import LabError, locked, run, script

SUITE = "bookworm"
PACKAGES = (
    "systemd", "systemd-sysv", "libpam-systemd", "dbus", "openssh-server", "ca-certificates", "sudo",
    "iproute2", "nftables", "curl", "procps", "libfaketime",
)  # fmt: skip
"""What a host has beyond Debian's minimal base; libfaketime is there for `Host.skew`."""

USERS = {"ops": 1000, "plain": 1001}
"""Users beside root and their ids: `ops` may sudo without a password, `plain` may not sudo."""


def current() -> Path:
    """Return the folder of the image that new hosts get, built or not.

    Its name carries a digest of the recipe: another recipe is another image, and no host sees its own change.
    """
    recipe = repr((SUITE, PACKAGES, USERS, script("image.sh")))
    return cache.hosts() / f"base-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def ensure(say: Callable[[str], None] = lambda _: None) -> Path:
    """Return the base image's folder; build it where it is missing (about a minute).

    Args:
        say: Is told, once, that a build starts.

    Raises:
        LabError: debootstrap or the recipe failed.
    """
    base = current()
    with locked(cache.hosts() / ".image.lock"):
        if not base.is_dir():
            say("Building the base image (once, about a minute) …")
            _build(base)
    return base


def built() -> Path | None:
    """Return an image that is there, the current one if it is, None before the first build."""
    return next((path for path in (current(), *cache.hosts().glob("base-*")) if path.is_dir()), None)


def _mirror() -> str:
    """Return the mirror that this machine's own apt uses, so that a host image comes the same way."""
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").stdout.split()
    return next((uri for uri in listed if "security" not in uri), "http://deb.debian.org/debian")


def _build(base: Path) -> None:
    work = base.with_name(f"{base.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith("LC_")} | {"LANG": "C"}
    try:
        run(
            "debootstrap", "--variant=minbase", "--components=main", f"--include={','.join(PACKAGES)}",
            SUITE, work, _mirror(), timeout=900, env=env,
        )  # fmt: skip
    except LabError:
        log = work / "debootstrap" / "debootstrap.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else "no log"
        raise LabError(f"the base image could not be built; the end of debootstrap's log:\n{tail}") from None
    users = [f"{name}:{uid}" for name, uid in USERS.items()]
    run("sh", "-eu", "-c", script("image.sh"), "image.sh", work, *users, timeout=120)
    work.rename(base)


def remove_unused(used: set[Path]) -> list[Path]:
    """Remove the images of former recipes, except those in `used`. Returns what was removed."""
    with locked(cache.hosts() / ".image.lock"):
        old = [path for path in cache.hosts().glob("base-*") if path != current() and path not in used]
        for path in old:
            shutil.rmtree(path)
    return old
