"""What a Rollout is going to do, from its inputs as a preview has them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from etcd_cluster.certificates import former_addresses
from etcd_cluster.convergence import confirmation
from etcd_cluster.convergence.unobserved_members import ask_unobserved_members
from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.forecast.listing import NEW, Listing, Staging, listing
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import Refusal, Target
from etcd_cluster.reasons import Reason
from etcd_cluster.ssh.session import Address
from provider.resource import Context, Properties
from provider.values import UNKNOWN, has_unknown

_NAMES = ("revision", "certificates")
LATER = Listing("The steps follow once the hosts exist")


def without_unknown_names(inputs: Mapping[str, Any]) -> Properties | None:
    """Return Rollout's inputs with `NEW` for what is made in this run; None while members or hosts are unknown."""
    members = inputs["members"]
    if has_unknown(inputs["connections"]) or not isinstance(members, dict):
        return None
    named = {
        name: {key: NEW if key in _NAMES and value is UNKNOWN else value for key, value in member.items()}
        if isinstance(member, dict)
        else member
        for name, member in members.items()
    }
    return None if has_unknown(named) else {**inputs, "members": named}


async def foreseen(
    context: Context, target: Target, connections: Mapping[str, Any], seconds: int, *, is_first: bool
) -> Listing:
    """Look at all hosts and return the steps; raises `Refusal` for what the run would refuse at once."""
    nodes = {**target.leaving, **{name: wanted.member for name, wanted in target.members.items()}}

    async def look(name: str) -> HostFacts | Problem:
        try:
            return await context.look(name, connections[name], nodes[name], seconds)
        except ClusterError as error:
            return error.problems[0]

    names = sorted(nodes)
    observed = dict(zip(names, await asyncio.gather(*(look(name) for name in names)), strict=True))
    addresses = {name: Address.from_inputs(connections[name]) for name in names}
    answers = await ask_unobserved_members(context.pool, addresses, nodes, observed, seconds)
    try:
        return listing(observed, target, answers, _stagings(context), is_first=is_first)
    except Refusal:
        facts = {name: host for name, host in observed.items() if isinstance(host, HostFacts)}
        # Preflight has looked twice; the run looks again before it refuses.
        if confirmation.may_be_transient(target, facts, answers.may_run):
            return Listing("")
        raise


def unstaged(context: Context, inputs: Mapping[str, Any], state: Mapping[str, Any]) -> list[Problem]:
    """Return which members changed though nothing of this run stages the change: their Service is left out of it."""
    members, before = inputs["members"], state.get("members", {})
    services = [each["member"] for each in context.run.wanted("etcd:index:Service")]
    if not isinstance(members, Mapping) or has_unknown(services):
        return []
    staged = {each["name"] for each in services}
    return [
        Problem(
            Reason.PARTIAL_RUN,
            name,
            "its Service is left out of this run by `--target` or `--exclude`, so its changed settings are not staged",
            "Run `pulumi up` without them",
        )
        for name, member in sorted(members.items())
        if name not in staged and _settings(member) != _settings(before.get(name))
    ]


def _settings(member: Any) -> Any:
    if not isinstance(member, Mapping):
        return member
    return {key: value for key, value in member.items() if key not in (*_NAMES, former_addresses.KEY)}


def _stagings(context: Context) -> dict[str, Staging]:
    """Return what the Service of each member is about to stage, as far as it is known."""

    def text(value: Any) -> str | None:
        return value if isinstance(value, str) else None

    return {
        inputs["member"]["name"]: Staging(
            text(inputs["client_ca"]),
            text(inputs["peer_ca"]),
            None if has_unknown(inputs["leafs"]) else inputs["leafs"],
        )
        for inputs in context.run.wanted("etcd:index:Service")
        if isinstance(inputs["member"], dict)
    }
