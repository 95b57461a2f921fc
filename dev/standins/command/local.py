"""`command:local:Command` of the resource plugin `command`: a command on this machine."""

import asyncio
import os
import secrets
from typing import Any, ClassVar

from dev.standins.resource_plugin import values
from dev.standins.resource_plugin.difference import differences
from dev.standins.resource_plugin.plugin import Difference, Operation, OperationError, ResourceType
from dev.standins.resource_plugin.schema import Failure, Field, check, described
from dev.standins.resource_plugin.values import UNKNOWN, Properties, reveal

INPUTS = {
    "create": Field(),
    "update": Field(),
    "delete": Field(),
    "stdin": Field(),
    "triggers": Field("list", element=Field("any")),
    "environment": Field("map", element=Field()),
    "dir": Field(),
}
OUTPUTS = ("stdout", "stderr")


class LocalCommand(ResourceType):
    """Runs `create` when created or changed (or `update` where given) and `delete` when deleted; never reads."""

    token = "command:local:Command"
    described: ClassVar[dict[str, Any]] = {
        "inputProperties": described(INPUTS),
        "properties": described(INPUTS) | described(dict.fromkeys(OUTPUTS, Field())),
        "required": list(OUTPUTS),
    }

    def check(self, news: Properties) -> tuple[Properties, list[Failure]]:
        """Take the inputs as they are."""
        return news, check(INPUTS, news)

    def diff(self, state: Properties, old_inputs: Properties, news: Properties) -> Difference:
        """Compare inputs."""
        olds = old_inputs or {name: value for name, value in state.items() if name not in OUTPUTS}
        changes = differences(olds, news)
        return Difference(changes, frozenset({"triggers"} & changes.keys()))

    async def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        """Run `create`, if there is one."""
        made = f"{operation.name}{secrets.token_hex(4)}"
        if operation.preview:
            return made, {**inputs, **dict.fromkeys(OUTPUTS, UNKNOWN)}
        return made, await _run(inputs, inputs.get("create"))

    async def update(self, operation: Operation, state: Properties, news: Properties) -> Properties:
        """Run `update`, else `create`."""
        if operation.preview:
            changed = any(
                values.contains_unknown(news.get(name)) or news.get(name) != state.get(name) for name in INPUTS
            )
            return {**news, **({} if not changed else dict.fromkeys(OUTPUTS, UNKNOWN))}
        return await _run(news, news.get("update", news.get("create")))

    async def delete(self, operation: Operation, state: Properties) -> None:
        """Run `delete`, if there is one."""
        await _run(state, state.get("delete"))


async def _run(inputs: Properties, text: Any) -> Properties:
    if text is None:
        return {**inputs, "stdout": "", "stderr": ""}
    plain = reveal(inputs)
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        reveal(text),
        cwd=plain.get("dir"),
        env=os.environ | plain.get("environment", {}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate(plain.get("stdin", "").encode())
    if child.returncode:
        raise OperationError(f'exit status {child.returncode}: running "{reveal(text)}":\n{(out + err).decode()}')
    return {**inputs, "stdout": out.decode().removesuffix("\n"), "stderr": err.decode().removesuffix("\n")}
