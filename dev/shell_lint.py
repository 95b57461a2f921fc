"""Checks the shell of this repository: its format with shfmt, the rest with shellcheck.

A script for hosts is checked as it is sent, with its variables and the parts that it uses, so that what is used and
nowhere set shows. What is found is printed with its file and line.
"""

import json
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from etcd_cluster import scripts

CHECKOUT = Path(__file__).parents[1]
OTHERS = (CHECKOUT / "dev" / "lab" / "shell", CHECKOUT / "dev" / "bench")
# Messages quote commands in backticks, and no script calls every function of its parts.
_EXCLUDED = "SC2016,SC2329"
# The guard in front of a script that changes a host.
_HOLDER = "run-1"
_FOUND = 1


@dataclass(frozen=True, order=True)
class Finding:
    """What shellcheck has found at a line of a file."""

    path: Path
    line: int
    code: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: SC{self.code}: {self.message}"


def composed(name: str) -> tuple[str, list[tuple[Path, int] | None]]:
    """Return a script as it is sent, and for each line of it the file and the line where that stands.

    None stands for a line that is in no file: an assignment, or what separates two files.
    """
    sources = scripts.sources(name, guarded=True)
    values = dict.fromkeys(scripts.source(name).variables, "x")
    text = scripts.guarded(name, holder=_HOLDER, **values)
    origins: list[tuple[Path, int] | None] = []
    for each in sources:
        origins += [*((each.path, number) for number in each.lines), None]
    del origins[-1]
    head = len(text.splitlines()) - len(origins)
    return text, [*[None] * head, *origins]


def check(names: Iterable[str], files: Sequence[Path] = ()) -> list[Finding]:
    """Return what shellcheck finds in these scripts for hosts, and in these files."""
    with tempfile.TemporaryDirectory() as folder:
        origins: dict[str, list[tuple[Path, int] | None]] = {}
        for name in names:
            path = Path(folder) / f"{name}.sh"
            text, origins[str(path)] = composed(name)
            path.write_text(text)
        options = ["--shell=sh", "--norc", "--format=json1", f"--exclude={_EXCLUDED}"]
        done = _run("shellcheck", *options, *origins, *map(str, files))
    found = set()
    for comment in json.loads(done.stdout)["comments"]:
        path, line = comment["file"], comment["line"]
        origin = origins[path][line - 1] if path in origins else (Path(path), line)
        if origin:
            found.add(Finding(origin[0], origin[1], comment["code"], comment["message"]))
    return sorted(found)


def _run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment; raises `RuntimeError` where it could not do its work."""
    program = Path(sysconfig.get_path("scripts")) / tool
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in (0, _FOUND):
        raise RuntimeError(f"{tool} ended with exit status {done.returncode}: {done.stderr.strip()}")
    return done


def main() -> int:
    """Print what is wrong; return the exit status."""
    names = sorted(path.stem for path in scripts.FOLDER.glob("*.sh"))
    files = [path for folder in OTHERS for path in sorted(folder.glob("*.sh"))]
    found = [str(each).removeprefix(f"{CHECKOUT}/") for each in check(names, files)]
    # shfmt reads .editorconfig
    misformatted = _run("shfmt", "-d", *map(str, (scripts.FOLDER, *OTHERS))).stdout
    print(*found, misformatted, sep="\n", end="")
    return 1 if found or misformatted else 0


if __name__ == "__main__":
    sys.exit(main())
