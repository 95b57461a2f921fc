"""The two ways to a cluster that are measured, each from hosts with nothing on them."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from dev import releases, toolchain
from dev.bench.site import check_members, main_pids
from dev.bench.stopwatch import Sample, measure
from dev.lab.hosts import Host, Lab
from dev.lab.system import LabError, tail, write

CHECKOUT = Path(__file__).parents[2]
VERSION = releases.DEFAULT_VERSION
LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Site:
    """Where a measurement takes place: hosts by member name, and an empty folder of its own."""

    lab: Lab
    hosts: Mapping[str, Host]
    folder: Path


def certificate_tool() -> str:
    """Return the program that `by_hand.sh` makes certificates with."""
    return "cfssl" if shutil.which("cfssl") and shutil.which("cfssljson") else "openssl"


def by_hand(site: Site) -> Sample:
    """Measure `by_hand.sh`, from the download to healthy members."""
    work = site.folder / "work"
    work.mkdir()
    # As `ssh_command` of a host has it, in a file, so that scp takes it too.
    write(
        site.folder / "ssh_config",
        f"""User root
IdentityFile {site.lab.private_key}
IdentitiesOnly yes
BatchMode yes
UserKnownHostsFile {site.lab.known_hosts}
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
""",
    )
    environment = dict(os.environ) | {
        "NODE_NAMES": " ".join(site.hosts),
        "NODE_IPS": " ".join(host.address for host in site.hosts.values()),
        "URL": site.lab.releases_url,
        "VERSION": VERSION,
        "ARCH": releases.architecture(),
        "SSH_CONFIG": str(site.folder / "ssh_config"),
        "WORK": str(work),
        "TEMPLATE": str(Path(__file__).with_name("etcd.service.template")),
    }
    cert = "/etc/etcd/cert/etcd"
    etcdctl = f"/opt/k8s/bin/etcdctl --cacert=/etc/kubernetes/cert/ca.pem --cert={cert}.pem --key={cert}-key.pem"
    return measure(
        ["sh", str(Path(__file__).with_name("by_hand.sh"))],
        folder=work,
        environment=environment,
        log=site.folder / "log",
        limit=LIMIT_SECONDS,
        then=lambda: check_members(site.hosts, etcdctl),
    )


class Program:
    """The program with a stack, a backend and a passphrase of its own; the settings are those of `make up`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._environment = self._prepare()
        self._init_stack()

    def up(self) -> Sample:
        """Measure `pulumi up` from nothing to healthy members."""
        return self._measure("up", self._site.folder / "first.log")

    def up_again(self) -> Sample:
        """Measure the same command when there is nothing to do; raises when a member was restarted all the same."""
        before = main_pids(self._site.hosts)
        sample = self._measure("up again", self._site.folder / "again.log")
        if main_pids(self._site.hosts) != before:
            raise LabError("a second `pulumi up` restarted a member")
        return sample

    @property
    def _config_file(self) -> Path:
        return self._site.folder / "project" / "Pulumi.bench.yaml"

    def _prepare(self) -> dict[str, str]:
        folder = self._site.folder
        (folder / "state").mkdir()
        (folder / "project").mkdir()
        write(folder / "passphrase", secrets.token_urlsafe(16), mode=0o600)
        environment = toolchain.environment()
        for name in ("SSH_AUTH_SOCK", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN"):
            environment.pop(name, None)
        return environment | {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder / "passphrase"),
        }

    def _init_stack(self) -> None:
        # `stack init` writes the salt beside the Pulumi.yaml that it finds, and nothing may appear in the checkout.
        project = self._config_file.parent
        shutil.copy(CHECKOUT / "Pulumi.yaml", project)
        done = subprocess.run(
            [self._pulumi, "stack", "init", "bench", "--no-select", "--cwd", str(project), "--non-interactive"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )
        if done.returncode:
            raise LabError(f"`pulumi stack init` failed: {done.stderr.strip()}")
        salt = yaml.safe_load(self._config_file.read_text())
        write(self._config_file, yaml.safe_dump(salt | {"config": self._config()}))

    def _config(self) -> dict[str, object]:
        """Return the config of the lab's stack with the hosts and files of this lab."""
        lab, hosts = self._site.lab, self._site.hosts
        config: dict[str, object] = yaml.safe_load((CHECKOUT / "Pulumi.dev.yaml").read_text())["config"]
        return config | {
            "etcd-cluster:nodes": {name: {"address": host.address} for name, host in hosts.items()},
            "etcd-cluster:version": VERSION,
            "etcd-cluster:ssh": {
                "user": "root",
                "private_key_file": str(lab.private_key),
                "known_hosts_file": str(lab.known_hosts),
            },
            "etcd-cluster:binaries": {
                "url": lab.releases_url,
                "checksums_file": str(lab.places.access / "checksums.yaml"),
            },
        }

    @property
    def _pulumi(self) -> str:
        program = shutil.which("pulumi", path=self._environment["PATH"])
        if program is None:
            raise LabError("the toolchain has no pulumi")
        return program

    def _measure(self, what: str, log: Path) -> Sample:
        words = [self._pulumi, "up", "--yes", "--skip-preview", "--stack", "bench"]
        words += ["--config-file", str(self._config_file), "--non-interactive", "--color", "never"]
        cert = "/etc/etcd/certificates/current/etcdctl"
        etcdctl = (
            f"/usr/local/bin/etcdctl --cacert=/etc/etcd/current/client-ca.pem --cert={cert}.pem --key={cert}-key.pem"
        )
        try:
            return measure(
                words,
                folder=CHECKOUT,
                environment=self._environment,
                log=log,
                limit=LIMIT_SECONDS,
                then=lambda: check_members(self._site.hosts, etcdctl),
            )
        except LabError as error:
            raise LabError(f"{what}: {error}\n{tail(log, 5)}") from None
