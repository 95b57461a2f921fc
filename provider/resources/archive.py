"""An etcd release archive, sent to one host over SSH by an operator whose hosts cannot download."""

import hashlib
from pathlib import Path
from typing import ClassVar

from etcd_cluster.errors import ClusterError
from etcd_cluster.reasons import Reason
from provider.resource import Properties, Resource


class Archive(Resource):
    """`etcd:index:Archive`: the archive lies beside the installed versions, where the install takes it from.

    Inputs: `connection`, `node`, `digest` (SHA-256), `source` (path on this machine), `target` (path on the host),
    `damage` (as Host counts it), `seconds`. The archive itself never enters the state.
    """

    type: ClassVar[str] = "etcd:index:Archive"

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Send it."""
        await self._send(inputs)
        return inputs["digest"][:16], inputs

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Send it again when it is another one, or was damaged on the host."""
        if any(state.get(key) != inputs[key] for key in ("digest", "target", "damage")):
            await self._send(inputs)
        return inputs

    async def _send(self, inputs: Properties) -> None:
        source = Path(inputs["source"])
        node = inputs["node"]
        try:
            content = source.read_bytes()
        except OSError as error:
            raise ClusterError.of(
                Reason.ARCHIVE_UNUSABLE,
                node,
                f"cannot read {source}: {error.strerror}",
                "Put the archive there, or set `binaries.archive_dir`",
            ) from None
        if (digest := hashlib.sha256(content).hexdigest()) != inputs["digest"]:
            raise ClusterError.of(
                Reason.ARCHIVE_UNUSABLE,
                node,
                f"{source} has SHA-256 {digest}, but {inputs['digest']} is pinned",
                "Get the archive again, or correct `binaries.checksums`",
            )
        session = await self.context.session(node, inputs["connection"])
        await session.run(
            'umask 077; cat >"$1.new"; mv -f "$1.new" "$1"', inputs["target"], stdin=content, seconds=inputs["seconds"]
        )
