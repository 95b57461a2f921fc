"""Trial starts: when they are due, what is tried, and what is said of one that failed."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etcd_cluster import planning, scripts
from etcd_cluster.errors import ClusterError
from etcd_cluster.execution import Deadlines, Operations, execute, trial_unit
from etcd_cluster.execution import trial as execution_trial
from etcd_cluster.execution.trial import words
from etcd_cluster.lease import Lease, now
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import (
    AddLearner,
    Restart,
    StartExisting,
    StartNew,
    SwitchCertificates,
    Target,
    TrialStart,
    plan,
)
from etcd_cluster.rendering import revision as render
from etcd_cluster.ssh.session import Result
from tests.unit.host_namespace import Namespace, host_namespace
from tests.unit.rendering.environment_file import read
from tests.unit.samples import LAYOUT, attempt, empty, member, serving, silent, status, stopped, target
from tests.unit.sent_scripts import sent

TRYING = replace(target(), trial_start=True)


def steps(observed: Mapping[str, HostFacts], wanted: Target = TRYING, *done: planning.Step) -> list[planning.Step]:
    return list(plan(observed, wanted, done=frozenset(done)).steps)


def on(revision: str, **more: Any) -> dict[str, HostFacts]:
    return {name: serving(name, running_revision=revision, **more) for name in "abc"}


# when


def test_all_hosts_try_what_is_new_before_the_first_restart_and_once_in_a_run() -> None:
    first = TrialStart(("a", "b", "c"))
    assert steps(on("r0"))[0] == first
    assert steps(on("r0"))[1:] == [Restart("b", False), Restart("c", False), Restart("a", True)]
    assert steps(on("r0"), TRYING, first)[0] == Restart("b", False)
    assert str(first) == "try on a, b, c what is staged, apart from the cluster"


def test_a_new_cluster_is_tried_before_it_is_announced() -> None:
    hosts = {name: empty() for name in "abc"}
    assert steps(hosts) == [TrialStart(("a", "b", "c")), StartNew(("a", "b", "c"), None)]
    announced = {name: empty(attempt=attempt()) for name in "abc"}
    assert steps(announced) == [TrialStart(("a", "b", "c")), StartNew(("a", "b", "c"), "t1")]


def test_a_node_that_joins_is_tried_before_it_is_listed() -> None:
    wanted = replace(target("abcd"), trial_start=True)
    assert steps({**on("r1"), "d": empty()}, wanted)[:2] == [TrialStart(("d",)), AddLearner("d")]


def test_nothing_is_tried_that_served_or_where_it_is_switched_off() -> None:
    assert steps(on("r1")) == []
    assert steps(on("r0", served_revision="r1"))[0] == Restart("b", False)
    assert steps(on("r0"), target())[0] == Restart("b", False)


def test_certificates_are_tried_before_members_that_serve_use_them() -> None:
    assert steps(on("r1", active_certificates="c0")) == [
        TrialStart(("a", "b", "c")),
        SwitchCertificates(("a", "b", "c")),
    ]


def test_no_trial_holds_up_what_is_stopped_or_silent() -> None:
    down = {name: stopped(name, active_revision="r0") for name in "abc"}
    assert steps(down) == [StartExisting(("a", "b", "c"))]
    assert steps({**on("r1"), "c": stopped("c", active_revision="r0")})[0] == StartExisting(("c",))
    leaderless = {"status": replace(status("a"), leader_id="0"), "running_revision": "r0"}
    unproven = {name: silent(name, **leaderless, served_revision="older") for name in "abc"}
    assert steps(unproven) == [Restart("a", False)]
    ended = {name: silent(name, active_certificates="c0") for name in "abc"}
    assert not any(isinstance(step, TrialStart) for step in steps(ended))


# what


def test_the_trial_runs_in_the_unit_of_the_member() -> None:
    changed = member(layout=replace(LAYOUT, wal_dir="/wal", data_dir="/srv/etcd"), user="db")
    own, tried = render.unit(changed).splitlines(), trial_unit.unit(changed, "r1", 30).splitlines()
    sandbox = [line for line in own if line.startswith(("User=", "Group=", "Protect", "Private", "Limit", "Restrict"))]
    assert len(sandbox) > 10 and all(line in tried for line in sandbox)
    assert "ReadWritePaths=/srv/etcd /wal" in tried
    assert "ExecStart=/opt/etcd/v3.6.16/etcd" in tried
    assert [line for line in tried if "/etc/etcd/etcd.env" in line or "bootstrap.env" in line] == []
    assert "Restart=no" in tried and "TimeoutStartSec=30" in tried
    assert not [line for line in tried if line.startswith(("Restart=on", "Wants=", "[Install]", "WantedBy="))]


def test_the_trial_has_every_option_but_what_ties_it_to_the_cluster() -> None:
    urls = {f"listen-{kind}-urls": "https://192.0.2.1:2381" for kind in ("metrics", "client-http")}
    tried = member(options={"client-crl-file": "/crl", **urls})
    replaced = trial_unit.environment(tried, "r1", "c1")
    assert replaced["ETCD_INITIAL_CLUSTER"] == "a=https://192.0.2.1:2380"
    assert replaced["ETCD_INITIAL_CLUSTER_STATE"] == "new"
    assert replaced["ETCD_CERT_FILE"] == "/etc/etcd/certificates/c1/server.pem"
    assert replaced["ETCD_TRUSTED_CA_FILE"] == "/etc/etcd/revisions/r1/client-ca.pem"
    assert not {name for name in replaced if "LISTEN" in name or "CRL" in name or "ADVERTISE" in name}
    assert not [value for value in replaced.values() if "current" in value]
    here = trial_unit.loopback_environment(tried)
    listening = [value for name, value in here.items() if "URLS" in name and value]
    assert len(listening) == 4 and all(url.startswith("https://127.0.0.1:@") for url in listening)
    assert here["ETCD_LISTEN_METRICS_URLS"] == here["ETCD_LISTEN_CLIENT_HTTP_URLS"] == ""


def test_the_unit_keeps_no_variable_from_the_trial() -> None:
    tried = member(layout=replace(LAYOUT, wal_dir="/wal"))
    lines = trial_unit.unit(tried, "r1", 30).splitlines()
    kept_away = {word for line in lines if line.startswith("UnsetEnvironment=") for word in line[17:].split()}
    given = trial_unit.environment(tried, "r1", "c1").keys() | trial_unit.loopback_environment(tried).keys()
    assert kept_away and not kept_away & (given | {"ETCD_DATA_DIR", "ETCD_WAL_DIR"})


def test_a_name_for_an_address_is_not_looked_up_in_the_trial() -> None:
    assert trial_unit.variables(member(), "r1", "c1", 30)["peer_url"] == "https://192.0.2.1:2380"
    assert trial_unit.variables(member(address="etcd-1.example"), "r1", "c1", 30)["peer_url"] == ""


# what came of it


class Host:
    """A host whose trial ends so."""

    def __init__(self, output: str) -> None:
        self.output = output
        self.ran: list[str] = []

    async def run(self, script: str, *_: str, **__: Any) -> Result:
        assert sent(script).name == "trial" and sent(script).is_guarded
        return Result(0, self.output, "")


def tried(**outputs: str) -> tuple[str, list[str]]:
    """Return what a trial on these hosts said when it failed, and its warnings."""
    warnings: list[str] = []

    async def say(_: str) -> None:
        """Nobody listens."""

    async def warn(message: str) -> None:
        warnings.append(message)

    async def run() -> None:
        hosts = {name: Host(output) for name, output in outputs.items()}
        deadlines = Deadlines(60, 180, 120, 600, 90, 60)
        facts = {name: serving(name) for name in outputs}
        ops = Operations(hosts, target(), Lease("run-1", now()), deadlines, None, say, None, facts, warn)  # type: ignore[arg-type]
        await execute(ops, TrialStart(tuple(outputs)))

    try:
        asyncio.run(run())
    except ClusterError as error:
        return str(error), warnings
    return "", warnings


def test_every_host_on_which_it_failed_is_named_with_what_was_said_there() -> None:
    line = '{"level":"fatal","msg":"discovery failed","error":"bind: no such address","stacktrace":"main"}'
    said, warnings = tried(a="passed\n", b=f"not-ready\n{line}\n", c="client\nError: context deadline exceeded\n")
    assert "b: etcd did not come up with what is staged" in said
    assert "fatal: discovery failed (error: bind: no such address)" in said
    assert "c: etcd came up with what is staged" in said and "client certificate no answer" in said
    assert said.count("No member was started or restarted with it") == 2
    assert "a: " not in said and warnings == []


def test_a_trial_that_takes_long_says_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    told = asyncio.Event()

    class Slow(Host):
        async def run(self, script: str, *more: str, **kinds: Any) -> Result:
            await told.wait()
            return await super().run(script, *more, **kinds)

    async def say(message: str) -> None:
        said.append(message)
        if message.startswith("Waiting"):
            told.set()

    async def run() -> None:
        deadlines = Deadlines(60, 180, 120, 600, 90, 60, 30)
        hosts = {"a": Slow("passed\n")}
        ops = Operations(hosts, target(), Lease("run-1", now()), deadlines, None, say, None, {"a": serving("a")})  # type: ignore[arg-type]
        await execute(ops, TrialStart(("a",)))

    monkeypatch.setattr(execution_trial, "_SOON_SECONDS", 0.0)
    asyncio.run(run())
    assert said == [
        "Try on a what is staged, apart from the cluster",
        "Waiting for etcd to be ready in the trial start, for 30 s at most",
    ]


def test_etcd_that_ended_after_it_was_ready_is_no_refused_client(host: Namespace) -> None:
    host.answer("failed")
    assert try_on(host, status=1).splitlines()[0] == "not-ready"


def test_a_trial_that_cannot_be_made_is_a_warning() -> None:
    assert tried(a="skipped\nit takes 160000 KiB in /data for a moment, and 5 are free\n") == (
        "",
        ["a: no trial start was made: it takes 160000 KiB in /data for a moment, and 5 are free"],
    )
    assert tried(a="")[1] == ["a: no trial start was made: it ended without a result ()"]


def test_systemds_own_lines_stay_and_what_etcd_says_at_each_start_does_not() -> None:
    lines = "\n".join(
        [
            "Starting etcd-trial.service - Trial start of etcd...",
            '{"level":"warn","msg":"Running http and grpc server on single port. This is not recommended."}',
            "etcd-trial.service: Failed at step EXEC spawning /opt/etcd/v3.6.16/etcd: Permission denied",
            "etcd-trial.service: Main process exited, code=exited, status=203/EXEC",
            "etcd-trial.service: Main process exited, code=exited, status=203/EXEC",
        ]
    )
    assert words(lines).splitlines() == [
        "  etcd-trial.service: Failed at step EXEC spawning /opt/etcd/v3.6.16/etcd: Permission denied",
        "  etcd-trial.service: Main process exited, code=exited, status=203/EXEC",
    ]


# on the host

_ETCDCTL = """#!/bin/sh
cp /run/systemd/system/etcd-trial.service "{folder}/unit"
cp /run/etcd-cluster/trial/trial.env "{folder}/env"
mkdir -p "{folder}/etcd/data/trial-start"
echo "etcdctl says so" >&2
exit {status}
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Namespace]:
    with host_namespace(tmp_path) as made:
        yield made


def try_on(host: Namespace, status: int = 0) -> str:
    layout = replace(
        LAYOUT,
        config_dir=f"{host.folder}/etcd",
        install_dir=f"{host.folder}/opt",
        data_dir=f"{host.folder}/etcd/data",
    )
    tried = member(layout=layout, user="root", group="root", options={"listen-metrics-urls": "http://192.0.2.1:2381"})
    (host.folder / "etcd").mkdir(exist_ok=True)
    binaries = host.folder / "opt" / "v3.6.16"
    binaries.mkdir(parents=True, exist_ok=True)
    (binaries / "etcdctl").write_text(_ETCDCTL.format(folder=host.folder, status=status))
    (binaries / "etcdctl").chmod(0o755)
    host.out("mkdir -p /run/systemd/system")
    return host.out(
        scripts.script("trial", **trial_unit.variables(tried, "r1", "c1", 30)),
        stdin=trial_unit.archive(tried, "r1", "c1", 30),
    )


def test_a_trial_that_passes_leaves_nothing(host: Namespace) -> None:
    host.answer("active")
    assert try_on(host) == "passed"
    assert host.out("ls -A /run/systemd/system /run/etcd-cluster/trial 2>/dev/null || :") == "/run/systemd/system:"
    assert not (host.folder / "etcd/data/trial-start").exists()
    variables = read((host.folder / "env").read_text())
    assert variables["ETCD_DATA_DIR"] == f"{host.folder}/etcd/data/trial-start"
    assert variables["ETCD_INITIAL_CLUSTER_STATE"] == "new"
    # No namespace can be made with this stand-in of systemctl, so free ports of the loopback device are taken.
    ports = [variables[f"ETCD_LISTEN_{kind}_URLS"].removeprefix("https://127.0.0.1:") for kind in ("CLIENT", "PEER")]
    assert all(port.isdecimal() for port in ports) and ports[0] != ports[1]
    assert variables["ETCD_LISTEN_METRICS_URLS"] == ""
    assert "start etcd-trial.service" in host.called
    assert not [call for call in host.called if call.endswith(" etcd.service") and not call.startswith("show")]


def test_a_client_that_is_refused_is_told_and_leaves_nothing(host: Namespace) -> None:
    host.answer("active")
    assert try_on(host, status=1).splitlines()[:2] == ["client", "etcdctl says so"]
    assert host.out("ls -A /run/systemd/system /run/etcd-cluster/trial 2>/dev/null || :") == "/run/systemd/system:"


def test_etcd_that_ended_is_told_with_what_systemd_has(host: Namespace) -> None:
    host.answer("failed")
    said = try_on(host).splitlines()
    assert said[0] == "not-ready"
    assert said[1] == "systemd: Result=failed, ExecMainCode=failed, ExecMainStatus=failed"


def test_an_account_that_changes_is_tried_beside_the_data_with_leafs_that_it_can_read(host: Namespace) -> None:
    leaves = host.folder / "etcd/certificates/c1"
    leaves.mkdir(parents=True)
    for name in ("server.pem", "server-key.pem", "peer.pem", "peer-key.pem"):
        (leaves / name).write_text(name)
    data = host.folder / "etcd/data"
    (data / "member").mkdir(parents=True)
    os.chown(data, 12345, 12345)
    host.answer("42")
    assert try_on(host).splitlines()[0] == "not-ready", "42 is no state of a unit"
    variables = read((host.folder / "env").read_text())
    assert variables["ETCD_DATA_DIR"] == f"{data}.trial-start/trial-start"
    assert variables["ETCD_PEER_KEY_FILE"] == f"{data}.trial-start/leafs/peer-key.pem"
    assert f"WorkingDirectory={data}.trial-start\n" in (host.folder / "unit").read_text()
    assert sorted(path.name for path in data.parent.iterdir() if "trial" in path.name) == []
    assert data.stat().st_uid == 12345


def test_without_space_no_trial_is_made(host: Namespace) -> None:
    host.answer("active")
    (host.folder / "bin" / "df").write_text("#!/bin/sh\necho head\necho fs 1 1 4000 1% /\n")
    (host.folder / "bin" / "df").chmod(0o755)
    assert try_on(host).splitlines()[0] == "skipped"
    assert "start etcd-trial.service" not in host.called
