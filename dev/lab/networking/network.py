"""The lab's network on this machine: a bridge, a cable and a network namespace for each host, and no way out."""

from pathlib import Path

from dev.lab.networking.addresses import Addresses
from dev.lab.system import LabError, run

INTERFACES = Path("/sys/class/net")
ROUTE_METRIC = "4000"
RULE_PREFERENCE = 19818
"""The routing rule of slot 0; slot 1 has the next number, and so on."""


def has_ipv6() -> bool:
    """Return whether this machine's kernel speaks IPv6."""
    return Path("/proc/sys/net/ipv6").is_dir()


def exists(interface: str) -> bool:
    """Return whether this machine has a network interface of that name."""
    return (INTERFACES / interface).exists()


_INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_INSTANCES = 1024


def allow_many_hosts() -> None:
    """Raise the machine's limit of inotify instances, which all hosts share.

    A booted host holds about ten; with the kernel's default of 128, the systemd of the thirteenth fails units with
    `Failed to create inotify object: Too many open files`.
    """
    if int(_INOTIFY_LIMIT.read_text()) < _INOTIFY_INSTANCES:
        _INOTIFY_LIMIT.write_text(f"{_INOTIFY_INSTANCES}\n")


def up(addresses: Addresses) -> None:
    """Make the bridge and its addresses where they are missing."""
    # with the bridge gone, nothing for the lab's addresses may leave by the default route
    run("ip", "route", "replace", "blackhole", addresses.network, "metric", ROUTE_METRIC)
    if has_ipv6():
        run("ip", "-6", "route", "replace", "blackhole", addresses.network6, "metric", ROUTE_METRIC)
    _forward_nothing(addresses)
    bridge = addresses.bridge
    if exists(bridge):
        return
    # a MAC address of its own: else it is the lowest port's and changes as hosts come and go
    run(
        "ip", "link", "add", bridge, "address", addresses.mac(), "type", "bridge",
        "forward_delay", "0", "stp_state", "0", "mcast_snooping", "0",
    )  # fmt: skip
    run("ip", "addr", "add", f"{addresses.gateway}/24", "dev", bridge)
    if has_ipv6():
        no_link_local(bridge)
        run("ip", "-6", "addr", "add", f"{addresses.gateway6}/64", "dev", bridge, "nodad")
    run("ip", "link", "set", bridge, "up")


def down(addresses: Addresses) -> None:
    """Remove the bridge. Blackhole routes and rules stay: the addresses are still the lab's."""
    if exists(addresses.bridge):
        run("ip", "link", "del", addresses.bridge)


def _forward_nothing(addresses: Addresses) -> None:
    # a rule, since a sysctl of the bridge is overwritten whenever forwarding is switched on for the machine
    for family in _families():
        rule = ("pref", _preference(addresses), "iif", addresses.bridge)
        if not run("ip", family, "rule", "show", *rule).stdout:
            run("ip", family, "rule", "add", *rule, "blackhole")


def remove_rules(addresses: Addresses) -> None:
    """Remove the rules that keep this machine from forwarding for the lab."""
    for family in _families():
        run("ip", family, "rule", "del", "pref", _preference(addresses), check=False)


def _families() -> list[str]:
    return ["-4", "-6"] if has_ipv6() else ["-4"]


def _preference(addresses: Addresses) -> str:
    return str(RULE_PREFERENCE + addresses.slot)


def remove_routes(addresses: Addresses) -> None:
    """Remove what `down` leaves."""
    remove_rules(addresses)
    run("ip", "route", "del", "blackhole", addresses.network, "metric", ROUTE_METRIC, check=False)
    if has_ipv6():
        run("ip", "-6", "route", "del", "blackhole", addresses.network6, "metric", ROUTE_METRIC, check=False)


def no_link_local(interface: str) -> None:
    """Keep this machine from giving an interface that is down an IPv6 address of its own."""
    if has_ipv6():
        run("ip", "link", "set", interface, "addrgenmode", "none")


def plug(addresses: Addresses, host: str) -> None:
    """Make a host's namespace and the cable from its eth0 to the bridge."""
    name = addresses.machine(host)
    run("ip", "netns", "add", name)
    peer = ("peer", "name", "eth0", "netns", name, "address", addresses.mac(host))
    run("ip", "link", "add", name, "type", "veth", *peer)
    no_link_local(name)
    run("ip", "link", "set", name, "master", addresses.bridge, "up")
    run("ip", "-n", name, "link", "set", "lo", "up")


def unplug(addresses: Addresses, host: str) -> None:
    """Remove what is there of a host's namespace, cable and relay cable."""
    name = addresses.machine(host)
    for interface in (name, addresses.relay(host)[0]):
        if exists(interface):
            run("ip", "link", "del", interface)
    if Path("/run/netns", name).exists():
        run("ip", "netns", "del", name)


def port(addresses: Addresses, host: str) -> str:
    """Return the interface by which a host is plugged into the bridge; the relay's end when it is delayed."""
    relayed = addresses.relay(host)[1]
    return relayed if exists(relayed) else addresses.machine(host)


def nft(base: Path, rules: str, check: bool = True) -> None:
    """Give rules to nftables, by the base image's own program, so this machine needs none."""
    run("chroot", base, "nft", "-f", "-", stdin=rules, check=check)


def block(base: Path, addresses: Addresses, one: str, other: str) -> None:
    """Drop every frame between two hosts."""
    table = f"bridge {addresses.table}"
    # `add` does nothing where the table, set or chain exists; flushing keeps the rule single
    nft(
        base,
        f"add table {table}\n"
        f"add set {table} pairs {{ type ifname . ifname; }}\n"
        f"add chain {table} part {{ type filter hook forward priority 0; }}\n"
        f"flush chain {table} part\n"
        f"add rule {table} part iifname . oifname @pairs drop\n"
        f"add element {table} pairs {{ {_pairs(addresses, one, other)} }}\n",
    )


def unblock(base: Path, addresses: Addresses, one: str, other: str) -> None:
    """Let two blocked hosts talk again; raise a LabError when they were not blocked."""
    nft(base, f"delete element bridge {addresses.table} pairs {{ {_pairs(addresses, one, other)} }}\n")


def unblock_all(base: Path | None, addresses: Addresses) -> None:
    """Remove every block of the lab. Without an image nothing was ever blocked."""
    if base:
        nft(base, f"delete table bridge {addresses.table}\n", check=False)


def _pairs(addresses: Addresses, one: str, other: str) -> str:
    """Both directions, each with and without a relay in the cable."""
    if one == other:
        raise LabError(f"{one} cannot be cut off from itself")
    left = (addresses.machine(one), addresses.relay(one)[1])
    right = (addresses.machine(other), addresses.relay(other)[1])
    return ", ".join(f'"{a}" . "{b}", "{b}" . "{a}"' for a in left for b in right)
