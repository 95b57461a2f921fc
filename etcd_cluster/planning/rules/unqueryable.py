"""A member whose process runs and that does not count as serving: why, and what may be done about it."""

from collections.abc import Iterable, Mapping

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.observation.query import Query
from etcd_cluster.planning.target import Refusal
from etcd_cluster.reasons import Reason

_LOOK = (
    "Nothing was changed. Look there at the environment of root (/etc/environment), at proxies, and at the client "
    "certificate and the etcdctl of this program; correct that and run `pulumi up` again"
)


def cannot_ask(host: HostFacts) -> bool:
    """Return whether a member runs, and our question never reached it; that tells nothing of its health."""
    return host.is_running and host.query is Query.CANNOT_ASK


def is_proven_unasked(host: HostFacts) -> bool:
    """Return whether the question is at fault: the member cannot be asked on a revision that has served before.

    Where the revision has not, while a former one has, it may be the revision that refuses our client.
    """
    return cannot_ask(host) and not host.is_unproven


def reason(host: HostFacts) -> Reason:
    """Return why a member that runs does not count as serving."""
    if host.query is Query.CANNOT_ASK:
        return Reason.QUERY_FAILED
    return Reason.MEMBER_ERROR if host.query is Query.ERROR else Reason.MEMBER_SILENT


def why(host: HostFacts) -> str:
    """Return in words why a member does not count as serving."""
    said = f" ({host.query_words})" if host.query_words else ""
    if not host.is_running:
        return "etcd does not run on it"
    if host.query is Query.CANNOT_ASK:
        return f"etcd runs on it, but etcdctl cannot ask it{said}"
    if host.query is Query.ERROR:
        return f"it answers, but gives no linearizable answer{said}"
    return f"etcd runs on it, but does not answer{said}"


def problems(facts: Mapping[str, HostFacts]) -> list[Problem]:
    """Return what is reported of the members that cannot be asked."""
    return [
        Problem(Reason.QUERY_FAILED, name, why(host), _LOOK)
        for name, host in sorted(facts.items())
        if is_proven_unasked(host)
    ]


def refuse(facts: Mapping[str, HostFacts], names: Iterable[str]) -> None:
    """Refuse to touch anything while one of these members cannot be asked."""
    if found := problems({name: facts[name] for name in names}):
        raise Refusal(*found)
