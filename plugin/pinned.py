"""Values that stay as they are until the user raises a generation."""

from collections.abc import Sequence
from typing import Any, ClassVar

from plugin.resource import Failure, Properties, Resource
from plugin.values import has_unknown


class Pinned(Resource):
    """`etcd:index:Pinned`: its check keeps the old values while the generation is the same.

    Inputs: `node`, `setting` (what the user raises), `generation`, `values` and `secrets` (by name). A value that
    the state does not have yet, since an older version of this program made it, is taken as it comes.
    """

    type: ClassVar[str] = "etcd:index:Pinned"
    secrets: ClassVar[frozenset[str]] = frozenset({"secrets"})

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """Keep, or take the new values with a new generation; tell which settings wait for one."""
        if "generation" not in old or has_unknown(new["generation"]):
            return new, ()
        before, wanted = old["generation"], new["generation"]
        if wanted < before:
            reason = (
                f"{new['node']}: `{new['setting']}` was {before} and cannot become {wanted}. "
                f"Set it to {before}, or to {before + 1} to replace what it stands for."
            )
            return {**new, "values": old["values"], "secrets": old["secrets"]}, [Failure("generation", reason)]
        if wanted > before:
            return new, ()
        kept = {part: _kept(old[part], new[part]) for part in ("values", "secrets")}
        waiting = [
            f"{name} {kept['values'][name]} (settings: {value})"
            for name, value in _mapping(new["values"]).items()
            if not has_unknown(value) and kept["values"][name] != value
        ]
        if waiting:
            await self.warn(
                urn,
                f"{new['node']} keeps {', '.join(sorted(waiting))} as of generation {before}; "
                f"raise `{new['setting']}` to {before + 1} to apply the settings",
            )
        return {**new, **kept}, ()

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Remember."""
        return inputs["node"], inputs

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Remember."""
        return inputs


def _mapping(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {}


def _kept(old: dict[str, Any], new: Any) -> dict[str, Any]:
    """Return the old value of each name that is still asked for; all of them while the names are unknown."""
    if not isinstance(new, dict):
        return old
    return {name: old.get(name, value) for name, value in new.items()}
