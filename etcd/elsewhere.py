"""Members that answer although no host that was looked at runs them."""

import asyncio
from collections.abc import Mapping, Sequence

from etcd.changes import former_urls
from etcd.etcdctl import SECONDS_IF_DOWN, Etcdctl
from etcd.member import Member
from etcd.observation import HostFacts, parse_answering, parse_status
from etcd.planning import Observed
from etcd.ssh import Address, Pool


async def alive_elsewhere(
    pool: Pool, addresses: Mapping[str, Address], nodes: Mapping[str, Member], observed: Observed, seconds: int
) -> frozenset[str]:
    """Return the ids of the members that answer elsewhere.

    A serving host asks the listed members that no observed host runs. Where none serves, each host with data asks
    at the URLs that its member had before its node's address changed: a copy of that member's disk looks the same.
    """
    facts = {name: seen for name, seen in observed.items() if isinstance(seen, HostFacts)}
    serving = {name: seen for name, seen in facts.items() if seen.serves}
    if not serving:
        copies = {name: former_urls(nodes[name], seen) for name, seen in facts.items() if not seen.is_running}
        asked = [
            _at_former_urls(
                Etcdctl(await pool.session(name, addresses[name]), nodes[name], seconds, facts[name].place), urls
            )
            for name, urls in copies.items()
            if urls and facts[name].has_wal
        ]
        return frozenset().union(*await asyncio.gather(*asked))
    answering = {seen.status.member_id for seen in serving.values() if seen.status}
    name, seen = next(iter(serving.items()))
    unseen = [entry for entry in seen.members if entry.member_id not in answering and entry.client_urls]
    if not unseen:
        return frozenset()
    etcdctl = Etcdctl(await pool.session(name, addresses[name]), nodes[name], seconds, seen.place)
    endpoints = [url for entry in unseen for url in entry.client_urls]
    answers = parse_answering(await etcdctl.json("endpoint", "health", endpoints=endpoints, limit=SECONDS_IF_DOWN))
    return frozenset(entry.member_id for entry in unseen if answers & set(entry.client_urls))


async def _at_former_urls(etcdctl: Etcdctl, urls: Sequence[str]) -> frozenset[str]:
    """Return the id of the member that answers there, also without a quorum."""
    status = parse_status(await etcdctl.json("endpoint", "status", endpoints=urls))
    return frozenset({status.member_id} if status else ())
