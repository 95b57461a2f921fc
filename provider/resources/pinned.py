"""Values that stay as they are until the user raises a generation."""

from collections.abc import Sequence
from typing import Any, ClassVar

from provider.resource import Failure, Properties, Resource
from provider.values import has_unknown


class Pinned(Resource):
    """`etcd:index:Pinned`: its check keeps the old values while the generation is the same.

    Inputs: `node`, `setting` (what the user raises), `generation`, `values` and `secrets` (by name), `in_use` (what
    stands on the values by now: ids of instances) and `forever`. Nothing is kept for values on which nothing stands: so
    a first `up` that EC2 refused can be corrected. With `forever`, values on which something stood once are kept even
    when it is gone. A value that the state does not have yet, since an older version of this program made it, is taken
    as it comes.
    """

    type: ClassVar[str] = "etcd:index:Pinned"
    secrets: ClassVar[frozenset[str]] = frozenset({"secrets"})

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """Keep, or take the new values with a new generation; tell which settings wait for one."""
        if "generation" not in old or has_unknown(new["generation"]):
            return new, ()
        new = {**new, "in_use": _in_use(old, new)}
        # An older version of this program did not ask: with its state, the first run takes the values as used.
        if "in_use" in old and new["in_use"] == []:
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

    async def diff(self, state: Properties, inputs: Properties) -> Sequence[str]:
        """Leave out what is only remembered: the engine keeps it as an input, and no update is shown for it."""
        return [key for key in await super().diff(state, inputs) if key not in ("in_use", "forever")]

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Remember."""
        return inputs["node"], inputs

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Remember."""
        return inputs


def _in_use(old: Properties, new: Properties) -> Any:
    """Return what stands on the values, or what stood on them last."""
    before, now = old.get("in_use"), new["in_use"]
    return before if new["forever"] and before and (not now or has_unknown(now)) else now


def _mapping(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {}


def _kept(old: dict[str, Any], new: Any) -> dict[str, Any]:
    """Return the old value of each name that is still asked for; all of them while the names are unknown."""
    if not isinstance(new, dict):
        return old
    return {name: old.get(name, value) for name, value in new.items()}
