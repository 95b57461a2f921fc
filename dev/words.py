"""`python -m dev.words`: names and phrases that an etcd or Pulumi engineer would not search for."""

import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
# What must not stand in code or prose, with what to write in its place.
BANNED = {
    r"\bleafs\b": "leaf certificates, or leaves as a name",
    r"\bHands\b|\bhands\.[a-z]|\(hands[,)]": "ops (the class is Operations)",
    r"\bstrangers?\b": "foreign hosts",
    r"\b[Bb]irth\b": "bootstrap",
    r"\bunborn\b": "not bootstrapped",
    r"\bdoubt(s|ful)?\b": "confirmation",
    r"\bbrought\b": "provided",
    r"\bways_(in|out)\b": "ssh_ingress, egress",
    r"\bits office\b": "trigger an election",
    r"\b[Mm]end (it|the)\b": "fix",
    r"\ba fault of this program\b": "internal error",
    r"\b(is|are) told\b": "gets, is reported",
    r"\blast words\b": "last log lines",
    r"\bgives? way\b": "is replaced by",
    r"\ballowed: nothing\b": "is managed by this program; remove it",
    r"\bsimply\b": "nothing",
}
# Keys in the state, files on hosts and paths below them keep their names.
_KEPT = re.compile(r"""["'`/](leafs|unborn)\b|\bunborn[-_]""")
_READ = ("*.py", "*.sh", "*.md", "*.service", "Makefile", "Pulumi*.yaml")
_HERE = "dev/words.py"


def findings(name: str, text: str) -> list[str]:
    """Return a line for each banned word of a file."""
    return [
        f"{name}:{number}: {match[0]!r}: write {instead}"
        for number, line in enumerate(text.splitlines(), 1)
        for banned, instead in BANNED.items()
        for match in re.finditer(banned, _KEPT.sub("", line))
    ]


def main() -> int:
    """Print what is found in the files that git tracks; return 1 when there is anything."""
    listed = subprocess.run(["git", "ls-files", *_READ], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split() if name != _HERE and not name.startswith("tests/")]
    found = [line for name in names for line in findings(name, (CHECKOUT / name).read_text())]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
