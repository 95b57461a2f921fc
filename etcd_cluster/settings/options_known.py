"""The options that etcd's server knows, as objects."""

from dataclasses import dataclass

from etcd_cluster.settings.options_table import TABLE
from etcd_cluster.versions import Minor, minor


@dataclass(frozen=True)
class Option:
    """One option: the kind of its value, the minors that know it, and what replaces it."""

    name: str
    kind: str
    first: Minor
    last: Minor
    replacement: str

    def known(self, minor: Minor) -> bool:
        """Tell whether a minor has the option."""
        return self.first <= minor <= self.last


def _table() -> dict[str, Option]:
    rows = (line.split() for line in TABLE.strip().splitlines())
    return {row[0]: Option(row[0], row[1], minor(row[2]), minor(row[3]), " ".join(row[4:])) for row in rows}


OPTIONS = _table()


def newest(name: str) -> str:
    """Return the name that an option has from 3.6 on; a switch that became a feature gate is of `feature-gates`."""
    option = OPTIONS.get(name)
    return (option.replacement.partition("=")[0] if option else "") or name
