"""A stack as its user works with it: real `pulumi` processes, a backend and a passphrase of its own."""

import copy
import json
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dev.lab.hosts import Host, Lab
from dev.lab.processes.identity import Identity
from dev.lab.processes.session import ProcessSession
from dev.lab.system import until
from dev.toolchain import environment

CHECKOUT = Path(__file__).parents[2]
VERSION = "3.6.16"
UP_SECONDS = 300.0
SHORT_SECONDS = 60.0

Completed = subprocess.CompletedProcess[str]


@cache
def _toolchain() -> Mapping[str, str]:
    return environment()


class Run:
    """One `pulumi` command under way, in a session of its own."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.words = list(words)
        self._log = log
        self._session = ProcessSession(self.words, CHECKOUT, env, log)

    @property
    def output(self) -> str:
        """All that it printed so far, on both outputs."""
        return self._log.read_text(errors="replace")

    @property
    def has_ended(self) -> bool:
        """Whether the command itself has ended."""
        return self._session.status is not None

    def wait(self, seconds: float) -> Completed:
        """Return how it ended; past the deadline everything of it is killed and the test fails."""
        if not self._session.ends(seconds):
            self.kill()
            raise AssertionError(f"`{self.words[1]}` took longer than {seconds:g} s:\n{self.output[-4000:]}")
        status = self._session.status
        assert status is not None
        return subprocess.CompletedProcess(self.words, status, self.output, "")

    def prints(self, text: str, seconds: float = 60) -> None:
        """Wait until it has printed `text`."""
        until(lambda: text in self.output or self.has_ended, seconds)
        assert text in self.output, self.output[-4000:]

    def interrupt(self) -> None:
        """Do as Ctrl-C does."""
        self._session.signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill engine, language host, program and plugins at once."""
        self._session.signal_all(signal.SIGKILL)
        assert self._session.ends(10)

    def kill_engine(self) -> None:
        """Kill the engine alone; what it started lives on."""
        self._session.signal(signal.SIGKILL)
        assert self._session.ends(10)

    def hold(self) -> None:
        """Stop all its processes where they are, as closing the lid of a laptop does."""
        self._session.signal_all(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let processes that were held run on."""
        self._session.signal_all(signal.SIGCONT)

    def left(self) -> list[Identity]:
        """Return what of it still runs."""
        return self._session.members()

    def close(self) -> None:
        """Kill what of it still runs."""
        self._session.close()


class Stack:
    """One stack on hosts of a lab; `config` is what its config file holds, without the project's prefix."""

    def __init__(self, folder: Path, lab: Lab, hosts: Sequence[Host], name: str = "test", **config: Any) -> None:
        self.folder = folder
        self.lab = lab
        self.name = name
        self.runs: list[Run] = []
        self.variables: dict[str, str] = {}
        self._outputs: dict[str, Any] | None = None
        self.hosts: dict[str, Host] = {f"etcd-{number}": host for number, host in enumerate(hosts, 1)}
        self.config: dict[str, Any] = {
            "nodes": {node: {"address": host.address} for node, host in self.hosts.items()},
            "version": VERSION,
            "ssh": {
                "user": "root",
                "private_key_file": str(lab.private_key),
                "known_hosts_file": str(lab.known_hosts),
            },
            "binaries": {"url": lab.releases_url, "checksums_file": str(lab.places.access / "checksums.yaml")},
            "protect_cluster": False,
        }
        self.config |= config
        self._make()

    def _make(self) -> None:
        for name in ("project", "state", "secret", "logs"):
            (self.folder / name).mkdir(parents=True)
        passphrase = self.folder / "secret" / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_urlsafe(16))
        self._lay_project(self.folder / "project")
        done = self.run("stack", "init", "--cwd", str(self.folder / "project"), "--no-select", config_file=False)
        assert done.returncode == 0, done.stdout
        self._salt: dict[str, Any] = yaml.safe_load(self.config_file.read_text())

    def _lay_project(self, folder: Path) -> None:
        # `stack init` writes the stack's salt beside the Pulumi.yaml it finds, and nothing may appear in the checkout
        shutil.copy(CHECKOUT / "Pulumi.yaml", folder)

    def copied(self, folder: Path) -> "Stack":
        """Return what another operator works with: a copy of the state, the settings and the passphrase."""
        other = copy.copy(self)
        other.folder, other.runs, other._outputs = folder, [], None
        other.config, other.variables = copy.deepcopy(self.config), dict(self.variables)
        shutil.copytree(self.folder, folder)
        return other

    @property
    def config_file(self) -> Path:
        """The file that `--config-file` names."""
        return self.folder / "project" / f"Pulumi.{self.name}.yaml"

    def _environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in _toolchain().items() if not key.startswith("ETCD_CLUSTER_CRASH")}
        inherited.pop("SSH_AUTH_SOCK", None)
        inherited.pop("PULUMI_CONFIG_PASSPHRASE", None)
        return inherited | {
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.folder / "secret" / "passphrase"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.variables,
        }

    def write_config(self) -> None:
        """Write `config` to the stack's file."""
        text = yaml.safe_dump(
            self._salt | {"config": {f"etcd-cluster:{key}": value for key, value in self.config.items()}}
        )
        self.config_file.write_text(text)

    def _command(self, words: Sequence[str], *, config_file: bool) -> list[str]:
        file = ["--config-file", str(self.config_file)] if config_file else []
        return [*words, "--stack", self.name, *file]

    def start(self, *words: str, config_file: bool = True) -> Run:
        """Start a `pulumi` command and return it while it runs."""
        if words[0] != "stack":
            self._outputs = None
        if config_file:
            self.write_config()
        env = self._environment()
        program = shutil.which("pulumi", path=env["PATH"])
        assert program
        command = [program, *self._command(words, config_file=config_file), "--non-interactive", "--color", "never"]
        run = Run(command, env, self.folder / "logs" / f"{len(self.runs):02}-{words[0]}")
        self.runs.append(run)
        return run

    def run(self, *words: str, seconds: float = SHORT_SECONDS, config_file: bool = True) -> Completed:
        """Run a `pulumi` command to its end."""
        return self.start(*words, config_file=config_file).wait(seconds)

    def start_up(self, *words: str) -> Run:
        """Start `pulumi up`."""
        return self.start("up", "--yes", "--skip-preview", *words)

    def try_up(self, *words: str, seconds: float = UP_SECONDS) -> Completed:
        """Run `pulumi up` and return how it ended."""
        return self.start_up(*words).wait(seconds)

    def up(self, *words: str, seconds: float = UP_SECONDS) -> Completed:
        """Run `pulumi up`, which must succeed."""
        done = self.try_up(*words, seconds=seconds)
        assert done.returncode == 0, f"up failed:\n{done.stdout[-6000:]}"
        return done

    def refused(self, *words: str, seconds: float = UP_SECONDS) -> str:
        """Run `pulumi up`, which must fail with a message and no traceback; return what it printed."""
        done = self.try_up(*words, seconds=seconds)
        assert done.returncode != 0, f"up did not fail:\n{done.stdout[-6000:]}"
        assert "Traceback" not in done.stdout, done.stdout[-6000:]
        return done.stdout

    def preview(self, *words: str) -> Completed:
        """Run `pulumi preview` and return how it ended."""
        return self.run("preview", *words, seconds=120)

    def destroy(self, *words: str) -> Completed:
        """Run `pulumi destroy`, which must succeed."""
        done = self.run("destroy", "--yes", "--skip-preview", *words, seconds=UP_SECONDS)
        assert done.returncode == 0, f"destroy failed:\n{done.stdout[-6000:]}"
        return done

    def refresh(self, *words: str) -> Completed:
        """Run `pulumi refresh`, which must succeed."""
        done = self.run("refresh", "--yes", "--skip-preview", *words, seconds=120)
        assert done.returncode == 0, done.stdout[-6000:]
        return done

    def outputs(self) -> dict[str, Any]:
        """Return all outputs, secrets in plain text; the CLI is asked once after each command that may change them."""
        if self._outputs is not None:
            return self._outputs
        done = self.run("stack", "output", "--json", "--show-secrets", config_file=False)
        assert done.returncode == 0, done.stdout
        found = json.loads(done.stdout[done.stdout.index("{") :])
        assert isinstance(found, dict)
        self._outputs = found
        return found

    def output(self, name: str) -> Any:
        """Return one output."""
        return self.outputs()[name]

    def export(self) -> str:
        """Return the state as `stack export` prints it, secrets encrypted."""
        return self.run("stack", "export", config_file=False).stdout

    @property
    def state_files(self) -> list[Path]:
        """Every file of the backend: state, its copies and its history."""
        return [path for path in (self.folder / "state").rglob("*") if path.is_file()]

    def pids(self) -> dict[str, int]:
        """Return etcd's main PID on each host, 0 where it does not run."""
        return {node: main_pid(host) for node, host in self.hosts.items()}

    def cluster_ids(self) -> set[str]:
        """Return the cluster ids that the hosts' bootstrap markers name."""
        script = "sed -n 's/^cluster=//p' /etc/etcd/born"
        return {host.run(script).stdout.strip() for host in self.hosts.values()}

    def close(self) -> None:
        """Kill what was started and still runs, and remove the folder."""
        for run in self.runs:
            run.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def report(self) -> Iterator[tuple[str, str]]:
        """Return what helps to understand a failure: each as title and text."""
        if self.runs:
            run = self.runs[-1]
            yield f"pulumi {run.words[1]} of stack {self.name}", run.output[-6000:]
        for node, host in self.hosts.items():
            if host.is_running():
                done = host.run("journalctl -u etcd --no-pager -o cat -n 15 | cut -c 1-400", check=False)
                yield f"journal of {node} ({host.name} {host.address})", done.stdout


class Program(Stack):
    """A stack of another program: `program` is what its Pulumi.yaml holds, in Pulumi's YAML."""

    def __init__(self, folder: Path, lab: Lab, hosts: Sequence[Host], program: dict[str, Any]) -> None:
        self.program = program
        self.project = folder / "project"
        super().__init__(folder, lab, hosts)

    def _lay_project(self, folder: Path) -> None:
        self.write_config()

    def write_config(self) -> None:
        """Write `program` to its file."""
        (self.project / "Pulumi.yaml").write_text(yaml.safe_dump(self.program, sort_keys=False))

    def _command(self, words: Sequence[str], *, config_file: bool) -> list[str]:
        stack = [] if words[0] == "package" else ["--stack", self.name]
        return [*words, *stack, "--cwd", str(self.project)]


def main_pid(host: Host) -> int:
    """Return etcd's main PID on a host, 0 when it does not run."""
    return int(host.run("systemctl show -p MainPID --value etcd.service").stdout.strip() or 0)


def started(host: Host) -> tuple[int, int]:
    """Return when etcd was started and when it was ready, in µs of the clock that all hosts share."""
    names = ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    first, ready = (int(host.run(f"systemctl show -p {name} --value etcd").stdout) for name in names)
    return first, ready


def untouched(host: Host) -> bool:
    """Return whether nothing of the program is on a host: no unit, no configuration, no process."""
    script = "test ! -e /etc/etcd && test ! -e /etc/systemd/system/etcd.service && ! pgrep -x etcd >/dev/null"
    return host.run(script, check=False).returncode == 0


def never_started(host: Host) -> bool:
    """Return whether no member was started on a host, though it may be claimed and staged."""
    script = (
        "! pgrep -x etcd >/dev/null && ! journalctl -u etcd --no-pager -q | grep -q . && test ! -e /var/lib/etcd/member"
    )
    return host.run(script, check=False).returncode == 0
