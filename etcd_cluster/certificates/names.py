"""The names that stand in a certificate."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Subject alternative names, sorted and without repetition."""

    dns: list[str]
    addresses: list[str]


def split_names(names: Iterable[str]) -> Names:
    """Tell IP addresses from DNS names; both come back sorted, and each once."""
    dns: set[str] = set()
    addresses: set[str] = set()
    for name in names:
        try:
            addresses.add(str(ipaddress.ip_address(name)))
        except ValueError:
            dns.add(name)
    return Names(sorted(dns), sorted(addresses))
