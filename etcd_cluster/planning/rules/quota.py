"""Whether a member's database fits the quota that it is to restart with.

etcd compares the size of the whole file, free pages included, and what a request costs (storage/quota.go); past the
quota it raises NOSPACE, and the whole cluster refuses writes until the alarm is disarmed.
"""

from collections.abc import Iterable

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.target import Refusal
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering.config_diff import parse_environment
from etcd_cluster.rendering.revision import option_variable

OPTION = "quota-backend-bytes"
# What a quota of 0 stands for (storage/quota.go, DefaultQuotaBytes).
_DEFAULT_BYTES = 2 * 1024**3
# Some requests of the largest size that etcd takes by default, and a tenth of what is there.
_REQUESTS_BYTES = 4 * 1024**2
_SHARE = 10


def needed(db_size: int) -> int:
    """Return the smallest quota, in bytes, that a database of this size is safe with."""
    return db_size + max(db_size // _SHARE, _REQUESTS_BYTES)


def is_changed(host: HostFacts, wanted: str) -> bool:
    """Return whether a restart gives the member another quota than it runs with."""
    return parse_environment(host.active_environment).get(option_variable(OPTION)) != wanted


def refuse_small(cluster: ClusterState, stale: Iterable[str]) -> None:
    """Refuse restarts with a quota that is below the database, or that raised NOSPACE already."""
    full = {member for member, kind in cluster.alarms if kind == "NOSPACE"}
    options = {name: wanted.member.options.get(OPTION, "0") for name, wanted in cluster.target.members.items()}
    changing = {name for name in stale if is_changed(cluster.facts[name], options[name])}
    problems = []
    for name, host in sorted(cluster.serving.items()):
        if name not in cluster.target.members or host.status is None:
            continue
        size, quota = host.status.db_size, int(options[name]) or _DEFAULT_BYTES
        # A member that restarted with it already may be the one that it does not fit.
        concerns = name in changing or (bool(changing) and host.status.member_id in full)
        if concerns and 0 < quota < needed(size):
            problems.append(
                Problem(
                    Reason.QUOTA_TOO_SMALL,
                    name,
                    f"`etcd.{OPTION}` is {quota}, but its database has {size} bytes: with NOSPACE, the alarm that "
                    "follows, the whole cluster would refuse writes",
                    f"Set it to at least {needed(size)}, or compact and defragment the database first",
                )
            )
    if problems:
        raise Refusal(*problems)
