"""What a host's other unit files do to a start of its member."""

from etcd_cluster.errors import Problem
from etcd_cluster.observation import drop_ins
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering import revision
from etcd_cluster.specs.member import Member
from etcd_cluster.specs.paths import UNIT_FILE


def problems(member: Member, host: HostFacts) -> list[Problem]:
    """Return what would make a start another than the settings say.

    A drop-in that named a file of settings once made a member form a cluster of its own, without TLS.
    """
    found: list[tuple[Reason, str, str]] = []
    if drop_ins.mask(host.unit):
        found.append(
            (
                Reason.UNIT_MASKED,
                "etcd.service is masked, so it cannot start",
                "Run `systemctl unmask etcd.service` there, or find out who masked it",
            )
        )
    if drop_ins.is_overridden(fragment := host.unit.get("FragmentPath", "")):
        found.append(
            (Reason.UNIT_OVERRIDDEN, f"systemd reads {fragment} in place of {UNIT_FILE}", f"Remove {fragment} there")
        )
    rendered = list(revision.environment(member)) if host.drop_ins else []
    found += [
        (
            Reason.UNIT_DROP_IN,
            f"{text}, which would change how the member runs or what it reads",
            (
                "Remove these lines or the file there, then run `systemctl daemon-reload`; "
                "etcd's options belong below `etcd` in the settings"
            ),
        )
        for text in drop_ins.findings(host.drop_ins, rendered)
    ]
    return [Problem(reason, member.name, what, action) for reason, what, action in found]
