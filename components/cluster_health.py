"""The `etcdctl` health check, as a dynamic resource: it needs nothing but the SDK."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from etcd_cluster import health
from etcd_cluster.errors import ClusterError
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Address

_INPUTS = ("connections", "targets", "steps", "seconds")


class ClusterHealthProvider(ResourceProvider):
    """Runs the check at create and update, and looks once at a refresh.

    The state holds this class by its name (`components.cluster_health.ClusterHealthProvider`): it must never move.
    It has no fields, so the state holds no code and no secret of it.
    """

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait until every member gives a linearizable answer; raises with the members that do not."""
        return CreateResult("health", _outputs(props))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Check again, because Rollout took steps or a setting changed; else look once, and do not fail."""
        return UpdateResult(_outputs(news) if _changed(olds, news) else _seen(news))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare the inputs: what the check saw changes by itself. `olds` are outputs, as the SDK has it.

        A member that is not healthy is a change too, so that `preview --expect-no-changes` tells of it.
        """
        return DiffResult(changes=_changed(olds, news) or not olds.get("healthy", True))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look once; it never fails, since an unreachable member is a value."""
        return ReadResult(id_, _seen(props))


def _changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    return any(olds.get(key) != news.get(key) for key in (*_INPUTS, "__provider"))


def _seen(props: dict[str, Any]) -> dict[str, Any]:
    addresses, members = _parts(props)
    try:
        found = asyncio.run(health.check(addresses, members, int(props["seconds"])))
    except ClusterError as error:
        found = [
            health.MemberHealth(name, "", member.client_url, healthy=False, error=str(error.problems[0].what))
            for name, member in members.items()
        ]
    return {**props, **health.summary(found)}


def _parts(props: Mapping[str, Any]) -> tuple[dict[str, Address], dict[str, Member]]:
    # A map has no order on its way through the engine; the outputs keep one.
    addresses = {name: Address.from_inputs(each) for name, each in sorted(props["connections"].items())}
    return addresses, {name: Member.from_inputs(each) for name, each in sorted(props["targets"].items())}


def _outputs(props: dict[str, Any]) -> dict[str, Any]:
    addresses, members = _parts(props)
    try:
        found = asyncio.run(health.wait(addresses, members, int(props["seconds"])))
    except ClusterError as error:
        # The SDK puts words of gRPC in front of it, on a line of their own.
        raise RuntimeError(f"\n{error}") from None
    return {**props, **health.summary(found)}


class ClusterHealth(Resource, module="etcd", name="ClusterHealth"):
    """A linearizable answer from every member, and who leads."""

    members: pulumi.Output[list[dict[str, Any]]]
    """Each member: name, id, endpoint, version, db size in bytes, health, raft term and index."""
    leader: pulumi.Output[dict[str, str]]
    """The leader's name and endpoint."""
    version: pulumi.Output[str]
    """The version that runs; several while an upgrade is under way."""
    healthy: pulumi.Output[bool]
    """Whether all members gave an answer."""

    def __init__(
        self,
        name: str,
        *,
        connections: pulumi.Input[Any],
        targets: Mapping[str, pulumi.Input[Any]],
        steps: pulumi.Input[int],
        seconds: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "connections": connections,
            "targets": targets,
            "members": None,
            "steps": steps,
            "seconds": seconds,
            "leader": None,
            "version": None,
            "healthy": None,
        }
        super().__init__(ClusterHealthProvider(), name, properties, opts)
