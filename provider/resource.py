"""What a resource of this plugin is: the calls that the engine makes, with plain values."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import grpc.aio
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from etcd_cluster.observation.facts import HostFacts, observe
from etcd_cluster.progress import looking, reported
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Address, Pool, Session
from provider.run import Run

Properties = dict[str, Any]
_LOOK_SECONDS = 10.0


@dataclass(frozen=True)
class Failure:
    """Why inputs cannot be accepted; `property` may be empty."""

    property: str
    reason: str


class Engine:
    """The engine that this plugin serves: it takes messages for the user, and its end ends all work."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.aio.insecure_channel(address)
        self._stub = engine_pb2_grpc.EngineStub(self._channel)

    async def log(
        self, urn: str, message: str, severity: engine_pb2.LogSeverity.ValueType, ephemeral: bool = False
    ) -> None:
        """Show a message beside the resource `urn`; an engine that is gone no longer listens."""
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        try:
            await self._stub.Log(request)
        except grpc.aio.AioRpcError:
            return

    async def wait_until_gone(self) -> None:
        """Return once the engine has not answered for a few seconds; it was killed then."""
        failures = 0
        while failures < 3:
            await asyncio.sleep(1)
            try:
                await self._stub.GetRootResource(engine_pb2.GetRootResourceRequest(), timeout=2)
                failures = 0
            except grpc.aio.AioRpcError as error:
                unavailable = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
                failures = failures + 1 if unavailable else 0


@dataclass
class Context:
    """What all resources of one plugin process share."""

    engine: Engine
    pool: Pool = field(default_factory=Pool)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    destroying: bool = False
    run: Run = field(default_factory=Run)
    _looks: dict[tuple[object, ...], tuple[float, asyncio.Task[HostFacts]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        async def say(message: str) -> None:
            await self.engine.log("", message, engine_pb2.INFO)

        self.pool.say = say

    async def session(self, node: str, connection: Mapping[str, Any]) -> Session:
        """Return the connection that a resource's `connection` input describes."""
        return await self.pool.session(node, Address.from_inputs(connection))

    async def look(self, node: str, connection: Mapping[str, Any], member: Member, seconds: int) -> HostFacts:
        """Look deep at a host, or return the same look of some seconds ago: a refresh asks for it several times.

        Nothing is changed on the strength of it: Rollout looks for itself before each step.
        """
        address = Address.from_inputs(connection)
        # What is looked for depends on these: a look made with the former settings tells nothing of a wanted port.
        ports = (member.client_port, member.peer_port, *member.further_ports)
        key = (node, address, member.layout, ports, member.version)
        now = asyncio.get_running_loop().time()
        taken, task = self._looks.get(key, (0.0, None))
        if task is None or now - taken > _LOOK_SECONDS:

            async def look() -> HostFacts:
                session = await self.pool.session(node, address)
                return await reported(observe(session, member, "deep", seconds), say, looking(node, seconds))

            async def say(message: str) -> None:
                await self.engine.log("", message, engine_pb2.INFO)

            task = asyncio.create_task(look())
            self._looks[key] = now, task
        return await asyncio.shield(task)

    def forget_looks(self) -> None:
        """Forget what was seen, after something was changed."""
        self._looks.clear()


class Resource:
    """One resource type; subclasses override what their type needs.

    `secrets` names the outputs that are encrypted in the state. Raise `ClusterError` for what the user must know.
    """

    type: ClassVar[str]
    secrets: ClassVar[frozenset[str]] = frozenset({"connection", "connections"})
    replace_on: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, context: Context) -> None:
        self.context = context

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """Accept, complete or refuse inputs; runs in every preview and every up."""
        return new, ()

    async def diff(self, state: Properties, inputs: Properties) -> Sequence[str]:
        """Return the inputs whose change needs an update; `state` are the outputs of the last one."""
        return [key for key, value in inputs.items() if state.get(key) != value]

    def planned(self, state: Properties, inputs: Properties) -> Properties:
        """Return the outputs as far as a preview can know them, `UNKNOWN` for the rest."""
        return {**state, **inputs}

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Make it, and return its id and outputs."""
        raise NotImplementedError

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Change it, and return its outputs."""
        raise NotImplementedError

    async def read(self, urn: str, state: Properties) -> Properties:
        """Return the outputs as they are by now; what cannot be reached keeps its value."""
        return state

    async def delete(self, urn: str, state: Properties) -> None:
        """Remove it."""

    async def say(self, urn: str, message: str) -> None:
        """Tell the user what is being done."""
        await self.context.engine.log(urn, message, engine_pb2.INFO)

    async def warn(self, urn: str, message: str) -> None:
        """Warn the user."""
        await self.context.engine.log(urn, message, engine_pb2.WARNING)
