"""Finds, downloads or builds the Pulumi CLI, and with it the language host for YAML and the writer of SDKs."""

import os
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dev.toolchain import versions
from dev.toolchain.errors import ToolchainError

Report = Callable[[str], None]

PROBE_URL = "https://get.pulumi.com/install.sh"
PROBE_SECONDS = 8.0
BUILD_SECONDS = 3600.0
PROGRESS_SECONDS = 15.0
MODULE = Path(__file__).with_name("cli")


@dataclass(frozen=True)
class Cli:
    """A Pulumi CLI; beside it lie all language hosts if it is official, or that for YAML if it was built."""

    binary: Path
    official: bool
    description: str
    sdks: Path | None = None
    """The writer of SDKs, which an official CLI does not need."""


def on_path(path: str) -> Cli | str:
    """Return the CLI found on `path`, or why there is no fit one."""
    found = shutil.which("pulumi", path=path)
    if found is None:
        return "there is no pulumi on PATH"
    # The language host lies beside the file itself, not beside a link to it.
    binary = Path(found).resolve()
    quiet = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "1"}
    try:
        done = subprocess.run([binary, "version"], env=quiet, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{found} does not run: {error}"
    version = done.stdout.strip()
    if not versions.is_fit(version):
        return f"{found} is {version}, not 3.x from {versions.CLI} on"
    if not (binary.parent / versions.LANGUAGE_HOST).exists():
        return f"{found} has no {versions.LANGUAGE_HOST} beside it"
    return Cli(binary, official=True, description=f"{found} from PATH, {version}")


def downloaded(folder: Path, report: Report) -> Cli | str:
    """Install the official CLI into `folder`, or return why that cannot be done.

    Where the network is closed this gives up within ten seconds.
    """
    binary = folder / "bin" / "pulumi"
    if not binary.exists():
        if reason := _unreachable():
            return reason
        # This import costs half a second, so it waits until it is needed.
        from pulumi.automation import PulumiCommand
        from semver import VersionInfo

        report(f"Downloading the Pulumi CLI v{versions.CLI} …")
        try:
            PulumiCommand.install(root=str(folder), version=VersionInfo.parse(versions.CLI))
        except Exception as error:  # noqa: BLE001  whatever stops the installer, the next way is tried
            shutil.rmtree(folder, ignore_errors=True)
            return f"the official installer failed: {error}"
    return Cli(binary, official=True, description=f"official release v{versions.CLI}")


def _unreachable() -> str:
    """Return why the installer cannot be reached, or nothing if it can. Name look-ups count against the time."""
    outcome = [f"{PROBE_URL} did not answer within {PROBE_SECONDS:.0f} s"]

    def probe() -> None:
        try:
            with urllib.request.urlopen(PROBE_URL, timeout=PROBE_SECONDS) as answer:
                answer.read(1)
            outcome[0] = ""
        except (OSError, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            outcome[0] = f"{PROBE_URL} cannot be reached: {reason}"

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return outcome[0]


def built(folder: Path, report: Report, reasons: list[str]) -> Cli:
    """Build the CLI, the language host for YAML and the writer of SDKs from their Go modules into `folder`.

    `reasons` say why no other way was open. Takes about five minutes on two cores, seconds with a warm Go build cache.
    """
    binary = folder / "pulumi"
    wanted = {
        versions.CLI_PACKAGE: binary,
        versions.YAML_PACKAGE: folder / versions.YAML_HOST,
        f"./{versions.SDKS}": folder / "built" / versions.SDKS,
    }
    if missing := {package: file for package, file in wanted.items() if not file.exists()}:
        go = shutil.which("go")
        if go is None:
            raise ToolchainError(
                f"no Pulumi CLI {versions.CLI}: {'; '.join(reasons)}; and it cannot be built, for there is no Go "
                "on PATH. Install Pulumi (https://www.pulumi.com/docs/install) or Go 1.26 (https://go.dev/dl)."
            )
        for package, file in missing.items():
            _build(go, folder, package, file, report)
    description = f"built from its Go module v{versions.CLI}"
    return Cli(binary, official=False, description=description, sdks=wanted[f"./{versions.SDKS}"])


def _build(go: str, folder: Path, package: str, binary: Path, report: Report) -> None:
    shutil.copytree(MODULE, folder, dirs_exist_ok=True)
    binary.parent.mkdir(exist_ok=True)
    log = folder / f"{binary.name}.log"
    unfinished = folder / f"{binary.name}.unfinished"
    flags = (
        f"-s -w -X {versions.CLI_VERSION_VARIABLE}=v{versions.CLI} -X {versions.YAML_VERSION_VARIABLE}=v{versions.YAML}"
    )
    command = [go, "build", "-v", "-mod=mod", "-o", str(unfinished), "-ldflags", flags, package]
    variables = {name: value for name, value in os.environ.items() if name != "GOFLAGS"} | {"GOWORK": "off"}
    report(f"Building {binary.name} from its Go module; the first time this takes minutes …")
    with log.open("wb") as output:
        child = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=output)
        try:
            code = _wait(child, log, report)
        finally:
            child.kill()
            child.wait()
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise ToolchainError(f"building {binary.name} failed with status {code}; {log} ends with:\n{tail}")
    unfinished.rename(binary)


def _wait(child: subprocess.Popen[bytes], log: Path, report: Report) -> int:
    """Wait for the build and report, now and then, how many packages are compiled."""
    started = time.monotonic()
    while True:
        try:
            return child.wait(timeout=PROGRESS_SECONDS)
        except subprocess.TimeoutExpired:
            seconds = time.monotonic() - started
            lines = log.read_bytes().splitlines()
            packages = sum(not line.startswith(b"go: ") for line in lines)
            report(f"  {seconds:4.0f} s: {len(lines) - packages} modules downloaded, {packages} packages compiled")
            if seconds > BUILD_SECONDS:
                raise ToolchainError(f"the build took over an hour; see {log}") from None
