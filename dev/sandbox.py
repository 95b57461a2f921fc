"""`make up` and `make down`: a lab of three hosts, and the stack `dev` on them as a user would run it."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dev import toolchain
from dev.lab import packages
from dev.lab.hosts import Lab
from dev.lab.slots import DEFAULT_LAB
from dev.lab.system import LabError

_CHECKOUT = Path(__file__).parent.parent
_STACK = "dev"
_STACK_FILE = _CHECKOUT / f"Pulumi.{_STACK}.yaml"
_HOSTS = 3
_OWN_HOSTS = "For hosts of your own: copy Pulumi.example.yaml to Pulumi.prod.yaml, edit it, then `pulumi up -s prod`."


class _Pulumi:
    """The CLI on the stack `dev`, in the environment of the toolchain."""

    def __init__(self) -> None:
        self._environment: Mapping[str, str] = toolchain.environment()
        program = shutil.which("pulumi", path=self._environment["PATH"])
        if program is None:
            raise LabError("the toolchain has no pulumi")
        self._program = program

    def run(self, *arguments: str) -> None:
        """Run a command whose output the user sees; raises `LabError` when it fails."""
        done = subprocess.run(
            [self._program, *arguments], cwd=_CHECKOUT, env=self._environment, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            raise LabError(f"`pulumi {arguments[0]}` ended with exit code {done.returncode}; its output is above")

    def text(self, *arguments: str) -> str:
        """Return what a command prints."""
        done = subprocess.run(
            [self._program, *arguments],
            cwd=_CHECKOUT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LabError(f"`pulumi {' '.join(arguments)}`: {done.stderr.strip()}")
        return done.stdout

    def has_stack(self) -> bool:
        """Return whether the backend has the stack."""
        return any(entry["name"] == _STACK for entry in json.loads(self.text("stack", "ls", "--json")))


def _without_salt() -> None:
    """Take out the salt that Pulumi wrote into the stack file; it fits one passphrase and one stack only."""
    lines = _STACK_FILE.read_text().splitlines(keepends=True)
    _STACK_FILE.write_text("".join(line for line in lines if not line.startswith("encryptionsalt:")))


def up() -> None:
    """Make what is missing, start the hosts, bring the stack up, and say how to look around."""
    if why := packages.unfit():
        raise LabError(f"This machine cannot run the lab: {why}\n{_OWN_HOSTS}")
    _call("-m", "dev.lab", "up", str(_HOSTS), "--install")
    _call("-m", "dev.toolchain", "prepare")
    pulumi = _Pulumi()
    if not pulumi.has_stack():
        _without_salt()
        pulumi.run("stack", "init", _STACK)
    pulumi.run("up", "--yes", "--stack", _STACK)
    outputs = json.loads(pulumi.text("stack", "output", "--json", "--stack", _STACK))
    print(
        f"""
Endpoints: {", ".join(outputs["endpoints"])}
Leader:    {outputs["leader"]["name"]} ({outputs["leader"]["endpoint"]})

Look around:
  eval "$(make -s env)"              # pulumi, its home and the backend, for this shell
  pulumi stack output members -s {_STACK}
  pulumi preview -s {_STACK}              # after a change in Pulumi.{_STACK}.yaml
  {Path(sys.executable).relative_to(_CHECKOUT)} -m dev.lab ssh h1  # a shell on the first host
  make down                          # destroys the cluster and its hosts"""
    )


def down() -> None:
    """Destroy the stack and the hosts, and leave the stack file as it was."""
    pulumi = _Pulumi()
    if pulumi.has_stack():
        pulumi.run("destroy", "--yes", "--stack", _STACK)
        pulumi.run("stack", "rm", "--yes", "--preserve-config", _STACK)
    _without_salt()
    Lab.open(DEFAULT_LAB).destroy()
    (_CHECKOUT / ".lab").unlink(missing_ok=True)
    print(f"The cluster and its hosts are gone; `make up` makes new ones from {_STACK_FILE.name}.")


def _call(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=_CHECKOUT, env=os.environ, check=False)
    if done.returncode:
        raise LabError(f"`python {' '.join(arguments)}` ended with exit code {done.returncode}")


def main() -> int:
    """Carry out one action."""
    parser = argparse.ArgumentParser(prog="python -m dev.sandbox")
    parser.add_argument("action", choices=["up", "down"])
    try:
        {"up": up, "down": down}[parser.parse_args().action]()
    except (LabError, toolchain.ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
