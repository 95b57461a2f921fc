"""What a stand-in of a host reads out of a script that was sent to it, and the look as tests ask for it."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from etcd_cluster import scripts


@dataclass(frozen=True)
class Sent:
    """A script that was sent: its name, empty for another text; the values of its variables; whether it is guarded."""

    name: str
    variables: dict[str, str]
    is_guarded: bool


def sent(text: str) -> Sent:
    """Read what `scripts.script` or `scripts.guarded` has rendered."""
    names = re.findall(r"^# (\w+)\.sh: ", text, re.MULTILINE)
    if not names:
        return Sent("", {}, False)
    head = re.split(r"^# ", text, maxsplit=1, flags=re.MULTILINE)[0]
    variables = dict(word.split("=", 1) for word in shlex.split(head))
    is_guarded = variables.pop("holder", None) is not None
    return Sent(names[-1], variables, is_guarded)


def observe(
    config: Path | str,
    data: Path | str = "/none",
    wal: Path | str | None = None,
    *,
    install: Path | str = "/none",
    bin: Path | str = "/none",  # noqa: A002 - as the script names it
    client_port: int = 2379,
    ports: str = "2380",
    version: str = "3.6.16",
    depth: str = "facts",
) -> str:
    """Return the look at a host for a member that is wanted so; without `wal` the WAL is inside the data directory."""
    return scripts.script(
        "observe",
        config=str(config),
        data=str(data),
        wal=str(wal or f"{data}/member/wal"),
        install=str(install),
        bin=str(bin),
        client_port=client_port,
        ports=ports,
        version=version,
        depth=depth,
        staged_revision="",
        staged_certificates="",
    )
