"""What must be true of a host before anything is changed on it: one test for each finding."""

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etcd_cluster.observation.drop_ins import DropIn
from etcd_cluster.observation.facts import HostFacts, Stamp
from etcd_cluster.preflight import host_checks
from etcd_cluster.preflight.host_checks import Expectation
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering import revision
from tests.unit.samples import empty, member, serving, stopped

SUMS = {"amd64": "a" * 64, "arm64": "b" * 64}


def problems(seen: HostFacts, architecture: str | None = None, owner: str | None = None, **expected: Any) -> list[str]:
    """Return what is said about the host of member `a`."""
    held = {"checksums": SUMS, "source": "download", "clock_seconds": 60, **expected}
    return [str(each) for each in host_checks.host_problems(member(), seen, architecture, Expectation(owner, **held))]


def reasons(
    seen: HostFacts, architecture: str | None = None, owner: str | None = None, **expected: Any
) -> list[Reason]:
    """Return why the host of member `a` is refused."""
    held = {"checksums": SUMS, "source": "download", "clock_seconds": 60, **expected}
    found = host_checks.host_problems(member(), seen, architecture, Expectation(owner, **held))
    assert {each.where for each in found} <= {"a"}
    return [each.reason for each in found]


def test_a_bare_host_is_fit() -> None:
    assert problems(empty()) == []


def test_a_host_of_this_cluster_is_fit() -> None:
    unit = {"MainPID": "42", "FragmentPath": "/etc/systemd/system/etcd.service"}
    assert problems(stopped("a", unit=unit, fetch_tool="wget"), owner="owner") == []


def test_missing_tools_are_named() -> None:
    (found,) = problems(empty(missing_tools=("tar", "gzip", "flock")))
    assert "tar, gzip and flock" in found


def test_a_host_that_downloads_needs_curl_or_wget() -> None:
    assert reasons(empty(fetch_tool=None)) == [Reason.DOWNLOADER_MISSING]


def test_a_host_that_is_sent_its_binaries_needs_no_curl() -> None:
    assert problems(empty(fetch_tool=None), source="push") == []


def test_an_architecture_without_a_release_is_refused() -> None:
    assert reasons(empty(machine="riscv64")) == [Reason.ARCHITECTURE_UNSUPPORTED]


def test_an_architecture_other_than_the_settings_say_is_refused() -> None:
    assert reasons(empty(), architecture="arm64") == [Reason.ARCHITECTURE_MISMATCH]


@pytest.mark.parametrize("checksums", [{}, {"amd64": ""}, {"arm64": "b" * 64}])
def test_a_version_without_a_sum_is_refused(checksums: dict[str, str]) -> None:
    assert reasons(empty(), checksums=checksums) == [Reason.CHECKSUM_MISSING]


@pytest.mark.parametrize("owner", [None, "owner"])
@pytest.mark.parametrize(("pid", "runs"), [("0", "does not run now"), ("42", "runs")])
def test_a_host_of_another_stack_is_refused_without_dangerous_advice(owner: str | None, pid: str, runs: str) -> None:
    unit = {"MainPID": pid, "FragmentPath": "/etc/systemd/system/etcd.service"}
    links = ("/usr/local/bin/etcd",)
    seen = empty(stamp=Stamp("other", "h", "x", "org/project/prod"), unit=unit, foreign_links=links)
    assert problems(seen, owner=owner, stack="org/project/dev") == [
        (
            f"a: it serves node x of another stack of this program, org/project/prod; etcd {runs} there. "
            "Use another host, or run `pulumi destroy` on that stack first. Remove nothing on the host by hand: "
            "it would take that stack's member down."
        )
    ]


def test_a_host_of_an_earlier_life_of_this_stack_is_told_so() -> None:
    seen = empty(stamp=Stamp("other", "h", "a", "org/project/dev"))
    assert reasons(seen, owner="owner", stack="org/project/dev") == [Reason.STACK_IDENTITY_UNKNOWN]


def test_a_renamed_node_is_refused() -> None:
    assert reasons(empty(stamp=Stamp("owner", "h", "b", "stack")), owner="owner") == [Reason.NODE_RENAMED]


def test_a_taken_port_is_named_with_its_process_and_its_setting() -> None:
    seen = empty(listening=((2379, "nginx (pid 7)"), (2380, "a process (pid 0)"), (2381, "node_exporter (pid 9)")))
    wanted = member(options={"listen-metrics-urls": "http://127.0.0.1:2381"})
    expected = Expectation(None, checksums=SUMS, source="download", clock_seconds=60)
    assert [str(each) for each in host_checks.host_problems(wanted, seen, None, expected)] == [
        "a: port 2379 is taken by nginx (pid 7). Stop that process, or choose another `client_port`.",
        "a: port 2380 is taken by a process (pid 0). Stop that process, or choose another `peer_port`.",
        (
            "a: port 2381 is taken by node_exporter (pid 9). Stop that process, or choose another port in "
            "`etcd.listen-metrics-urls`."
        ),
    ]


def test_an_etcd_that_somebody_else_runs_is_left_to_them() -> None:
    unit = {"FragmentPath": "/lib/systemd/system/etcd.service", "MainPID": "42"}
    (found,) = problems(empty(unit=unit, listening=((2379, "etcd (pid 42)"),)))
    assert found.startswith(
        "a: it has an etcd.service that this program did not install (/lib/systemd/system/etcd.service), and it runs, "
        "perhaps for somebody who needs it. Use another host."
    )
    assert "outage" in found and "docs/restore.md" in found and "remove" not in found


def test_a_unit_that_somebody_else_installed_and_that_rests_is_refused() -> None:
    assert reasons(empty(unit={"FragmentPath": "/lib/systemd/system/etcd.service"})) == [Reason.FOREIGN_UNIT]


@pytest.mark.parametrize(
    ("links", "text"),
    [
        (("/usr/local/bin/etcd",), "a: /usr/local/bin/etcd exists and is not this program's. Remove it, or"),
        (("/b/etcd", "/b/etcdctl"), "a: /b/etcd and /b/etcdctl exist and are not this program's. Remove them, or"),
    ],
)
def test_binaries_of_others_are_refused(links: tuple[str, ...], text: str) -> None:
    assert problems(empty(foreign_links=links)) == [f"{text} choose another `paths.bin_dir`."]


DROP_IN = "/etc/systemd/system/etcd.service.d/10-old.conf"


def sets(text: str, path: str = DROP_IN) -> HostFacts:
    return empty(drop_ins=(DropIn(path, text),))


@pytest.mark.parametrize(
    ("text", "directives"),
    [
        ("[Service]\nEnvironment=ETCD_CONFIG_FILE=/etc/etcd.yml\n", "Environment= (ETCD_CONFIG_FILE)"),
        ('[Service]\nEnvironment="A=secret word" ETCDCTL_X=y GOGC=50\n', "Environment= (A, ETCDCTL_X)"),
        ("[Service]\nEnvironmentFile=/etc/default/etcd\n", "EnvironmentFile="),
        ("[Service]\nExecStart=\nExecStart=/usr/bin/etcd --name x\nNice=5\n", "ExecStart="),
        ("[Service]\nUser=root\nUnsetEnvironment=\n", "User=, UnsetEnvironment="),
        ("[Service]\n# a comment\nExecStart=/usr/bin/etcd \\\n  # another\n  --name x\n", "ExecStart="),
        ("[Service]\nPassEnvironment=HTTPS_PROXY\n", "PassEnvironment="),
        ("[Service]\nSystemCallFilter=@system-service\nIPAddressDeny=any\n", "SystemCallFilter=, IPAddressDeny="),
        ("[Unit]\nBindsTo=docker.service\n", "BindsTo="),
    ],
)
def test_a_drop_in_that_changes_how_etcd_runs_is_refused(text: str, directives: str) -> None:
    [problem] = problems(sets(text))
    assert problem == (
        f"a: {DROP_IN} sets {directives} for etcd.service, which would change how the member runs or what it reads. "
        "Remove these lines or the file there, then run `systemctl daemon-reload`; etcd's options belong below `etcd` "
        "in the settings."
    )
    assert "secret" not in problem


@pytest.mark.parametrize(
    "text",
    [
        "[Service]\nNice=-5\nIOSchedulingClass=realtime\nCPUWeight=200\nMemoryMax=4G\nOOMScoreAdjust=-900\n",
        "[Service]\nLimitNOFILE=infinity\nLimitMEMLOCK=infinity\nSlice=etcd.slice\n",
        "[Service]\nTimeoutStopFailureMode=abort\n",
        '[Service]\nEnvironment=GOMEMLIMIT=3GiB "GOGC=50"\nEnvironment=TZ=UTC\n',
        "[Service]\nEnvironment=HTTPS_PROXY=http://proxy:3128 no_proxy=localhost\n",
        "[Unit]\nAfter=ntpd.service\nWants=ntpd.service\n[Install]\nWantedBy=x.target\n[X-Ours]\nA=b\n",
        "",
        "# nothing\n; at all\n",
    ],
)
def test_a_drop_in_that_only_changes_how_much_etcd_gets_is_fit(text: str) -> None:
    assert problems(sets(text)) == []


def test_a_drop_in_for_all_services_counts_too() -> None:
    [problem] = problems(sets("[Service]\nDynamicUser=yes\n", "/run/systemd/system/service.d/all.conf"))
    assert problem.startswith("a: /run/systemd/system/service.d/all.conf sets DynamicUser= for etcd.service")


def test_a_drop_in_that_another_hides_is_not_in_force() -> None:
    hidden = DropIn("/usr/lib/systemd/system/service.d/10-old.conf", "[Service]\nUser=root\n")
    assert problems(empty(drop_ins=(DropIn(DROP_IN, ""), hidden))) == []
    assert reasons(empty(drop_ins=(hidden, DropIn(DROP_IN, "")))) == [Reason.UNIT_DROP_IN]


@pytest.mark.parametrize("unit", [{"LoadState": "masked"}, {"UnitFileState": "masked"}])
def test_a_masked_unit_is_refused(unit: dict[str, str]) -> None:
    assert reasons(stopped("a", unit=unit, fetch_tool="curl"), owner="owner") == [Reason.UNIT_MASKED]


def test_a_unit_that_comes_before_ours_is_refused() -> None:
    fragment = "/run/systemd/transient/etcd.service"
    seen = stopped("a", unit={"FragmentPath": fragment}, fetch_tool="curl")
    assert reasons(seen, owner="owner") == [Reason.UNIT_OVERRIDDEN]


def test_a_drop_in_only_warns_while_its_member_runs_as_wanted() -> None:
    found = (DropIn(DROP_IN, "[Service]\nUser=root\n"),)
    seen = serving("a", fetch_tool="curl", drop_ins=found)
    assert problems(seen, owner="owner") == []
    [warning] = host_checks.host_warnings(member(), seen)
    assert warning.what.endswith("which would change how the member runs or what it reads; its next start is refused")
    wanted = member(options={"heartbeat-interval": "300"})
    due = replace(
        seen,
        active_environment=revision.environment_text(revision.environment(member())),
        active_unit=revision.unit(member()),
    )
    assert host_checks.host_warnings(wanted, due) == []
    held = Expectation("owner", SUMS, "download", 60)
    assert [each.reason for each in host_checks.host_problems(wanted, due, None, held)] == [Reason.UNIT_DROP_IN]
    at_rest = stopped("a", drop_ins=found, fetch_tool="curl")
    assert reasons(at_rest, owner="owner") == [Reason.UNIT_DROP_IN], "a start would take it up"


@pytest.mark.parametrize(("offset", "words"), [(61.0, "61 s ahead of"), (-3600.4, "3600 s behind")])
def test_a_clock_that_is_off_is_refused(offset: float, words: str) -> None:
    assert problems(empty(clock_offset=offset)) == [
        f"a: its clock is {words} this machine's; certificates would not be valid. Set both clocks by NTP."
    ]


@pytest.mark.parametrize("offset", [60.0, -60.0])
def test_a_clock_within_the_limit_is_fit(offset: float) -> None:
    assert problems(empty(clock_offset=offset)) == []


def test_all_that_is_wrong_with_a_host_is_told_at_once() -> None:
    seen = empty(missing_tools=("tar",), machine="mips", clock_offset=900.0, listening=((2379, "x (pid 1)"),))
    tool, architecture = Reason.TOOL_MISSING, Reason.ARCHITECTURE_UNSUPPORTED
    assert reasons(seen) == [tool, architecture, Reason.PORT_IN_USE, Reason.CLOCK_SKEW]


@pytest.mark.parametrize("value", [None, ""])
def test_no_agent_is_no_problem(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    if value is not None:
        monkeypatch.setenv("SSH_AUTH_SOCK", value)
    assert host_checks.stale_agent_problem() is None


def test_a_live_agent_is_no_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "agent"))
        listener.listen()
        assert host_checks.stale_agent_problem() is None


def test_an_agent_that_is_gone_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "agent"
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    for _ in ("missing", "left behind"):
        problem = str(host_checks.stale_agent_problem())
        assert problem.startswith(f"SSH_AUTH_SOCK: it names {path}, where no SSH agent answers")
        assert "unset SSH_AUTH_SOCK" in problem
        if not path.exists():
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))


def test_a_copy_of_a_stack_does_not_manage_the_cluster_of_the_original() -> None:
    seen = empty(stamp=Stamp("owner", "h", "a", "org/project/prod"))
    assert problems(seen, owner="owner", stack="org/project/prod") == []
    (problem,) = problems(seen, owner="owner", stack="org/project/copy")
    assert problem.startswith("a: stack org/project/prod manages it, and this stack (org/project/copy) has a copy of")
    assert "`sed -i 's|^stack=.*|stack=org/project/copy|' /etc/etcd/owner`" in problem
