"""`python -m dev.toolchain prepare | env | run -- pulumi …`."""

import argparse
import os
import shlex
import shutil
import sys

from dev.toolchain.environment import environment, variables
from dev.toolchain.errors import ToolchainError
from dev.toolchain.prepare import prepare


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.toolchain", description="The Pulumi CLI and its plugins")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("prepare", help="make what is missing and print what is used")
    actions.add_parser("env", help="print the environment as shell exports")
    run = actions.add_parser("run", help="run a command in the environment")
    run.add_argument("command", nargs="+", metavar="-- command …")
    return parser


def main() -> int:
    """Carry out one action; exit code 2 when there is no fit toolchain."""
    arguments = _parser().parse_args()
    try:
        if arguments.action == "prepare":
            print(prepare().description)
        elif arguments.action == "env":
            for name, value in sorted(variables(prepare()).items()):
                print(f"export {name}={shlex.quote(value)}")
        else:
            run(arguments.command)
    except ToolchainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run(command: list[str]) -> None:
    """Become `command`, found on the toolchain's PATH."""
    found = environment()
    program = shutil.which(command[0], path=found["PATH"])
    if program is None:
        raise ToolchainError(f"there is no {command[0]} on PATH")
    os.execve(program, command, found)


if __name__ == "__main__":
    sys.exit(main())
