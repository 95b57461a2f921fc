"""Addresses and names that follow from a lab's slot and a host's number."""

import ipaddress
import re
from dataclasses import dataclass

from dev.lab.system import LabError

HIGHEST = 99


def index(host: str) -> int:
    """Return the number in a host name: "h7" is 7. Raises a LabError for anything but h1 to h99."""
    match = re.fullmatch(r"h([1-9][0-9]?)", host)
    if not match:
        raise LabError(f"host {host!r}: want h1 to h{HIGHEST}")
    return int(match[1])


@dataclass(frozen=True)
class Addresses:
    """The networks of one slot. Slot 3 has 198.18.3.0/24 and fd00:198:18:3::/64; host h1 is .11 and ::11.

    IPv6 groups are written with the same decimal digits as the IPv4 ones: h10 is ::20, which is hexadecimal 20.
    198.18.0.0/15 is set aside for benchmarks (RFC 2544): no real network uses it.
    """

    slot: int

    @property
    def network(self) -> str:
        """The IPv4 network with its prefix length."""
        return f"198.18.{self.slot}.0/24"

    @property
    def network6(self) -> str:
        """The IPv6 network with its prefix length."""
        return str(ipaddress.IPv6Network(f"fd00:198:18:{self.slot}::/64"))

    @property
    def gateway(self) -> str:
        """This machine's IPv4 address in the lab. It forwards nothing."""
        return f"198.18.{self.slot}.1"

    @property
    def gateway6(self) -> str:
        """This machine's IPv6 address in the lab."""
        return self._address6("1")

    @property
    def bridge(self) -> str:
        """The bridge that the hosts are plugged into."""
        return f"lab-{self.slot}"

    @property
    def table(self) -> str:
        """The nftables table of the faults between two hosts."""
        return f"lab_{self.slot}"

    def address(self, host: str) -> str:
        """The host's IPv4 address."""
        return f"198.18.{self.slot}.{10 + index(host)}"

    def address6(self, host: str) -> str:
        """The host's IPv6 address."""
        return self._address6(f"{10 + index(host)}")

    def _address6(self, last: str) -> str:
        # in its one canonical spelling: slot 0 gives fd00:198:18::11
        return str(ipaddress.IPv6Address(f"fd00:198:18:{self.slot}::{last}"))

    def machine(self, host: str) -> str:
        """The name of the host's network namespace, of its nspawn machine and of its end of the cable here."""
        return f"lab-{self.slot}-h{index(host)}"

    def relay(self, host: str) -> tuple[str, str]:
        """The two ends of the extra cable that `Host.delay` puts in: the relay's end, the bridge's end."""
        return f"lab-{self.slot}-r{index(host)}", f"lab-{self.slot}-p{index(host)}"

    def mac(self, host: str | None = None) -> str:
        """The MAC address of a host, or of the bridge."""
        return f"02:6c:61:{self.slot:02x}:{0 if host else 255:02x}:{index(host) if host else 1:02x}"
