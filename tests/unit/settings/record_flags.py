"""Writes the flags etcd's source registers, one file per minor, which the table of options is tested against.

Run it with the folders of the Go module go.etcd.io/etcd/server/v3 in the versions to record, as
`go mod download -json go.etcd.io/etcd/server/v3@v3.6.16` names them. Each line has a flag and its kind.
"""

import re
import sys
from pathlib import Path

RECORDED = Path(__file__).parent / "flags"
METHOD = re.compile(r"\bfs\.(\w+)Var\(\s*&[\w.]+,\s*\"([a-z0-9-]+)\"")
VALUE = re.compile(r"\bfs\.Var\(\s*((?:[^()\"]|\([^()]*\)|\"[^\"]*\"\))+?),\s*\"([a-z0-9-]+)\"", re.DOTALL)
GATES = re.compile(r"AddFlag\(fs, ServerFeatureGateFlagName\)")


def kind(value: str) -> str:
    """Return the kind of a flag whose value is built by an expression of etcd's flags package."""
    constructor = re.search(r"flags\.New(\w+)", value)
    if constructor is None:
        return "selective"  # cfg.cf.NAME: one of a fixed list
    return {"UniqueURLsWithExceptions": "urls", "StringsValue": "list", "UniqueStringsValue": "list"}.get(
        constructor[1], constructor[1].removesuffix("Value").lower()
    )


def flags(module: Path) -> dict[str, str]:
    """Return flag → kind of one version of etcd's server."""
    found: dict[str, str] = {}
    for name in ("embed/config.go", "etcdmain/config.go"):
        source = re.sub(r"^\s*//.*$", "", (module / name).read_text(), flags=re.MULTILINE)
        found |= {match[2]: match[1].lower() for match in METHOD.finditer(source)}
        found |= {match[2]: kind(match[1]) for match in VALUE.finditer(source)}
        if GATES.search(source):
            found["feature-gates"] = "gates"
    return found


def main(folders: list[str]) -> None:
    """Record the flags of each folder."""
    RECORDED.mkdir(exist_ok=True)
    for folder in folders:
        version = Path(folder).name.rpartition("@v")[2]
        lines = [f"{flag} {flags(Path(folder))[flag]}\n" for flag in sorted(flags(Path(folder)))]
        (RECORDED / version.rpartition(".")[0]).write_text(f"# etcd {version}\n" + "".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
