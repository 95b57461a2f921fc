"""The language host for Python: runs programs, and provider plugins given by a folder, for the engine.

It speaks the engine's LanguageRuntime protocol as the official `pulumi-language-python` does: each program and each
plugin is a child process with the project's virtualenv. Code generation, packing and policy packs are not known.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Never

import grpc
from google.protobuf import empty_pb2, json_format

from dev.standins.python.children import RunningChildren, stream
from dev.standins.python.lifetime import wait_for_end
from dev.standins.python.python_environment import PythonEnvironment, UnknownOptionError, resolve
from dev.standins.resource_plugin.protocol import CHANNEL_OPTIONS, language_pb2, language_pb2_grpc, plugin_pb2

VERSION = "3.258.0"
PROGRAM = Path(__file__).with_name("program.py")
MESSAGE_SHOWN = 32


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Answers the engine's calls; every call may come from a thread of its own."""

    def __init__(self, engine: str) -> None:
        """Take the engine's gRPC address, empty if it comes with the handshake."""
        self.engine = engine
        self.programs = RunningChildren()
        self.plugins = RunningChildren()

    def Handshake(self, request: Any, _context: grpc.ServicerContext) -> Any:
        """Take the engine's address."""
        self.engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        """Return the version of the official host that this one follows."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the provider plugins of the Pulumi packages in the virtualenv, without starting it."""
        python = _environment(request.info, context, plugin=False)
        found = _plugins_of_packages(python.virtualenv) if python.virtualenv else []
        return language_pb2.GetRequiredPackagesResponse(packages=found)

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run the program and wait for its end."""
        python = _environment(request.info, context, plugin=False)
        _require(python, context)
        variables = python.variables()
        if request.config:
            variables["PULUMI_CONFIG"] = json.dumps(dict(request.config))
        variables["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
        command = [python.python, str(PROGRAM), *program_arguments(request, self.engine)]
        child = self.programs.start(command, env=variables)
        if not context.add_callback(lambda: self.programs.interrupt(child)):
            self.programs.interrupt(child)
        return program_result(self.programs.wait(child))

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Run a provider plugin's `__main__.py`; stream what it writes, then its exit code if that is not 0."""
        folder = Path(request.info.program_directory)
        if request.kind == "analyzer":
            _abort(context, f"the lab's language host does not run policy packs ({folder})")
        if not (folder / "__main__.py").is_file():
            _abort(context, f"the lab's language host runs plugins that have a __main__.py; {folder} has none")
        python = _environment(request.info, context, plugin=True)
        _require(python, context)
        variables = python.variables() | dict(entry.split("=", 1) for entry in request.env)
        child = self.plugins.start(
            [python.python, str(folder), *request.args],
            cwd=request.pwd,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        # The call ends when the engine closes the plugin and when the engine is killed.
        if not context.add_callback(lambda: self.plugins.kill(child)):
            self.plugins.kill(child)
        for name, data in stream(child):
            if name == "stdout":
                yield language_pb2.RunPluginResponse(stdout=data)
            else:
                yield language_pb2.RunPluginResponse(stderr=data)
        if code := self.plugins.wait(child):
            yield language_pb2.RunPluginResponse(exitcode=max(code, -1))

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Make the virtualenv if it is not there, and install `requirements.txt` into it."""
        folder = Path(request.info.program_directory)
        python = _environment(request.info, context, plugin=request.is_plugin)
        commands = []
        if not python.exists():
            commands.append([sys.executable, "-m", "venv", str(python.virtualenv)])
        if (folder / "requirements.txt").is_file():
            commands.append([python.python, "-m", "pip", "install", "-r", "requirements.txt"])
        yield language_pb2.InstallDependenciesResponse(stdout=b"Installing dependencies...\n\n")
        for command in commands:
            child = self.plugins.start(
                command, cwd=folder, env=python.variables(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            context.add_callback(lambda child=child: self.plugins.kill(child))
            for name, data in stream(child):
                yield language_pb2.InstallDependenciesResponse(**{name: data})
            if code := self.plugins.wait(child):
                _abort(context, f"installing dependencies in {folder}: {' '.join(command)} exited with status {code}")
        yield language_pb2.InstallDependenciesResponse(stdout=b"Finished installing dependencies\n\n")

    def RuntimeOptionsPrompts(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        """Ask nothing."""
        return language_pb2.RuntimeOptionsResponse()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the interpreter and its version."""
        python = _environment(request.info, context, plugin=False)
        code = "import sys; print(sys.executable); print('.'.join(map(str, sys.version_info[:3])))"
        executable, version = _output(context, python, ["-c", code]).splitlines()
        metadata = {"toolchain": "Pip", "typechecker": "None", "host": "stand-in of the lab"}
        return language_pb2.AboutResponse(executable=executable, version=version, metadata=metadata)

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the installed packages, the direct ones only unless asked for all."""
        python = _environment(request.info, context, plugin=False)
        selection = [] if request.transitiveDependencies else ["--not-required"]
        listed = json.loads(_output(context, python, ["-m", "pip", "list", "--format", "json", *selection]))
        found = [language_pb2.DependencyInfo(name=entry["name"], version=entry["version"]) for entry in listed]
        return language_pb2.GetProgramDependenciesResponse(dependencies=found)

    def end(self) -> None:
        """End all that this host has started; a program gets time to end by itself."""
        self.plugins.kill_all()
        self.programs.end_all()

    def Cancel(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        """Interrupt the programs that run; plugins get a Cancel of their own from the engine."""
        self.programs.interrupt_all()
        return empty_pb2.Empty()


def program_arguments(request: Any, engine: str) -> list[str]:
    """Return the runner's command line for a RunRequest: an option each for what is set, then the entry point."""
    options = {
        "monitor": request.monitor_address,
        "engine": engine,
        "project": request.project,
        "root_directory": request.info.root_directory,
        "stack": request.stack,
        "pwd": request.pwd,
        "dry_run": "true" if request.dryRun else "false",
        "parallel": str(request.parallel),
        "organization": request.organization,
    }
    named = [text for name, value in options.items() if value for text in (f"--{name}", value)]
    return [*named, request.info.entry_point, *request.args]


def program_result(code: int) -> Any:
    """Return the RunResponse for a program's exit code, in the official host's words."""
    if code == 0:
        return language_pb2.RunResponse()
    if code == MESSAGE_SHOWN:
        return language_pb2.RunResponse(bail=True)
    return language_pb2.RunResponse(error=f"program exited with non-zero exit code: {max(code, -1)}")


def _plugins_of_packages(virtualenv: Path) -> list[Any]:
    """Read the `pulumi-plugin.json` of every package in the virtualenv."""
    found = []
    for file in sorted(virtualenv.glob("lib/python*/site-packages/*/pulumi-plugin.json")):
        plugin = json.loads(file.read_text(encoding="utf-8"))
        if plugin.get("resource") and "name" in plugin and "version" in plugin:
            version = "v" + plugin["version"].removeprefix("v")
            entry = plugin_pb2.PackageDependency(
                name=plugin["name"], kind="resource", version=version, server=plugin.get("server", "")
            )
            found.append(entry)
    return found


def _environment(info: Any, context: grpc.ServicerContext, *, plugin: bool) -> PythonEnvironment:
    try:
        return resolve(info.root_directory, json_format.MessageToDict(info.options), plugin=plugin)
    except UnknownOptionError as error:
        _abort(context, str(error))


def _require(python: PythonEnvironment, context: grpc.ServicerContext) -> None:
    try:
        python.require()
    except UnknownOptionError as error:
        _abort(context, str(error))


def _output(context: grpc.ServicerContext, python: PythonEnvironment, arguments: list[str]) -> str:
    command = [python.python, *arguments]
    done = subprocess.run(command, env=python.variables(), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        _abort(context, f"{' '.join(command)} exited with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _abort(context: grpc.ServicerContext, message: str) -> Never:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError(message)  # abort() raises


def main() -> None:
    """Serve until the engine ends it; print the port on the first line of output."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    host = LanguageHost(addresses[0] if addresses else "")
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=CHANNEL_OPTIONS)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    wait_for_end(cleanup=host.end)
