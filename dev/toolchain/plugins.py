"""Lays the language hosts, the dynamic launcher and the resource plugins where the CLI finds them without a warning."""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from dev.toolchain import versions
from dev.toolchain.cli import Cli, Report
from dev.toolchain.errors import ToolchainError

CHECKOUT = Path(__file__).parents[2]
DYNAMIC_LAUNCHER = CHECKOUT / "dev" / "standins" / "python" / versions.DYNAMIC_PROVIDERS
# What has another module than its name says.
_MODULES = {versions.LANGUAGE_HOST: "python.language_python"}
INSTALL_SECONDS = 10.0


@dataclass
class Plugins:
    """Where each plugin comes from, by its name."""

    origins: dict[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        """Return one phrase, such as "stand-ins of the lab for command, tls"."""
        groups: dict[str, list[str]] = {}
        for name, origin in self.origins.items():
            groups.setdefault(origin, []).append(name)
        return "; ".join(f"{origin} for {', '.join(names)}" for origin, names in groups.items())

    @property
    def standins(self) -> list[str]:
        """Return the names of the plugins that are stand-ins."""
        return [name for name, origin in self.origins.items() if origin == STANDIN]


STANDIN = "stand-ins of the lab"


def lay(cli: Cli, given: Path | None, python: Path, binaries: Path, home: Path, report: Report) -> Plugins:
    """Fill the folders `binaries` (first on PATH, with the CLI) and `home` (`PULUMI_HOME`); return what was used.

    `given` is the user's folder of real plugins. Whatever it lacks, and cannot be downloaded, is a stand-in run by the
    interpreter `python`.
    """
    binaries.mkdir(parents=True)
    home.mkdir(parents=True)
    plugins = Plugins()
    _place(cli.binary, binaries / "pulumi")
    for name, label in ((versions.LANGUAGE_HOST, "language-python"), (versions.DYNAMIC_PROVIDERS, "pulumi-python")):
        beside = cli.binary.parent / name
        if given and (given / name).is_file():
            _require_runner(given, name)
            (binaries / name).symlink_to(given / name)
            plugins.origins[label] = str(given)
        elif cli.official and beside.exists():
            (binaries / name).symlink_to(beside)
            plugins.origins[label] = "official release"
        else:
            _launch(binaries / name, name, python)
            plugins.origins[label] = STANDIN
    # A CLI on PATH may come without it, and only programs in YAML need it.
    if (yaml := cli.binary.parent / versions.YAML_HOST).exists():
        (binaries / yaml.name).symlink_to(yaml)
    if cli.sdks:
        (binaries / versions.SDKS).symlink_to(cli.sdks)
    for name, version in versions.RESOURCE_PLUGINS.items():
        plugins.origins[name] = _lay_resource(cli, given, python, home, name, version, report)
    if given and str(given) not in plugins.origins.values():
        wanted = ", ".join(f"resource-{name}-v{version}" for name, version in versions.RESOURCE_PLUGINS.items())
        raise ToolchainError(
            f"ETCD_CLUSTER_PLUGINS={given} has none of the plugins: {wanted}, {versions.LANGUAGE_HOST}, "
            f"{versions.DYNAMIC_PROVIDERS}. Put them there, or unset the variable."
        )
    return plugins


def _lay_resource(
    cli: Cli, given: Path | None, python: Path, home: Path, name: str, version: str, report: Report
) -> str:
    folder = home / "plugins" / f"resource-{name}-v{version}"
    executable = f"pulumi-resource-{name}"
    for parent in (given, given / "plugins") if given else ():
        real = parent / folder.name / executable
        if real.is_file():
            folder.mkdir(parents=True)
            (folder / executable).symlink_to(real)
            return str(given)
    if cli.official and _download(cli, home, name, version, report):
        return "official release"
    folder.mkdir(parents=True, exist_ok=True)
    _launch(folder / executable, name, python)
    return STANDIN


def _download(cli: Cli, home: Path, name: str, version: str, report: Report) -> bool:
    """Let the official CLI install a plugin; false if that fails or the network does not answer in time."""
    report(f"Downloading the plugin {name} v{version} …")
    variables = os.environ | {"PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "1"}
    command = [str(cli.binary), "plugin", "install", "resource", name, f"v{version}"]
    try:
        subprocess.run(command, env=variables, capture_output=True, timeout=INSTALL_SECONDS, check=True)
    except subprocess.SubprocessError:
        shutil.rmtree(home / "plugins" / f"resource-{name}-v{version}", ignore_errors=True)
        return False
    return True


def _place(binary: Path, target: Path) -> None:
    """Put the CLI at `target`. It looks for the language host beside the file it was started from, so no symlink."""
    try:
        os.link(binary, target)
    except OSError:
        shutil.copy2(binary, target)


def _require_runner(folder: Path, name: str) -> None:
    runner = folder / f"{versions.LANGUAGE_HOST}-exec"
    if name == versions.LANGUAGE_HOST and not runner.is_file():
        raise ToolchainError(f"{folder / name} needs {runner.name} beside it; put it there, or take {name} away")


def _launch(target: Path, name: str, python: Path) -> None:
    """Write the launcher of a stand-in."""
    command = [str(DYNAMIC_LAUNCHER)] if name == versions.DYNAMIC_PROVIDERS else launch_command(name, python)
    target.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    target.chmod(0o755)


def launch_command(name: str, python: Path) -> list[str]:
    """Return the command line of a stand-in: this checkout's module, with this checkout's Python."""
    module = _MODULES.get(name, f"{name}.plugin")
    code = (
        f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); "
        f"from dev.standins.python.light_sdk import enter; enter(); from dev.standins.{module} import main; main()"
    )
    return [str(python), "-I", "-c", code]
