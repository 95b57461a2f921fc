"""The language host runs programs and plugins in processes of their own, and reports their ends as the official one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from tests.unit.dev.standins.standin_process import EngineLog, standin

VIRTUALENV = Path(sys.executable).parent.parent


class Engine(EngineLog, resource_pb2_grpc.ResourceMonitorServicer):
    """As much of an engine as a program without resources needs."""

    def SetRootResource(self, _request: Any, _context: Any) -> Any:
        return engine_pb2.SetRootResourceResponse()

    def SupportsFeature(self, _request: Any, _context: Any) -> Any:
        return resource_pb2.SupportsFeatureResponse(hasSupport=False)

    def RegisterResource(self, request: Any, _context: Any) -> Any:
        return resource_pb2.RegisterResourceResponse(urn=f"urn:pulumi:dev::test::{request.type}::{request.name}")

    def RegisterResourceOutputs(self, _request: Any, _context: Any) -> Any:
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, _request: Any, _context: Any) -> Any:
        return empty_pb2.Empty()

    def Invoke(self, _request: Any, _context: Any) -> Any:
        return resource_pb2.InvokeResponse() if hasattr(resource_pb2, "InvokeResponse") else empty_pb2.Empty()


@dataclass
class Host:
    """A running language host and the engine it talks to."""

    stub: Any
    engine: Engine
    address: str
    process: subprocess.Popen[bytes]
    output: Path

    def run(self, folder: Path, config: dict[str, str] | None = None, **options: str) -> Any:
        return self.stub.Run(self.request(folder, config, **options), timeout=30)

    def request(self, folder: Path, config: dict[str, str] | None = None, **options: str) -> Any:
        return language_pb2.RunRequest(
            project="test",
            stack="dev",
            pwd=str(folder),
            parallel=4,
            monitor_address=self.address,
            organization="organization",
            config=config or {},
            info=info(folder, **options),
        )

    def errors(self) -> str:
        return "\n".join(line for level, line in self.engine.lines if level == "ERROR")


def info(folder: Path, **options: str) -> Any:
    fields = struct_pb2.Struct()
    fields.update({"virtualenv": str(VIRTUALENV)} | options)
    return language_pb2.ProgramInfo(
        root_directory=str(folder), program_directory=str(folder), entry_point=".", options=fields
    )


@contextmanager
def language_host(output: Path) -> Iterator[Host]:
    engine = Engine()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(engine, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    with output.open("wb") as written:
        process = subprocess.Popen(
            [*standin("pulumi-language-python"), address], stdout=subprocess.PIPE, stderr=written
        )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Host(language_pb2_grpc.LanguageRuntimeStub(channel), engine, address, process, output)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        server.stop(0)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with language_host(tmp_path / "host.log") as running:
        yield running


def program(folder: Path, text: str) -> Path:
    home = folder / "program"
    home.mkdir()
    (home / "__main__.py").write_text(text)
    return home


def provider(folder: Path, text: str) -> Path:
    return program(folder, text)


def test_a_program_runs_in_its_folder_with_config_and_stack(host: Host, tmp_path: Path) -> None:
    text = (
        "import json, os, pulumi, sys\n"
        "config = pulumi.Config('app')\n"
        "facts = [os.getcwd(), pulumi.get_stack(), pulumi.get_project(), config.require('name'), sys.prefix,"
        " [p for p in sys.path if 'standins' in p]]\n"
        "open('facts.json', 'w').write(json.dumps(facts))\n"
    )
    home = program(tmp_path, text)
    answer = host.run(home, {"app:name": "value"})
    assert (answer.error, answer.bail) == ("", False), host.output.read_text()
    facts = json.loads((home / "facts.json").read_text())
    assert facts == [str(home), "dev", "test", "value", str(VIRTUALENV), []]


def test_a_run_error_is_shown_without_a_traceback(host: Host, tmp_path: Path) -> None:
    answer = host.run(program(tmp_path, "import pulumi\nraise pulumi.RunError('name: wrong, do this')\n"))
    assert answer.error == "program exited with non-zero exit code: 1"
    assert host.errors() == "name: wrong, do this"


def test_another_exception_is_shown_from_the_programs_own_frames_on(host: Host, tmp_path: Path) -> None:
    answer = host.run(program(tmp_path, "def broken():\n    raise ValueError('boom')\n\nbroken()\n"))
    assert (answer.error, answer.bail) == ("", True)
    shown = host.errors()
    assert shown.startswith("Program failed with an unhandled exception:\nTraceback")
    assert "ValueError: boom" in shown and "in broken" in shown
    assert "runpy" not in shown and "standins" not in shown


def test_a_folder_without_a_program_is_named(host: Host, tmp_path: Path) -> None:
    home = program(tmp_path, "")
    (home / "__main__.py").unlink()
    assert host.run(home).bail
    assert host.errors() == f"unable to find main python program `__main__.py` in `{home}`"


def test_an_import_that_fails_inside_the_program_is_shown_as_such(host: Host, tmp_path: Path) -> None:
    assert host.run(program(tmp_path, "import no_such_module\n")).bail
    assert "ModuleNotFoundError: No module named 'no_such_module'" in host.errors()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"virtualenv": "nowhere"}, r"The 'virtualenv' option in Pulumi.yaml is set to \"nowhere\".*doesn't exist"),
        ({"toolchain": "uv"}, "does not know runtime option toolchain: uv"),
        ({"typechecker": "mypy"}, "does not know runtime option typechecker: mypy"),
        ({"other": "x"}, "does not know runtime option other"),
    ],
)
def test_options_it_cannot_follow_are_errors(host: Host, tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(grpc.RpcError, match=message):
        host.run(program(tmp_path, ""), **options)


def test_cancel_interrupts_a_program(host: Host, tmp_path: Path) -> None:
    home = program(tmp_path, "import time\nopen('started', 'w').close()\ntime.sleep(60)\n")
    future = host.stub.Run.future(host.request(home), timeout=30)
    wait_for(lambda: (home / "started").exists())
    started = time.monotonic()
    host.stub.Cancel(empty_pb2.Empty(), timeout=10)
    assert future.result().error == "program exited with non-zero exit code: -1"
    assert time.monotonic() - started < 5


def plugin_request(folder: Path, home: Path) -> Any:
    return language_pb2.RunPluginRequest(
        pwd=str(folder), args=["engine"], env=["PROVIDER_FACT=x"], kind="resource", info=info(home)
    )


def test_a_plugins_output_and_exit_code_are_passed_on(host: Host, tmp_path: Path) -> None:
    text = (
        "import os, sys\n"
        "print('42', os.getcwd(), sys.argv[1:], os.environ['PROVIDER_FACT'], sys.prefix, flush=True)\n"
        "print('trouble', file=sys.stderr, flush=True)\nsys.exit(3)\n"
    )
    parts = list(host.stub.RunPlugin(plugin_request(tmp_path, provider(tmp_path, text)), timeout=30))
    stdout = b"".join(part.stdout for part in parts).decode()
    assert stdout == f"42 {tmp_path} ['engine'] x {VIRTUALENV}\n"
    assert b"".join(part.stderr for part in parts) == b"trouble\n"
    assert parts[-1].exitcode == 3


def test_a_plugin_dies_with_its_call(host: Host, tmp_path: Path) -> None:
    home = provider(tmp_path, "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    call = host.stub.RunPlugin(plugin_request(tmp_path, home), timeout=30)
    process = int(next(call).stdout)
    call.cancel()
    wait_for(lambda: not alive(process))


@contextmanager
def killable_engine(
    command: list[str], folder: Path, **variables: str
) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """Start a stand-in from a process that can be killed as the engine can be; yield that, the stand-in, its port."""
    code = """
import json, subprocess, sys
process = subprocess.Popen(json.loads(sys.argv[1]), stdout=subprocess.PIPE)
print(process.pid, int(process.stdout.readline()), flush=True)
sys.stdin.read()
"""
    words = [sys.executable, "-c", code, json.dumps(command)]
    environment = os.environ | variables
    engine = subprocess.Popen(words, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert engine.stdin is not None and engine.stdout is not None
    pid, port = map(int, engine.stdout.readline().split())
    try:
        yield engine, pid, port
    finally:
        engine.kill()
        engine.wait()
        engine.stdin.close()
        engine.stdout.close()


def test_host_and_plugin_end_when_the_engine_is_killed(tmp_path: Path) -> None:
    home = provider(tmp_path, "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    with (
        killable_engine([*standin("pulumi-language-python"), "127.0.0.1:1"], tmp_path) as (engine, host_process, port),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        call = language_pb2_grpc.LanguageRuntimeStub(channel).RunPlugin(plugin_request(tmp_path, home), timeout=30)
        plugin_process = int(next(call).stdout)
        engine.kill()
        wait_for(lambda: not alive(host_process) and not alive(plugin_process))


def test_a_program_that_ignores_its_interruption_ends_when_the_engine_is_killed(host: Host, tmp_path: Path) -> None:
    text = (
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "with open('pid.new', 'w') as file:\n    file.write(str(os.getpid()))\n"
        "os.rename('pid.new', 'pid')\ntime.sleep(60)\n"
    )
    home = program(tmp_path, text)
    with (
        killable_engine([*standin("pulumi-language-python"), host.address], tmp_path) as (engine, host_process, port),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        call = language_pb2_grpc.LanguageRuntimeStub(channel).Run.future(host.request(home), timeout=30)
        wait_for((home / "pid").exists)
        program_process = int((home / "pid").read_text())
        engine.kill()
        wait_for(lambda: not alive(host_process) and not alive(program_process))
        wait_for(call.done)


def test_the_dynamic_provider_ends_when_the_engine_is_killed(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(VIRTUALENV)
    launcher = Path(__file__).parents[4] / "dev" / "standins" / "python" / "pulumi-resource-pulumi-python"
    command = [str(launcher), "127.0.0.1:1"]
    with killable_engine(command, tmp_path, PULUMI_RUNTIME_VIRTUALENV=".venv") as (engine, provider_process, _):
        assert alive(provider_process)
        engine.kill()
        wait_for(lambda: not alive(provider_process))


def test_a_folder_without_a_main_module_is_no_plugin(host: Host, tmp_path: Path) -> None:
    with pytest.raises(grpc.RpcError, match=r"runs plugins that have a __main__.py"):
        list(host.stub.RunPlugin(plugin_request(tmp_path, tmp_path), timeout=30))


def test_it_names_the_plugins_of_the_packages_in_the_virtualenv(host: Host, tmp_path: Path) -> None:
    request = language_pb2.GetRequiredPackagesRequest(info=info(tmp_path))
    found = {(entry.name, entry.version, entry.kind) for entry in host.stub.GetRequiredPackages(request).packages}
    assert found == {("aws", "v7.51.1", "resource"), ("command", "v1.2.1", "resource"), ("tls", "v5.6.2", "resource")}


def alive(process: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.02)


def test_the_dynamic_launcher_runs_the_sdks_provider_of_the_virtualenv(tmp_path: Path) -> None:
    launcher = Path(__file__).parents[4] / "dev" / "standins" / "python" / "pulumi-resource-pulumi-python"
    (tmp_path / ".venv").symlink_to(VIRTUALENV)
    variables = os.environ | {"PULUMI_RUNTIME_VIRTUALENV": ".venv/"}
    process = subprocess.Popen(
        [launcher, "127.0.0.1:1"], cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert int(process.stdout.readline()) > 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_dynamic_launcher_names_a_missing_virtualenv(tmp_path: Path) -> None:
    launcher = Path(__file__).parents[4] / "dev" / "standins" / "python" / "pulumi-resource-pulumi-python"
    variables = os.environ | {"PULUMI_RUNTIME_VIRTUALENV": "nowhere"}
    done = subprocess.run([launcher, "x"], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f'"{tmp_path}/nowhere" doesn\'t exist' in done.stderr
