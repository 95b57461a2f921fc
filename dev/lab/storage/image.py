"""The images: Debian 12 root file systems that all hosts of all labs share, read-only."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dev import cache
from dev.lab.system import LabError, locked, run, script

SUITE = "bookworm"
PACKAGES = (
    "systemd", "systemd-sysv", "libpam-systemd", "dbus", "openssh-server", "ca-certificates", "sudo",
    "iproute2", "nftables", "curl", "procps", "libfaketime",
)  # fmt: skip
"""What a host has beyond Debian's minimal base; libfaketime is there for `Host.skew`."""

USERS = {"ops": 1000, "plain": 1001}
"""Users beside root and their ids: `ops` may sudo without a password, `plain` may not sudo."""


@dataclass(frozen=True)
class Recipe:
    """What an image is made of.

    Attributes:
        name: The first part of its folder's name.
        packages: Debian packages beyond the minimal base.
        users: Users beside root and their ids.
        scripts: Scripts of `lab/shell` that finish it, in this order; each gets the root folder, then the users.
    """

    name: str
    packages: tuple[str, ...]
    users: Mapping[str, int]
    scripts: tuple[str, ...]


BASE = Recipe("base", PACKAGES, USERS, ("image.sh",))
CLOUD = Recipe(
    "cloud",
    # debootstrap does not find the package behind the names that python3-cryptography asks for
    (*PACKAGES, "cloud-init", "chrony", "python3-cffi-backend"),
    {},
    ("image.sh", "cloud.sh"),
)
"""As Debian's images on EC2: nobody can log in before cloud-init has run."""

RECIPES = (BASE, CLOUD)


def current(recipe: Recipe = BASE) -> Path:
    """Return the folder of the image that new hosts get, built or not.

    Its name carries a digest of the recipe: another recipe is another image, and no host sees its own change.
    """
    text = repr((SUITE, recipe.packages, recipe.users, *map(script, recipe.scripts)))
    return cache.hosts() / f"{recipe.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def ensure(say: Callable[[str], None] = lambda _: None, recipe: Recipe = BASE) -> Path:
    """Return the image's folder; build it where it is missing (about a minute).

    Args:
        say: Is told, once, that a build starts.
        recipe: Which image.

    Raises:
        LabError: debootstrap or the recipe failed.
    """
    image = current(recipe)
    with locked(_lock(recipe)):
        if not image.is_dir():
            say(f"Building the {recipe.name} image (once, about a minute) …")
            _build(image, recipe)
    return image


def built() -> Path | None:
    """Return a base image that is there, the current one if it is, None before the first build."""
    return next((path for path in (current(), *cache.hosts().glob("base-*")) if path.is_dir()), None)


def _lock(recipe: Recipe) -> Path:
    return cache.hosts() / (".image.lock" if recipe is BASE else f".image-{recipe.name}.lock")


def _mirror() -> str:
    """Return the mirror that this machine's own apt uses, so that a host image comes the same way."""
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").stdout.split()
    return next((uri for uri in listed if "security" not in uri), "http://deb.debian.org/debian")


def _build(image: Path, recipe: Recipe) -> None:
    work = image.with_name(f"{image.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith("LC_")} | {"LANG": "C"}
    try:
        run(
            "debootstrap", "--variant=minbase", "--components=main", f"--include={','.join(recipe.packages)}",
            SUITE, work, _mirror(), timeout=900, env=env,
        )  # fmt: skip
    except LabError:
        log = work / "debootstrap" / "debootstrap.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else "no log"
        raise LabError(f"the {recipe.name} image could not be built; the end of debootstrap's log:\n{tail}") from None
    users = [f"{name}:{uid}" for name, uid in recipe.users.items()]
    for name in recipe.scripts:
        run("sh", "-eu", "-c", script(name), name, work, *users, timeout=120)
    work.rename(image)


def remove_unused(used: set[Path]) -> list[Path]:
    """Remove the images of former recipes, except those in `used`. Returns what was removed."""
    old = []
    for recipe in RECIPES:
        with locked(_lock(recipe)):
            found = cache.hosts().glob(f"{recipe.name}-*")
            unused = [path for path in found if path != current(recipe) and path not in used]
            for path in unused:
                shutil.rmtree(path)
            old += unused
    return old
