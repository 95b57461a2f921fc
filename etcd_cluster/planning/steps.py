"""The steps of a plan; each says in words what it does, and can be taken again after an interruption."""

from dataclasses import dataclass

from etcd_cluster.errors import Problem


@dataclass(frozen=True)
class TrialStart:
    """Start once, apart from the cluster, what is staged for members and has never served on their hosts."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"try on {', '.join(self.names)} what is staged, apart from the cluster"


@dataclass(frozen=True)
class StartNew:
    """Start all members of a cluster that was never bootstrapped; with `attempt`, the one that is under way already."""

    names: tuple[str, ...]
    attempt: str | None

    def __str__(self) -> str:
        verb = "go on with" if self.attempt else "start"
        return f"{verb} a new cluster of {', '.join(self.names)}"


@dataclass(frozen=True)
class StartExisting:
    """Start members that have their data and do not run."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"start {', '.join(self.names)} on the data that is there"


@dataclass(frozen=True)
class AwaitServing:
    """Wait for members that are starting by themselves, while no member serves; nothing is touched."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"wait until {', '.join(self.names)} {'serves' if len(self.names) == 1 else 'serve'}, starting already"


@dataclass(frozen=True)
class SwitchCertificates:
    """Put staged leaf certificates into use; nothing restarts."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"put new certificates into use on {', '.join(self.names)}, without a restart"


@dataclass(frozen=True)
class RecordBootstrap:
    """Write the bootstrap marker and remove `bootstrap.env` where a member serves."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"record that {', '.join(self.names)} {'serves' if len(self.names) == 1 else 'serve'}"


@dataclass(frozen=True)
class Restart:
    """Restart one member on its staged revision; the leadership moves away first when it leads.

    With `moves`, its id, the cluster gets its new peer URL right before: no other member's changes at that time.
    """

    name: str
    leads: bool
    moves: str = ""

    def __str__(self) -> str:
        at = " at its new peer URL" if self.moves else ""
        return f"restart {self.name}{at}" + (", which leads, after it has handed over" if self.leads else "")


@dataclass(frozen=True)
class Reinstall:
    """Put the unit file and the links of the active revision back where somebody took them away; nothing restarts."""

    name: str
    lost: tuple[str, ...]

    def __str__(self) -> str:
        return f"put back {', '.join(self.lost)} on {self.name}, without a restart"


@dataclass(frozen=True)
class RememberServed:
    """Remember that members serve with what they run, where the run that restarted them did not come to it."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"remember that {', '.join(self.names)} {'serves' if len(self.names) == 1 else 'serve'} as wanted"


@dataclass(frozen=True)
class RemoveMember:
    """Remove a member from the cluster; on its host, if it is known and answers, it is stopped and set aside."""

    member_id: str
    label: str
    host: str | None
    leads: bool = False

    def __str__(self) -> str:
        return f"remove member {self.label} ({self.member_id})"


@dataclass(frozen=True)
class Retire:
    """Stop what is left of a removed member on its host, and rename its data."""

    name: str

    def __str__(self) -> str:
        return f"set aside what is left of the removed member on {self.name}"


@dataclass(frozen=True)
class DisarmAlarms:
    """Disarm the alarms of members that were removed: etcd keeps them, and they hold up the whole cluster."""

    alarms: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        told = ", ".join(f"{kind} of {member}" for member, kind in self.alarms)
        return f"disarm the alarm {told}, which is no member any more"


@dataclass(frozen=True)
class UpdatePeerUrl:
    """Tell the cluster the new address of a member whose host kept its data."""

    name: str
    member_id: str

    def __str__(self) -> str:
        return f"tell the cluster the new address of {self.name}"


@dataclass(frozen=True)
class AddLearner:
    """Add a node to the member list as a learner, which does not vote yet."""

    name: str

    def __str__(self) -> str:
        return f"add {self.name} as a learner"


@dataclass(frozen=True)
class StartJoin:
    """Start a member that is listed and has never run, with an empty data directory."""

    name: str

    def __str__(self) -> str:
        return f"start {self.name}, which joins with an empty data directory"


@dataclass(frozen=True)
class Promote:
    """Wait until a learner has caught up, and make it a voter."""

    name: str
    member_id: str

    def __str__(self) -> str:
        return f"promote {self.name} once it has caught up"


@dataclass(frozen=True)
class CheckV2Store:
    """Look for what 3.5 wrote and the next minor cannot read, before the first member takes it."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"check on {', '.join(self.names)} that no v2 data is left"


@dataclass(frozen=True)
class SaveSnapshot:
    """Save a snapshot from the leader before a version changes."""

    name: str

    def __str__(self) -> str:
        return f"save a snapshot on {self.name}"


@dataclass(frozen=True)
class EnableDowngrade:
    """Ask the cluster to bring its storage down to a minor version, and wait until every member has."""

    minor: str
    name: str

    def __str__(self) -> str:
        return f"bring the storage version down to {self.minor}, while all members serve"


@dataclass(frozen=True)
class CancelDowngrade:
    """Take a downgrade back that is under way."""

    name: str

    def __str__(self) -> str:
        return "cancel the downgrade that is under way"


Step = (
    TrialStart
    | StartNew
    | StartExisting
    | AwaitServing
    | SwitchCertificates
    | RecordBootstrap
    | Restart
    | Reinstall
    | RememberServed
    | RemoveMember
    | Retire
    | DisarmAlarms
    | UpdatePeerUrl
    | AddLearner
    | StartJoin
    | Promote
    | CheckV2Store
    | SaveSnapshot
    | EnableDowngrade
    | CancelDowngrade
)


@dataclass(frozen=True)
class Plan:
    """The steps that are due, in order, and what the user should know although nothing is refused.

    The first step is safe now; the later ones are a forecast, made anew after each step.
    """

    steps: tuple[Step, ...]
    warnings: tuple[Problem, ...] = ()
