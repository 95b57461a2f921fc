"""What a member will use, staged on its host: the unit, the environment, the CA bundles and the leaf certificates."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cryptography import x509

from etcd_cluster import scripts
from etcd_cluster.errors import ClusterError
from etcd_cluster.rendering import revision as render
from etcd_cluster.specs.member import Member
from provider.resource import Properties, Resource
from provider.values import UNKNOWN, has_unknown


def _staged(inputs: Mapping[str, Any]) -> tuple[Properties, list[tuple[str, str, bytes]]]:
    """Return the outputs that name what is staged, and each directory: where, its name, its content."""
    member = Member.from_inputs(inputs["member"])
    revision, files = render.revision(member, inputs["client_ca"], inputs["peer_ca"])
    certificates, leaves = render.certificate_set(inputs["leafs"], inputs["keys"])
    config = member.layout.config_dir
    names = {"revision": revision, "certificates": certificates, "valid_from": _valid_from(inputs["leafs"])}
    return names, [
        (f"{config}/revisions", revision, render.archive(files)),
        (f"{config}/certificates", certificates, render.archive(leaves)),
    ]


def _valid_from(leaves: Mapping[str, str]) -> str:
    """Return the moment from which all leaf certificates are valid, as ISO 8601 in UTC."""
    starts = [x509.load_pem_x509_certificate(pem.encode()).not_valid_before_utc for pem in leaves.values()]
    return max(starts, default=datetime.datetime.fromtimestamp(0, datetime.UTC)).isoformat()


class Service(Resource):
    """`etcd:index:Service`: writes only below `revisions/` and `certificates/`, which nothing uses yet.

    Inputs: `connection`, `member`, `client_ca`, `peer_ca`, `leafs` and `keys` (PEM by name), `seconds`.
    Outputs besides: `revision`, `certificates` (the names of what is staged) and `valid_from`.
    """

    type: ClassVar[str] = "etcd:index:Service"
    secrets: ClassVar[frozenset[str]] = frozenset({"connection", "keys"})

    async def diff(self, state: Properties, inputs: Properties) -> Sequence[str]:
        """Also stage again when this program renders other files from the same inputs, or when they were damaged."""
        changed = list(await super().diff(state, inputs))
        if not changed and not has_unknown(inputs):
            names, _ = _staged(inputs)
            changed = [key for key, value in names.items() if state.get(key) != value]
        return changed

    def planned(self, state: Properties, inputs: Properties) -> Properties:
        """What is staged has its name before it is staged, once what it consists of exists.

        Leafs that are issued in this run leave the revision known: no member restarts for them.
        """
        names: Properties = {"revision": UNKNOWN, "certificates": UNKNOWN, "valid_from": UNKNOWN}
        if not has_unknown([inputs[key] for key in ("member", "client_ca", "peer_ca")]):
            member = Member.from_inputs(inputs["member"])
            names["revision"] = render.revision(member, inputs["client_ca"], inputs["peer_ca"])[0]
        if not has_unknown([inputs["leafs"], inputs["keys"]]):
            names["certificates"] = render.certificate_set(inputs["leafs"], inputs["keys"])[0]
            names["valid_from"] = _valid_from(inputs["leafs"])
        return {**inputs, **names}

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Stage."""
        outputs = await self._stage(inputs)
        return inputs["member"]["name"], outputs

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Stage what changed; what was staged before stays until Rollout no longer needs it."""
        return await self._stage(inputs)

    async def read(self, urn: str, state: Properties) -> Properties:
        """Report what is no longer staged whole as missing, so that it is staged again."""
        member = Member.from_inputs(state["member"])
        try:
            host = await self.context.look(member.name, state["connection"], member, state["seconds"])
        except ClusterError:
            return state
        lost = [key for key in ("revision", "certificates") if state[key] not in host.staged]
        return {**state, **dict.fromkeys(lost, "")}

    async def _stage(self, inputs: Properties) -> Properties:
        member = Member.from_inputs(inputs["member"])
        session = await self.context.session(member.name, inputs["connection"])
        names, directories = _staged(inputs)
        for directory, name, archive in directories:
            text = scripts.script("stage", directory=directory, name=name, group=member.group)
            await session.run(text, stdin=archive, seconds=inputs["seconds"])
        self.context.forget_looks()
        return {**inputs, **names}
