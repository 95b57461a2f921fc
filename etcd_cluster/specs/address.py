"""How to reach one SSH server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Address:
    """How to reach and verify one SSH server; `host_key` None accepts any key and reports it.

    `agent_key` is the public key of the one identity that the agent is asked for; None for all that it holds.
    """

    host: str
    port: int
    user: str
    private_key: str | None
    passphrase: str | None
    agent: bool
    host_key: str | None
    sudo: bool
    connect_seconds: int
    bastion: "Address | None" = None
    agent_key: str | None = None

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any]) -> Self:
        """Read the shape that `components.inputs.connection` writes."""
        bastion = inputs.get("bastion")
        return cls(
            host=inputs["host"],
            port=int(inputs["port"]),
            user=inputs["user"],
            private_key=inputs.get("private_key"),
            passphrase=inputs.get("passphrase"),
            agent=bool(inputs.get("agent")),
            host_key=inputs.get("host_key"),
            sudo=bool(inputs.get("sudo")),
            connect_seconds=int(inputs["connect_seconds"]),
            bastion=cls.from_inputs(bastion) if bastion else None,
            agent_key=inputs.get("agent_key"),
        )

    @property
    def where(self) -> str:
        """The server in words."""
        return f"{self.user}@{self.host}:{self.port}"
