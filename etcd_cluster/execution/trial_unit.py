"""A trial start: a staged revision is started once on its host, apart from the cluster, before a member uses it.

It runs as the member will: the unit's sandbox, account and limits, every option, the binaries, the CA bundles and the
leaf certificates. Only what ties it to the cluster is replaced: the data, and who its members are.
"""

import enum
from dataclasses import dataclass
from typing import Self

from etcd_cluster.rendering import revision as render
from etcd_cluster.rendering.revision import StagedFile
from etcd_cluster.specs.member import Member, initial_cluster, listen_host

_UNIT = "etcd-trial.service"
_FOLDER = "/run/etcd-cluster/trial"
# What trial.sh puts the free ports of 127.0.0.1 in place of, where it cannot make a network namespace.
_CLIENT_PORT, _PEER_PORT = "@CLIENT_PORT@", "@PEER_PORT@"
# A single member elects itself after one to two election timeouts; here nobody else is waited for.
_HEARTBEAT_MILLISECONDS, _ELECTION_MILLISECONDS = "20", "100"
_OTHER_LISTENERS = ("listen-metrics-urls", "listen-client-http-urls")
# trial.sh asks etcdctl a few times once etcd is ready; after that systemd ends a trial whose run was killed.
_LONGEST_AFTER_START = 60
_REPLACED = (
    "Description=",
    "Documentation=",
    "Wants=",
    "After=",
    "EnvironmentFile=",
    "ExecStart=",
    "Restart=",
    "RestartSec=",
    "TimeoutStartSec=",
    "#",
)


def unit(member: Member, revision: str, seconds: int) -> str:
    """Return the unit of the trial: the member's own, but for what it starts, with which variables, and how often.

    trial.sh adds the network namespace. `seconds` is the deadline of the start.
    """
    layout = member.layout
    own, _, _ = render.unit(member).partition("[Install]")
    kept = [line for line in own.splitlines() if line and not line.startswith(_REPLACED)]
    added = [
        f"EnvironmentFile={layout.config_dir}/revisions/{revision}/etcd.env",
        f"EnvironmentFile={_FOLDER}/trial.env",
        f"ExecStart={layout.version_dir(member.version)}/etcd",
        "Restart=no",
        f"TimeoutStartSec={seconds}",
        f"RuntimeMaxSec={_LONGEST_AFTER_START}",
        "KillSignal=SIGKILL",
        "SuccessExitStatus=SIGKILL",
    ]
    return "".join(f"{line}\n" for line in ["[Unit]", "Description=Trial start of etcd", *kept[1:], *added])


def environment(member: Member, revision: str, certificates: str) -> dict[str, str]:
    """Return the variables that replace those of the staged revision."""
    layout = member.layout
    bundles = f"{layout.config_dir}/revisions/{revision}"
    leaves = f"{layout.config_dir}/certificates/{certificates}"
    options = {
        "initial-cluster-state": "new",
        "initial-cluster": initial_cluster({member.name: member.peer_url}),
        "initial-cluster-token": "trial",
        "heartbeat-interval": _HEARTBEAT_MILLISECONDS,
        "election-timeout": _ELECTION_MILLISECONDS,
        "cert-file": f"{leaves}/server.pem",
        "key-file": f"{leaves}/server-key.pem",
        "trusted-ca-file": f"{bundles}/client-ca.pem",
        "peer-cert-file": f"{leaves}/peer.pem",
        "peer-key-file": f"{leaves}/peer-key.pem",
        "peer-trusted-ca-file": f"{bundles}/peer-ca.pem",
    }
    return {render.option_variable(name): value for name, value in options.items()}


def loopback_environment(member: Member) -> dict[str, str]:
    """Return the variables that are replaced too where the trial shares the host's network.

    The other listeners would meet the running member there, so they are left out: etcd ignores an empty value.
    """
    client, peer = f"https://127.0.0.1:{_CLIENT_PORT}", f"https://127.0.0.1:{_PEER_PORT}"
    options = {
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": initial_cluster({member.name: peer}),
        **{option: "" for option in _OTHER_LISTENERS if option in member.options},
    }
    return {render.option_variable(name): value for name, value in options.items()}


def archive(member: Member, revision: str, certificates: str, seconds: int) -> bytes:
    """Return the files of a trial as trial.sh takes them."""
    return render.archive(
        {
            _UNIT: StagedFile(unit(member, revision, seconds)),
            "trial.env": StagedFile(render.environment_text(environment(member, revision, certificates))),
            "loopback.env": StagedFile(render.environment_text(loopback_environment(member))),
        }
    )


def variables(member: Member, revision: str, certificates: str, seconds: int) -> dict[str, str]:
    """Return the variables of trial.sh.

    A name that stands for the address is not looked up in the trial's network, so peers are not tried there.
    """
    layout = member.layout
    return {
        "config": layout.config_dir,
        "revision": revision,
        "certificates": certificates,
        "binaries": layout.version_dir(member.version),
        "data": layout.data_dir,
        "wal": layout.wal_dir or "",
        "user": member.user,
        "group": member.group,
        "start_seconds": str(seconds),
        "client_url": member.local_url,
        "peer_url": "" if listen_host(member.address) == "0.0.0.0" else member.peer_url,
    }


class End(enum.Enum):
    """How a trial ended."""

    PASSED = "passed"
    SKIPPED = "skipped"
    NOT_READY = "not-ready"
    CLIENT_REFUSED = "client"
    PEER_REFUSED = "peer"


@dataclass(frozen=True)
class Result:
    """How a trial ended, and the lines that tell why: of systemd, etcd and etcdctl."""

    end: End
    lines: str

    @classmethod
    def parse(cls, output: str) -> Self:
        """Read what trial.sh printed; raises ValueError for anything else."""
        end, _, lines = output.partition("\n")
        return cls(End(end.strip()), lines)
