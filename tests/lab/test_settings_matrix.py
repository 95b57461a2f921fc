"""Every setting is changed on a running cluster: no write fails, no two members are down, no old client is refused.

Each change is either made as its preview says, or refused in the preview before anything is touched.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.lab.authorities import Authority
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack
from tests.lab.matrix import NODE, Case, cases, file_with, option_values, under_nodes
from tests.lab.outages import Outages
from tests.lab.outside import Client, Writer
from tests.lab.steps import diagnostics, executed, shown

pytestmark = [pytest.mark.lab]

_LABS_OWN = {"ssh.private_key_file", "ssh.known_hosts_file", "binaries.checksums_file", "binaries.url"}
# What no type of a setting tells; the lab fills in those of `_LABS_OWN`, and an address.
VALUES: dict[str, Any] = {
    **dict.fromkeys(sorted(_LABS_OWN), "the lab's own, at another path"),
    f"nodes.{NODE}.address": "its name, then its IPv6 address",
    f"nodes.{NODE}.ssh.host": "its address, given by itself",
    f"nodes.{NODE}.ssh.port": 22,
    f"nodes.{NODE}.ssh.user": "ops",
    f"nodes.{NODE}.ssh.host_key": "its key, given by itself",
    f"nodes.{NODE}.extra_names": ["etcd.example.com", "192.0.2.7"],
    "ssh.port": 22,
    "allow_unsafe_etcd_options": ["enable-pprof"],
    "ssh.user": "ops",
    "ssh.sudo": True,
    "binaries.http_proxy": "http://192.0.2.9:3128",
    "binaries.source": "download",
    "paths.wal_dir": "/var/lib/etcd-wal",
    "client_port": 12379,
    "peer_port": 12380,
    "certificates.rsa_bits": 3072,
    "certificates.subject.common_name": "etcd-server",
    "certificates.subject.organization": "Example",
    "certificates.subject.organizational_unit": "Platform",
    "certificates.subject.country": "KR",
    "certificates.subject.province": "Seoul",
    "certificates.subject.locality": "Mapo",
    "certificates.extra_names": ["etcd.example.com", "192.0.2.8"],
    "ca.client.trust_generations": [1, 2],
    "ca.client.trust_certificates_file": "a file with another CA",
    "ca.peer.trust_generations": [1, 2],
    "ca.peer.trust_certificates_file": "a file with another CA",
    "clients.admin.common_name": "administrator",
    "clients.admin.organization": "Example",
    "clients.admin.validity_days": 30,
    "clients.admin.extra_names": ["admin.example.com"],
    "initial_cluster_token": "another-token",
    "user": "etcd2",
    "group": "etcd2",
}
OPTIONS = {
    # Left out: what would change who is served, or needs a second option or a file; the settings' own tests have them.
    "client-cert-allowed-hostname": "",
    "client-crl-file": "",
    "peer-crl-file": "",
    "cipher-suites": "",
    "listen-client-http-urls": "",
    "log-rotation-config-json": "",
    "enable-log-rotation": "",
    "memory-mlock": "",
    "peer-skip-client-san-verification": "",
    "enable-distributed-tracing": "",
    "distributed-tracing-address": "",
    "distributed-tracing-instance-id": "",
    "distributed-tracing-service-name": "",
    "distributed-tracing-sampling-rate": "",
    "v2-deprecation": "",
    "enable-pprof": "",
    "socket-reuse-address": "",
    "socket-reuse-port": "",
    # Values that etcd accepts together.
    "auth-token": "simple",
    "auto-compaction-retention": "1h",
    "auto-compaction-mode": "periodic",
    "bcrypt-cost": "8",
    "cors": "https://example.com:443",
    "host-whitelist": "*",
    "feature-gates": "LeaseCheckpoint=true",
    "heartbeat-interval": "300",
    "election-timeout": "3000",
    "listen-metrics-urls": "http://127.0.0.1:2381",
    "log-level": "warn",
    "log-format": "json",
    "log-outputs": "stderr",
    "logger": "zap",
    "initial-election-tick-advance": "true",
    "quota-backend-bytes": "4294967296",
    "backend-batch-limit": "5000",
    "compaction-batch-limit": "2000",
    "max-learners": "2",
    "max-request-bytes": "2000000",
    "max-snapshots": "4",
    "max-wals": "4",
    "max-txn-ops": "256",
    "max-concurrent-streams": "1000",
    "snapshot-count": "20000",
    "bootstrap-defrag-threshold-megabytes": "500",
    "raft-read-timeout": "5s",
    "raft-write-timeout": "5s",
    "auth-token-ttl": "600",
    "tls-min-version": "TLS1.2",
    "tls-max-version": "TLS1.3",
    "unsafe-no-fsync": "",
    "downgrade-check-time": "7s",
    "snapshot-catchup-entries": "6000",
}
MINOR = (3, 6)
# Their change restarts nobody and issues nothing, so they are changed together.
_QUIET_GROUPS = ("deadlines", "snapshots", "binaries", "ssh", "nodes")
_RESTARTING_GROUPED = {"deadlines.service_start"}
_QUIET_BY_NAME = {
    "allow_unsafe_etcd_options",
    "purge_data_on_destroy",
    "certificates.renew_before_days",
    "initial_cluster_token",
}

ALL = cases(VALUES)
ADDRESS = f"nodes.{NODE}.address"
QUIET = [
    case
    for case in ALL
    if (case.keys[0] in _QUIET_GROUPS or str(case) in _QUIET_BY_NAME)
    and str(case) not in {*_RESTARTING_GROUPED, ADDRESS, f"nodes.{NODE}.extra_names"}
]
SINGLE = [case for case in ALL if case not in QUIET and str(case) != ADDRESS]


class Watched:
    """A stack of three, a writer that goes on through all changes with what it had first, and what it is held to."""

    def __init__(self, stack: Stack, tools: Path, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self.client = Client(stack, tools)
        # A change of the port moves what a client dials, so it has both from the start.
        self.client.endpoints += [url.replace(":2379", f":{VALUES['client_port']}") for url in self.client.endpoints]
        self.writer = Writer(self.client)
        self.refusal = ""
        """What the last refused `up` printed."""
        self.is_sound = True

    def value(self, case: Case, node: str = NODE) -> Any:
        """Return the value to set, with the lab's own where the table cannot have it."""
        stack, host = self.stack, self.stack.hosts[node]
        name = ".".join((*case.keys[:1], NODE, *case.keys[2:])) if case.keys[0] == "nodes" else str(case)
        if name == f"nodes.{NODE}.ssh.host":
            return host.address
        if name == f"nodes.{NODE}.ssh.host_key":
            lines = [line.split() for line in stack.lab.known_hosts.read_text().splitlines()]
            return next(f"{kind} {key}" for names, kind, key, *_ in lines if host.address in names.split(","))
        if name.endswith("trust_certificates_file"):
            return file_with(self.folder, f"{name}.pem", Authority("another CA").pair.certificate)
        if name in _LABS_OWN and name != "binaries.url":
            group, key = case.keys
            return file_with(self.folder, name, Path(stack.config[group][key]).read_text())
        return f"{stack.config['binaries']['url']}/" if name == "binaries.url" else case.value

    def change(self, changed: list[Case]) -> list[str]:
        """Change settings and check all that must hold; return the steps that were taken, none for a refusal."""
        stack, before = self.stack, json.dumps(self.stack.config)
        self.is_sound = False
        keys_before = self.authority_keys()
        outages, pids = Outages(stack), stack.pids()
        for case in changed:
            case.apply(stack.config)
        preview = stack.preview()
        assert "Traceback" not in preview.stdout, preview.stdout[-4000:]
        steps: list[str] = []
        if preview.returncode == 0:
            done = stack.try_up()
            assert done.returncode == 0, f"the preview accepted it, and up failed:\n{diagnostics(done.stdout)}"
            steps = executed(done.stdout)
            assert shown(preview.stdout) == steps, f"{diagnostics(preview.stdout)}\n{diagnostics(done.stdout)}"
            again = stack.preview("--expect-no-changes")
            assert again.returncode == 0, again.stdout[-2500:]
        else:
            said = stack.refused()
            self.refusal = diagnostics(said)
            assert stack.pids() == pids, said[-3000:]
            assert self.authority_keys() == keys_before, "a CA was touched although the change was refused"
            stack.config = json.loads(before)
            assert executed(stack.up().stdout) == [], "taken back, there was something left to do"
            assert stack.pids() == pids
        outages.never_two()
        assert self.writer.failed == []
        assert self.writer.refused == []
        self.is_sound = True
        return steps

    def authority_keys(self) -> dict[str, str]:
        """Return what the state holds of each CA's key and certificate, secrets as they are encrypted there."""
        resources = json.loads(self.stack.export())["deployment"]["resources"]
        return {
            each["urn"]: json.dumps(
                each.get("outputs", {}).get("publicKeyPem") or each.get("outputs", {}).get("certPem")
            )
            for each in resources
            if "CertificateAuthority$tls:" in each["urn"]
        }


class _Site:
    """Makes a stack for the changes, and another one after a change that failed: it may have left its stack unfit."""

    def __init__(self, make: Callable[[], Watched]) -> None:
        self._make = make
        self._writers = ExitStack()
        self._current: Watched | None = None

    def take(self) -> Watched:
        """Return the stack that the next change is made on."""
        if self._current is None or not self._current.is_sound:
            self.close()
            self._current = self._make()
            self._writers.enter_context(self._current.writer)
        return self._current

    def close(self) -> None:
        """Stop the writer, and check that nothing it wrote is lost."""
        self._writers.close()
        if self._current and self._current.is_sound:
            self._current.writer.served_all(self._current.client)


@pytest.fixture(scope="module")
def matrix_site(
    fresh_for_module: MakeHosts, make_module_stack: MakeStack, tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Site]:
    def make() -> Watched:
        stack = make_module_stack(fresh_for_module(3), clients={"admin": {}, "reader": {}})
        stack.config["ca"] = {"client": {}, "peer": {}}
        stack.up()
        return Watched(stack, tools, tmp_path_factory.mktemp("files"))

    found = _Site(make)
    yield found
    found.close()


@pytest.fixture
def watched(matrix_site: _Site) -> Watched:
    return matrix_site.take()


def _with_values(watched: Watched, changed: list[Case]) -> list[Case]:
    return [Case(case.keys, watched.value(case, case.keys[1] if case.keys[0] == "nodes" else NODE)) for case in changed]


def test_settings_that_are_for_the_program_alone_restart_nobody(watched: Watched) -> None:
    pids = watched.stack.pids()
    assert watched.change(_with_values(watched, QUIET)) == []
    assert watched.stack.pids() == pids


def test_options_of_etcd_are_changed_one_member_at_a_time(watched: Watched, measure: Measure) -> None:
    options = option_values(MINOR, OPTIONS)
    pids = watched.stack.pids()
    assert watched.change([Case(("etcd", name), value) for name, value in options.items()]), watched.refusal
    measure(f"{len(options)} options changed", watched.writer)
    after = watched.stack.pids()
    assert not [node for node in pids if after[node] in (0, pids[node])]


@pytest.mark.long
@pytest.mark.parametrize("case", SINGLE, ids=str)
def test_one_setting(watched: Watched, measure: Measure, case: Case) -> None:
    changed = _with_values(watched, [case])
    steps = watched.change(changed)
    measure(f"{case}: {len(steps)} steps", watched.writer)


@pytest.mark.long
def test_all_addresses_become_ipv6_and_ipv4_again(watched: Watched, measure: Measure) -> None:
    stack = watched.stack
    (case,) = (each for each in ALL if str(each) == ADDRESS)
    before = {node: host.address for node, host in stack.hosts.items()}
    reached = [Case(("nodes", node, "ssh", "host"), host.address) for node, host in stack.hosts.items()]
    sixes = {node: host.address6 for node, host in stack.hosts.items()}
    for addresses in (sixes, before):
        changed = [Case(each.keys, addresses[each.keys[1]]) for each in under_nodes(case, stack.hosts)]
        watched.change([*reached, *changed])
        measure(f"addresses of all nodes: {', '.join(addresses.values())}", watched.writer)


def test_the_matrix_has_every_setting_once() -> None:
    assert len({str(case) for case in ALL}) == len(ALL)
    assert {str(case) for case in ALL} == {str(case) for case in [*QUIET, *SINGLE]} | {ADDRESS}
