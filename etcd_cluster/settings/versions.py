"""etcd's versions: what may be installed, what is known against a version, and the SHA-256 sums of its archives."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BeforeValidator

from etcd_cluster.settings.problems import InvalidValue
from etcd_cluster.versions import Minor, Number, minor, parse, text

MINORS: tuple[Minor, ...] = ((3, 5), (3, 6), (3, 7))
OLDEST: Number = (3, 5, 32)


@dataclass(frozen=True)
class Fault:
    """A known fault of the versions from `first` up to, not including, `fixed`."""

    first: Number
    fixed: Number
    what: str
    corrupts: bool = False


# From etcd's CHANGELOG and its upgrade guides.
FAULTS = (
    Fault(
        (3, 6, 0),
        (3, 6, 5),
        "it can corrupt data when a defragmentation and the receipt of a snapshot coincide (etcd pull request 20650)",
        corrupts=True,
    ),
    Fault((3, 6, 0), (3, 6, 4), "a member can fail to start after a learner was promoted (etcd issue 20387)"),
    Fault((3, 6, 0), (3, 6, 6), "a restore with force-new-cluster leaves learners behind"),
    Fault((3, 6, 0), (3, 6, 9), "stale reads and an authorization bypass (CVE-2026-33413, CVE-2026-33343)"),
    Fault(
        (3, 6, 0),
        (3, 6, 11),
        "CVE-2026-44283, no member can be added while another is down, and it is no base for 3.7",
    ),
    Fault((3, 6, 0), (3, 6, 12), "a change of a learner's peer URLs promotes it"),
    Fault(
        (3, 6, 0),
        (3, 6, 14),
        "TLS handshakes can exhaust a member and watches leak memory (GHSA-6vch-q96h-7gc3, GHSA-xg4h-6gfc-h4m8)",
    ),
    Fault((3, 7, 0), (3, 7, 1), "TLS handshakes can exhaust a member (GHSA-6vch-q96h-7gc3)"),
)
NEWEST_ADVISED: dict[Minor, str] = {(3, 6): "3.6.14", (3, 7): "3.7.1"}


def _normalized(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"v?(?:0|[1-9][0-9]{0,3})(?:\.(?:0|[1-9][0-9]{0,3})){2}", value):
        raise InvalidValue(
            "a version of three numbers, such as 3.6.14", action="Put it in quotes and give all three numbers."
        )
    return value.removeprefix("v")


def _supported(value: str) -> str:
    allowed = "a release of 3.5 from 3.5.32 on, of 3.6 or of 3.7"
    if parse(value) < OLDEST:
        if minor(value) == (3, 5):
            why = (
                "Versions 3.5.0 to 3.5.2 corrupt data, and those before 3.5.32 can lose a learner's promotion or bring"
                " removed members back on the way to 3.6."
            )
        else:
            why = "Its line gets no fixes, and its options differ from those this program writes."
        raise InvalidValue(allowed, why, "Use 3.6.14, or 3.5.33 for a cluster that runs 3.5.")
    if minor(value) not in MINORS:
        raise InvalidValue(
            allowed, f"etcd {text(minor(value))} is not supported yet.", "Use a version of a supported line."
        )
    return value


VersionText = Annotated[str, BeforeValidator(_normalized)]
Version = Annotated[str, BeforeValidator(_normalized), AfterValidator(_supported)]


def warnings(version: str) -> list[str]:
    """Return what is known against a version, one sentence each, the worst first."""
    if minor(version) == (3, 5):
        return [f"version: {version} is out of support, as the 3.5 line is. Use it only on the way to 3.6 or back."]
    found = [fault for fault in FAULTS if fault.first <= parse(version) < fault.fixed]
    if not found:
        return []
    better = NEWEST_ADVISED[minor(version)]
    corrupting = [fault.what for fault in found if fault.corrupts]
    others = [fault.what for fault in found if not fault.corrupts]
    result = [
        f"version: DATA LOSS: {version} must not hold data you need: {what}. Use {better}." for what in corrupting
    ]
    if others:
        result.append(f"version: {version} has known faults: {'; '.join(others)}. Use {better} or newer.")
    return result


PINNED = Path(__file__).parent.parent / "checksums.yaml"
ARCHITECTURES = ("amd64", "arm64")
Sums = dict[str, dict[str, str]]


@cache
def pinned_sums() -> Sums:
    """Return version → architecture → sum. Sums from the mirror that serves an archive would prove nothing."""
    return parse_sums(PINNED.read_text())


def parse_sums(text: str) -> Sums:
    """Return version → architecture → sum of YAML text that begins with either of the first two.

    Raises ValueError where the text has another form.
    """
    try:
        content: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError("not YAML") from None
    if not isinstance(content, dict) or not all(isinstance(inner, dict) for inner in content.values()):
        raise ValueError("not a map of maps")
    result: Sums = {}
    for outer, inner in content.items():
        for name, value in inner.items():
            architecture, version = (outer, name) if outer in ARCHITECTURES else (name, outer)
            spelled = isinstance(version, str) and re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+", version)
            if architecture not in ARCHITECTURES or not spelled or not re.fullmatch(r"[0-9a-f]{64}", str(value)):
                raise ValueError("not a sum of a version and an architecture")
            result.setdefault(version.removeprefix("v"), {})[architecture] = str(value)
    return result
