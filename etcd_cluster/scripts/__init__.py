"""The shell that runs on hosts: a script of `scripts/` with its variables, after the parts of `scripts/parts/` it uses.

The header of each script and part declares both, in lines that are not sent to the host:

    # uses: lib relocation
    # variables: config data wal

Variables stand above the script as quoted assignments. The whole text becomes an argument of a command line
(`ssh.commands`), which `ps` and sudo's log show to others: a secret goes to the script's standard input, and never
into a variable. `install` alone travels on standard input, so its proxy's URL may hold a password.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
_PARTS = FOLDER / "parts"
_DECLARATION = re.compile(r"^# (uses|variables): (.+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """The file of a script or of a part: what it declares, and its text without the declarations."""

    path: Path
    uses: tuple[str, ...]
    variables: tuple[str, ...]
    text: str

    @classmethod
    def read(cls, path: Path) -> "Source":
        """Read a file."""
        text = path.read_text()
        found: dict[str, tuple[str, ...]] = {}
        for kind, words in _DECLARATION.findall(text):
            found[kind] = (*found.get(kind, ()), *words.split())
        return cls(path, found.get("uses", ()), found.get("variables", ()), _DECLARATION.sub("", text))

    @property
    def lines(self) -> list[int]:
        """The numbers that the lines of `text` have in the file."""
        lines = self.path.read_text().splitlines(keepends=True)
        return [number for number, line in enumerate(lines, 1) if not _DECLARATION.fullmatch(line)]


@cache
def source(name: str) -> Source:
    """Return a script as it stands in its file; raises `FileNotFoundError` where there is none of this name."""
    return Source.read(FOLDER / f"{name}.sh")


@cache
def part(name: str) -> Source:
    """Return a part as it stands in its file."""
    return Source.read(_PARTS / f"{name}.sh")


def parts_of(names: Sequence[str]) -> list[str]:
    """Return these parts and those that they use themselves, each once, after all that it uses."""
    ordered: list[str] = []
    for name in names:
        ordered += [each for each in (*parts_of(part(name).uses), name) if each not in ordered]
    return ordered


def sources(name: str, *, guarded: bool) -> list[Source]:
    """Return what the text of a script consists of, in its order; the script itself is the last."""
    own = source(name)
    return [*(part(each) for each in parts_of((*(("guard",) if guarded else ()), *own.uses))), own]


def script(name: str, /, **variables: str | int) -> str:
    """Return the text of a script with values for its variables.

    Raises `ValueError` where these are not exactly the variables that the script declares. None may be a secret.
    """
    return _rendered(name, variables, guarded=False)


def guarded(name: str, /, *, holder: str, **variables: str | int) -> str:
    """Return the text of a script that changes a host only while `holder` has the host's lease; else as `script`."""
    return _rendered(name, {"holder": holder, **variables}, guarded=True)


def _rendered(name: str, variables: Mapping[str, str | int], *, guarded: bool) -> str:
    declared = [*(part("guard").variables if guarded else ()), *source(name).variables]
    if variables.keys() != set(declared):
        missing, unknown = set(declared) - variables.keys(), variables.keys() - set(declared)
        raise ValueError(f"variables of {name}.sh: missing {sorted(missing)}, unknown {sorted(unknown)}")
    assignments = "".join(f"{word}={shlex.quote(str(variables[word]))}\n" for word in declared)
    return assignments + "\n".join(each.text for each in sources(name, guarded=guarded))
