"""How far an instance's first boot is, as `boot_status.sh` tells it."""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

_SCRIPTS = re.compile(r"scripts[-_]user")


@dataclass(frozen=True)
class Boot:
    """One look at cloud-init: `stage` it is in, `errors` once it has ended, `words` that it printed last.

    `absent` means that the image has no cloud-init, or that it is switched off.
    """

    absent: bool
    ended: bool
    stage: str
    errors: tuple[str, ...]
    words: str

    @classmethod
    def parse(cls, text: str) -> "Boot":
        """Read what `boot_status.sh` printed; a file that is just being written counts as not there."""
        values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        status, result = _version_1(values.get("status", "")), _version_1(values.get("result", ""))
        return cls(
            absent=values.get("absent") == "yes",
            ended=result is not None,
            stage=str((status or {}).get("stage") or "start"),
            errors=tuple(str(error) for error in (result or {}).get("errors") or ()),
            words=_decoded(values.get("words", "")).strip(),
        )

    @property
    def only_our_script_failed(self) -> bool:
        """Whether all that failed is the preparation of the volumes, which can be run again."""
        return bool(self.errors) and all(_SCRIPTS.search(error) for error in self.errors)


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")


def _version_1(encoded: str) -> dict[str, Any] | None:
    try:
        read = json.loads(_decoded(encoded)) if encoded else None
    except json.JSONDecodeError:
        return None
    version = read.get("v1") if isinstance(read, dict) else None
    return version if isinstance(version, dict) else None
