"""Addresses that members had before: certificates carry them, and clients find the member there, until all have moved.

A member that moves to another address is restarted for it, one at a time. Until the last one has moved, members know
each other by old and new addresses; and clients keep the old ones until somebody gives them the new ones. So former
addresses stay until a later change restarts the member anyway.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.rendering.config_diff import changes, former_urls
from etcd_cluster.specs.member import Member

KEY = "former_addresses"
"""Their key in a member's inputs, where it has any."""


def with_former(
    before: Mapping[str, Any],
    members: Mapping[str, Member],
    facts: Mapping[str, HostFacts],
    bootstrapped: Collection[str],
) -> dict[str, Member]:
    """Return the members with their former addresses; `before` are the members as inputs of the last time, by name.

    Nobody knows an address of a node that is not among `born`: it never had a member.
    """
    moved = all(
        name in facts
        and facts[name].is_running
        and not former_urls(member, facts[name])
        and before.get(name, {}).get("address") == member.address
        for name, member in members.items()
        if name in before
    )
    result = {}
    for name, member in members.items():
        if name not in bootstrapped:
            result[name] = member
            continue
        host = facts.get(name)
        kept = replace(member, former_addresses=_former(member, before.get(name, {}), host))
        drops = moved and host is not None and name in before and changes(kept, host)
        result[name] = member if drops else kept
    return result


def noted(inputs: Mapping[str, Any], member: Member) -> dict[str, Any]:
    """Return a member's inputs with its former addresses, and as they are where it has none."""
    rest = {key: value for key, value in inputs.items() if key != KEY}
    return {**rest, KEY: list(member.former_addresses)} if member.former_addresses else rest


def without_empty(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return members as inputs, by name, without the key where there are none: so states of former versions fit."""
    return {name: _without_empty(each) if isinstance(each, Mapping) else each for name, each in members.items()}


def _without_empty(member: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in member.items() if key != KEY or value}


def of(inputs: Mapping[str, Any]) -> list[str]:
    """Return the former addresses in a member's inputs."""
    return list(inputs.get(KEY) or ())


def _former(member: Member, before: Mapping[str, Any], host: HostFacts | None) -> tuple[str, ...]:
    if host is not None and not host.active_environment:
        return ()  # another host, which never served at the former address
    old = [*of(before), before.get("address")]
    old += [urlsplit(url).hostname for url in former_urls(member, host)] if host else []
    known = [address for address in old if isinstance(address, str) and address and address != member.address]
    return tuple(dict.fromkeys(known))
