"""What one member is to be: its name, its URLs and the settings that etcd reads at its start."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from etcd_cluster.settings.locations import url_host
from etcd_cluster.settings.options.values import URL_LISTENERS, urls
from etcd_cluster.specs.paths import Layout

INPUT_KEYS = (
    "name",
    "address",
    "client_port",
    "peer_port",
    "version",
    "user",
    "group",
    "service_start",
    "options",
    "paths",
)
"""The keys of a member's inputs."""


def listen_host(address: str) -> str:
    """Return what a listener binds for this address.

    etcd refuses a DNS name in a listen URL (embed/config.go, checkBindURLs), so a name listens on all addresses.
    """
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return "0.0.0.0"
    return url_host(address)


@dataclass(frozen=True)
class Member:
    """One member as the settings ask for it; ports are TCP ports, `options` are etcd's own, without dashes.

    `service_start` is systemd's deadline for a start, in seconds. `former_addresses` are those that clients and peers
    may still know, see `certificates.former_addresses`.
    """

    name: str
    address: str
    client_port: int
    peer_port: int
    version: str
    user: str
    group: str
    service_start: int
    options: Mapping[str, str]
    layout: Layout
    former_addresses: tuple[str, ...] = ()

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any]) -> Self:
        """Read the shape that `inputs` writes."""
        return cls(
            name=inputs["name"],
            address=inputs["address"],
            client_port=int(inputs["client_port"]),
            peer_port=int(inputs["peer_port"]),
            version=inputs["version"],
            user=inputs["user"],
            group=inputs["group"],
            service_start=int(inputs["service_start"]),
            options=dict(inputs["options"]),
            layout=Layout.from_inputs(inputs["paths"]),
            former_addresses=tuple(inputs.get("former_addresses") or ()),
        )

    def inputs(self) -> dict[str, Any]:
        """Return the member as resource inputs, so that the engine's diff names each setting."""
        return {
            "name": self.name,
            "address": self.address,
            "client_port": self.client_port,
            "peer_port": self.peer_port,
            "version": self.version,
            "user": self.user,
            "group": self.group,
            "service_start": self.service_start,
            "options": dict(self.options),
            "paths": self.layout.inputs(),
            **({"former_addresses": list(self.former_addresses)} if self.former_addresses else {}),
        }

    @property
    def peer_url(self) -> str:
        """The URL that the other members use."""
        return f"https://{url_host(self.address)}:{self.peer_port}"

    @property
    def client_url(self) -> str:
        """The URL that clients use."""
        return f"https://{url_host(self.address)}:{self.client_port}"

    @property
    def further_ports(self) -> tuple[int, ...]:
        """The ports that etcd's options add, those of metrics and of HTTP alone."""
        added = (urls(self.options.get(option, "")) for option in sorted(URL_LISTENERS))
        return tuple(dict.fromkeys(each.port for listeners in added for each in listeners))

    @property
    def local_url(self) -> str:
        """The client URL on the host itself."""
        return f"https://127.0.0.1:{self.client_port}"


def initial_cluster(peer_urls: Mapping[str, str]) -> str:
    """Return `name=peer URL` pairs as `initial-cluster` takes them, in a stable order."""
    return ",".join(f"{name}={peer_urls[name]}" for name in sorted(peer_urls))
