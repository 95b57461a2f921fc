"""Why something is refused, or went wrong: what code goes by, while the texts of messages may change.

A new reason needs an example that the product makes and its text (reason_examples.py and test_reasons.py among the unit
tests); one that a plan may refuse for also needs what makes it right in the walk (CAUSES in walking.py).
"""

from enum import Enum, unique


@unique
class Reason(Enum):
    """The identity of a problem; each value says what the reason means."""

    # The settings
    SETTING_UNKNOWN = "there is no setting, option or namespace of this name"
    SETTING_MISSING = "a setting has to be set, and is not or has no value"
    SETTING_INVALID = "a setting cannot have this value, or not with the other settings"

    # The way to a host
    HOST_UNREACHABLE = "no connection to the host could be made, or it broke"
    HOST_KEY_MISMATCH = "the host shows another key than the one that is pinned"
    LOGIN_REFUSED = "sshd of the host or the bastion answers and does not let this machine in"
    LOGIN_TIMED_OUT = "sshd answers, but the login does not end in time"
    ROOT_REFUSED = "the login works, but runs no commands as root"
    COMMAND_FAILED = "a command on the host ended with an error"
    COMMAND_TIMED_OUT = "a command on the host did not end in time"
    AGENT_UNREACHABLE = "SSH_AUTH_SOCK names an agent that does not answer"

    # What a host is before anything is changed on it
    STACK_IDENTITY_UNKNOWN = "the host belongs to a stack of this name, whose identity is not in the state"
    HOST_OF_ANOTHER_STACK = "the host belongs to another stack"
    NODE_RENAMED = "the host belongs to another node of this cluster"
    STATE_COPIED = "another stack manages the host, and this one has a copy of its state"
    FOREIGN_UNIT_RUNNING = "an etcd.service of somebody else runs on the host"
    FOREIGN_UNIT = "an etcd.service of somebody else is installed on the host and does not run"
    FOREIGN_LINK = "a file of somebody else stands where a program of etcd would be linked"
    PORT_IN_USE = "another process listens on a port of the member"
    TOOL_MISSING = "the host lacks a program that is needed"
    DOWNLOADER_MISSING = "the host has no program to download etcd with"
    ARCHITECTURE_UNSUPPORTED = "etcd cannot be installed on the host's architecture"
    ARCHITECTURE_MISMATCH = "the host has another architecture than the settings say"
    CHECKSUM_MISSING = "no SHA-256 is pinned for the version and architecture"
    CLOCK_SKEW = "the host's clock is too far off for the certificates"
    DIRECTORY_INVALID = "the data or WAL directory is no directory, or a link where it must not be one"
    DIRECTORY_NOT_OWNED = "the data or WAL directory has files of another account"
    DIRECTORY_INACCESSIBLE = "a mode keeps etcd from one of its directories"
    ADDRESS_NOT_LOCAL = "the member's address is on no interface of its host"
    ADDRESS_UNRESOLVABLE = "a host cannot resolve the address of another one"
    PEER_PORT_UNREACHABLE = "a host does not reach the peer port of another one"
    UNIT_MASKED = "etcd.service is masked"
    UNIT_OVERRIDDEN = "systemd reads another etcd.service than the installed one"
    UNIT_DROP_IN = "a drop-in changes how the member runs or what it reads"

    # Whose data is on a host
    FOREIGN_DATA = "a host holds data of another cluster"
    FOREIGN_HOST = "the host of a node that leaves belongs to another cluster by now"
    UNKNOWN_DATA = "a host holds data of a cluster that the state does not know"
    WAL_MISSING = "a host holds data of etcd without the WAL that belongs to it"
    DATA_MISSING = "a listed member's disk has no data, and the loss is not confirmed"
    DATA_MISSING_WITHOUT_QUORUM = "no member serves, and a host of the cluster has no data"
    DATA_MISSING_ON_SEVERAL = "the data of more than one member is gone"
    DATA_OF_ANOTHER_MEMBER = "a host holds the data of another member of this cluster"
    DATA_OF_SILENT_MEMBER = "a joining host holds the data of a member that does not answer"
    DATA_OF_RUNNING_MEMBER = "a host holds the data of a member that answers at another address"
    DATA_DUPLICATED = "two hosts hold the data of one member"
    DATA_IN_USE = "a process that is not the unit's uses the member's data"
    DATA_CORRUPT = "the alarm CORRUPT is raised for a member"
    OLD_MEMBER_RUNNING = "the member that an empty host would replace still answers"
    ADDRESS_OF_ANOTHER_HOST = "the member's address and its SSH settings lead to different machines"
    BOOTSTRAP_FOREIGN_DATA = "all hosts of a bootstrap hold data that it did not make"
    BOOTSTRAP_NEEDS_ALL_HOSTS = "a host is down, and a bootstrap comes to its end only with all members"

    # How members answer
    QUERY_FAILED = "a member runs and could not be asked; its health is unknown"
    MEMBER_SILENT = "a member runs and does not answer"
    MEMBER_ERROR = "a member answers and gives no linearizable answer"
    MEMBER_LIST_MISSING = "a member serves and does not return the member list"
    REVISION_UNPROVEN = "what a member runs never served, and the quorum may rest on the member"
    SUCCESSOR_SILENT = "the member that takes the place of another one does not answer"

    # Quorum, alarms and quotas
    NO_QUORUM_TO_ADD = "too few voters answer for etcd to add a member"
    NO_QUORUM_TO_REMOVE = "too few voters would answer after a removal"
    NO_QUORUM_TO_RESTART = "too few voters would answer during a restart"
    HOST_DOWN_DURING_CHANGE = "a host is down while members must restart for changed settings"
    ALARM_PREVENTS_ADD = "an alarm is raised, so no member can be added"
    ALARM_PREVENTS_VERSION = "an alarm is raised, so the version cannot change"
    QUOTA_TOO_SMALL = "the database does not fit the quota that a member would restart with"
    PEER_URL_NOT_SERVED = "a member is wanted at a peer URL that it does not listen at"

    # Certificates
    LEAF_NOT_TRUSTED = "a staged leaf certificate is from a CA that a member does not trust"
    CLIENT_CA_DROPPED = "a member would no longer trust the CA that issued the certificates in use"
    BUNDLE_TOO_NARROW = "a staged CA bundle does not verify a certificate in use"
    CA_NOT_YET_TRUSTED = "a CA is to issue before the members and clients trust it"
    CA_STILL_IN_USE = "a CA is no longer trusted while certificates of it are in use"
    CA_ROTATION_UNFINISHED = "a CA is to issue, but the run that made it trusted did not come to its end"
    COMMON_NAME_CHANGED = "members would refuse each other for the common name of their certificates"

    # Versions
    VERSION_SKIPS_MINOR = "the version is more than one minor away from what a member runs"
    VERSION_BASE_TOO_OLD = "a member runs a patch that is too old for the next minor"
    VERSION_BELOW_CLUSTER = "a member cannot join with a version below the cluster's"
    VERSION_CHANGES_WITH_MEMBERS = "the version and the members change in one run"
    V2_DATA_LEFT = "a member's data holds what 3.5 wrote and the wanted version cannot read"

    # A run
    CLUSTER_RESUMED = "all hosts hold data of one cluster that the state does not know; it is resumed"
    CANCELLED = "the run was stopped as asked"
    LEASE_HELD = "another run is changing the cluster"
    LEASE_LOST = "this run's lease ended, and another run may have taken over"
    LEASE_WITHOUT_MAJORITY = "too few hosts answer for a lease"
    ANSWERS_UNSTEADY = "members answer at one look and not at the next, again and again"
    STEP_WITHOUT_EFFECT = "a step was taken, and the hosts show that it is due again"
    TOO_MANY_STEPS = "a run took more steps than any change needs"
    PARTIAL_RUN = "`--target` or `--exclude` leaves out what the run needs"
    MEMBER_SERVING = "a host is to be cleared while its member serves"
    HOST_NOT_CLEARED = "something of this program stays on a host that a destroy could not clear"

    # Work on a host that did not succeed
    START_FAILED = "etcd ended at its start, or was not ready in time"
    TRIAL_START_FAILED = "etcd does not start with what is staged, on a copy beside the member"
    NOT_SERVING = "a member does not serve in time"
    BOOTSTRAP_UNPROVEN = "a member of a bootstrap is not what was to be made"
    ALARM_AFTER_RESTART = "an alarm was raised with a restart, or may have been"
    STEP_FAILED = "a step did not succeed, or could not be taken back"
    ARCHIVE_UNUSABLE = "the archive of etcd cannot be read, or is not the pinned one"
    REQUEST_UNSUPPORTED = "the engine asks for what this plugin does not have"

    # EC2
    INSTANCE_REPLACEMENT_UNSAFE = "an instance cannot be replaced now"
    INSTANCE_LAYOUT_FIXED = "volumes, mount points or the VPC cannot change under an instance"
    INSTANCE_PLACE_MISSING = "there is no subnet or zone for an instance"
    INSTANCE_REFUSED = "EC2 did not make an instance"
    INSTANCE_NOT_READY = "an instance did not come up as it should"
