"""Members that answer although no host that was looked at runs them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from etcd_cluster.observation.etcdctl import SECONDS_IF_DOWN, Etcdctl
from etcd_cluster.observation.facts import HostFacts, ListedMember, parse_answering, parse_status
from etcd_cluster.observation.query import Call, Query, by_endpoint, failed, words
from etcd_cluster.planning import Observed
from etcd_cluster.rendering.config_diff import former_urls
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Address, Pool, Result


@dataclass(frozen=True)
class Answers:
    """What came of asking members that no observed host runs, by their ids.

    `answering` gave what was asked for. `unclear` have what was said instead: an error of the member, a certificate
    that was refused, or why the question did not get there. Such a member may run and vote; only silence is silence.
    """

    answering: frozenset[str] = frozenset()
    unclear: Mapping[str, str] = field(default_factory=dict)

    @property
    def may_run(self) -> frozenset[str]:
        """The members that are not silent."""
        return self.answering | self.unclear.keys()


async def ask_unobserved_members(
    pool: Pool, addresses: Mapping[str, Address], nodes: Mapping[str, Member], observed: Observed, seconds: int
) -> Answers:
    """Return what members say that run on no observed host.

    A serving host asks the listed members that no observed host runs. Where none serves, each host with data asks
    at the URLs that its member had before its node's address changed: a copy of that member's disk looks the same.
    """
    facts = {name: host for name, host in observed.items() if isinstance(host, HostFacts)}
    serving = {name: host for name, host in facts.items() if host.serves}
    if not serving:
        copies = {name: former_urls(nodes[name], host) for name, host in facts.items() if not host.is_running}
        asked = [
            _at_former_urls(
                Etcdctl(await pool.session(name, addresses[name]), nodes[name], seconds, facts[name].place),
                urls,
                facts[name],
            )
            for name, urls in copies.items()
            if urls and facts[name].has_wal
        ]
        return _together(await asyncio.gather(*asked))
    answering = {host.status.member_id for host in serving.values() if host.status}
    name, host = next(iter(serving.items()))
    unseen = [entry for entry in host.members if entry.member_id not in answering and entry.client_urls]
    if not unseen:
        return Answers()
    etcdctl = Etcdctl(await pool.session(name, addresses[name]), nodes[name], seconds, host.place)
    endpoints = [url for entry in unseen for url in entry.client_urls]
    answer, left = await etcdctl.ask("endpoint", "health", endpoints=endpoints, limit=SECONDS_IF_DOWN)
    found = parse_answering(answer)
    alive = frozenset(entry.member_id for entry in unseen if found & set(entry.client_urls))
    # A learner answers each linearizable read with an error, and has no vote that could count.
    voters = [entry for entry in unseen if entry.member_id not in alive and not entry.is_learner]
    said = {entry.member_id: _said_instead(entry, answer, left) for entry in voters}
    return Answers(alive, {member_id: text for member_id, text in said.items() if text})


def _together(each: Sequence[Answers]) -> Answers:
    unclear = {member_id: said for one in each for member_id, said in one.unclear.items()}
    return Answers(frozenset[str]().union(*(one.answering for one in each)), unclear)


def _said_instead(entry: ListedMember, answer: object, left: Result) -> str:
    """Return what was said in place of an answer of a member, empty for silence."""
    if not isinstance(answer, list):
        return _not_silent(left, left.stderr)
    logged = by_endpoint(left.stderr)
    lines = (logged.get(url.removeprefix("https://"), "") for url in entry.client_urls)
    errors = (str(one.get("error")) for one in answer if one.get("endpoint") in entry.client_urls)
    return next((said for line in (*lines, *errors) if line and (said := _not_silent(left, line))), "")


def _not_silent(left: Result, said: str) -> str:
    return words(said) or "etcdctl gives no reason" if failed(Call(left.status, said)) is not Query.SILENT else ""


async def _at_former_urls(etcdctl: Etcdctl, urls: Sequence[str], host: HostFacts) -> Answers:
    """Return the member that answers there, also without a quorum; what refuses us may be the member of this data."""
    answer, left = await etcdctl.ask("endpoint", "status", endpoints=urls)
    if status := parse_status(answer):
        return Answers(frozenset({status.member_id}))
    said = _not_silent(left, left.stderr)
    return Answers(unclear={host.wal.member_id: said} if said and host.wal else {})
