"""The resource plugin `command` 1.2.1: `command:remote:Command` over SSH, and `command:local:Command`."""

import os
import secrets
from typing import Any

import asyncssh

from dev.standins.command import ssh_session
from dev.standins.command.local import LocalCommand
from dev.standins.command.ssh_connection import CONNECTION, Dialler
from dev.standins.resource_plugin import values
from dev.standins.resource_plugin.difference import differences
from dev.standins.resource_plugin.plugin import Difference, Operation, OperationError, ResourceType, serve
from dev.standins.resource_plugin.schema import Failure, Field, check, with_defaults
from dev.standins.resource_plugin.values import UNKNOWN, Properties, reveal

VERSION = "1.2.1"

INPUTS = {
    "connection": Field("object", required=True, secret=True, fields=CONNECTION),
    "create": Field(),
    "update": Field(),
    "delete": Field(),
    "stdin": Field(),
    "triggers": Field("list", element=Field("any")),
    "environment": Field("map", element=Field()),
    "addPreviousOutputInEnv": Field("boolean"),
    "logging": Field(choices=("none", "stdout", "stderr", "stdoutAndStderr")),
}
OUTPUTS = {"stdout", "stderr"}

# The real plugin's log scanner stops at a longer line and then waits for ever (util/util.go:34).
LONGEST_LOGGED_LINE = 64 << 10


class RemoteCommand(ResourceType):
    """Runs `create` when created or changed (or `update` where given) and `delete` when deleted; never reads."""

    token = "command:remote:Command"

    def __init__(self) -> None:
        """Start without connections."""
        # The real plugin closes no connection before its end; neither are these.
        self._connections: list[asyncssh.SSHClientConnection] = []

    def check(self, news: Properties) -> tuple[Properties, list[Failure]]:
        """Fill in the connection's defaults and mark it secret."""
        return with_defaults(INPUTS, news), check(INPUTS, news)

    def diff(self, state: Properties, old_inputs: Properties, news: Properties) -> Difference:
        """Compare inputs. That a changed element of `triggers` replaces too is the SDK's doing (replace_on_changes)."""
        olds = old_inputs or {name: value for name, value in state.items() if name not in OUTPUTS}
        changes = differences(olds, news)
        return Difference(changes, frozenset({"triggers"} & changes.keys()))

    async def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        """Run `create`, if there is one."""
        made = f"{operation.name}{secrets.token_hex(4)}"
        if operation.preview:
            return made, {**inputs, "stdout": UNKNOWN, "stderr": UNKNOWN}
        return made, await self._run(operation, inputs, inputs.get("create"), {})

    async def update(self, operation: Operation, state: Properties, news: Properties) -> Properties:
        """Run `update`, else `create`; without either the outputs stay."""
        previous = {name: state[name] for name in OUTPUTS if name in state}
        if operation.preview:
            # An input that was not there before does not count: the plugin's library sees no change in it.
            changed = any(
                values.contains_unknown(news.get(name)) or (name in state and news.get(name) != state[name])
                for name in INPUTS
            )
            return {**news, **(dict.fromkeys(OUTPUTS, UNKNOWN) if changed else previous)}
        return await self._run(operation, news, news.get("update", news.get("create")), previous)

    async def delete(self, operation: Operation, state: Properties) -> None:
        """Run `delete`, if there is one, over the connection in the state."""
        previous = {name: state[name] for name in OUTPUTS if name in state}
        await self._run(operation, state, state.get("delete"), previous)

    async def _run(self, operation: Operation, inputs: Properties, text: Any, previous: Properties) -> Properties:
        if text is None:
            return {**inputs, "stdout": "", "stderr": "", **previous}
        plain = reveal(inputs)
        dialler = Dialler(
            operation.timeout,
            operation.cancelled,
            lambda line: operation.log("info", line, ephemeral=True),
            os.environ.get("SSH_AUTH_SOCK") or None,
        )
        connection = await dialler.connect(plain["connection"])
        self._connections.append(connection)
        command = ssh_session.Command(
            text=reveal(text),
            stdin=plain.get("stdin", ""),
            required=plain.get("environment", {}),
            optional=_previous_output(plain, reveal(previous)),
        )
        try:
            result, refused = await ssh_session.run(connection, command)
        except ssh_session.RefusedVariableError as error:
            name = str(error)
            await operation.log("error", _REFUSED.format(name))
            raise OperationError(f'could not set environment variable "{name}": ssh: setenv failed') from error
        for name in refused:
            await operation.log("warning", _REFUSED.format(name))
        await _log(operation, plain.get("logging", "stdoutAndStderr"), result)
        return {**inputs, "stdout": result.stdout, "stderr": result.stderr}


_REFUSED = """Unable to set '{}'. This only works if your SSH server is configured to accept
\tthese variables via AcceptEnv. Alternatively, if a Bash-like shell runs the command on the remote host, you could
\tprefix the command itself with the variables in the form 'VAR=value command'"""


def _previous_output(plain: Properties, previous: Properties) -> dict[str, str]:
    """Return the variables with the last run's output, unless the input turns them off."""
    if not plain.get("addPreviousOutputInEnv", True):
        return {}
    return {f"PULUMI_COMMAND_{name.upper()}": text for name, text in sorted(previous.items()) if text}


async def _log(operation: Operation, logging: str, result: ssh_session.Result) -> None:
    """Show the lines of the streams that are to be logged."""
    both = ("stdout", "stderr")
    for line in result.lines(*{"none": (), "stdout": both[:1], "stderr": both[1:]}.get(logging, both)):
        if len(line.encode()) > LONGEST_LOGGED_LINE:
            raise OperationError(
                "a line of output is longer than 64 KiB and logging is on: the real plugin never returns from this; "
                "set logging to none"
            )
        await operation.log("info", line, ephemeral=True)


def main() -> None:
    """Serve the plugin."""
    serve("command", VERSION, [RemoteCommand(), LocalCommand()])
