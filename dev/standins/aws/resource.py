"""What the aws stand-in's resource types have in common: fields of the SDK, replacement or update, faults."""

import asyncio
import contextlib
import re
import secrets
from collections.abc import Callable, Iterator

from dev.lab.system import LabError
from dev.standins.aws.account import REGION, Account
from dev.standins.aws.hosts import Hosts
from dev.standins.aws.types import DECLARED
from dev.standins.resource_plugin import values
from dev.standins.resource_plugin.difference import differences
from dev.standins.resource_plugin.plugin import Difference, Operation, OperationError, ResourceType
from dev.standins.resource_plugin.schema import Failure, check
from dev.standins.resource_plugin.values import UNKNOWN, Properties, reveal


class AwsResource(ResourceType):
    """A resource of the account.

    `replaces` names the inputs, at any depth, whose change makes a new resource: what terraform-provider-aws marks
    with ForceNew. All others are changed in place.
    """

    replaces: frozenset[str] = frozenset()
    # The input that is made up from the resource's name when it is missing (Pulumi's auto-naming).
    auto_named: str | None = None
    exclusive: tuple[frozenset[str], ...] = ()
    """Groups of inputs of which one may be given."""

    def __init__(self, world: Callable[[], tuple[Account, Hosts]]) -> None:
        """Take what gives the account in use and its hosts; it is not asked before the first call."""
        self._world = world

    @property
    def account(self) -> Account:
        """The account in use."""
        return self._world()[0]

    @property
    def hosts(self) -> Hosts:
        """The hosts behind its instances."""
        return self._world()[1]

    def make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        """Make it; return its id and the computed outputs. Raises `OperationError`."""
        raise NotImplementedError

    def change(self, state: Properties, news: Properties, changed: set[str]) -> Properties:
        """Change it in place; return computed outputs that differ. Raises `OperationError`."""
        return {}

    def remove(self, state: Properties) -> None:
        """Remove it. Raises `OperationError`."""
        self.account.drop(state["id"])

    def look(self, state: Properties) -> Properties | None:
        """Return computed outputs as they are now, None when it is gone."""
        return {}

    def conflicts(self, news: Properties) -> list[Failure]:
        """Return which inputs do not go together."""
        found = []
        for group in self.exclusive:
            given = sorted(group & news.keys())
            found += [Failure(name, f"conflicts with {given[0]}") for name in given[1:]]
        return found

    def check_named(self, name: str, olds: Properties, news: Properties) -> tuple[Properties, list[Failure]]:
        """Check against the SDK's fields; make up a name where AWS wants one."""
        given = {key: value for key, value in news.items() if not key.startswith("__")}
        failures = check(DECLARED[self.token].inputs, given) + self.conflicts(given)
        region = reveal(given.get("region", REGION))
        if region != REGION and not values.is_unknown(region):
            failures.append(Failure("region", f"the lab's account is in {REGION}"))
        if self.auto_named and self.auto_named not in given and f"{self.auto_named}Prefix" not in given:
            given[self.auto_named] = olds.get(self.auto_named) or f"{name}-{secrets.token_hex(4)[:7]}"
        return given, failures

    def diff(self, state: Properties, old_inputs: Properties, news: Properties) -> Difference:
        """Compare inputs. A list counts as a set where AWS has no order."""
        olds, wanted = _plain(old_inputs), _plain(news)
        changes = differences(olds, wanted)
        replacing = frozenset(path for path in changes if self.replaced_by(path, state, wanted))
        return Difference(changes, replacing)

    def replaced_by(self, path: str, state: Properties, news: Properties) -> bool:
        """Return whether a change at `path` makes a new resource."""
        return re.sub(r"\[\d+\]", "", path) in self.replaces or re.split(r"[.\[]", path)[0] in self.replaces

    async def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        """Make it; in a preview what AWS would say is unknown."""
        if operation.preview:
            unknown = dict.fromkeys(DECLARED[self.token].outputs, UNKNOWN)
            return "", {**unknown, "id": UNKNOWN, **inputs}
        made, computed = await asyncio.to_thread(self._make, operation.name, reveal(inputs))
        return made, self._state(inputs, {"id": made, **computed})

    async def update(self, operation: Operation, state: Properties, news: Properties) -> Properties:
        """Change it in place."""
        # what AWS chose for an input that is not given stays, as it does for inputs that are optional and computed
        kept = {name: value for name, value in state.items() if name not in ("tags", "tagsAll")}
        told: Properties = {}
        if not operation.preview:
            before = {name: value for name, value in _plain(state).items() if name in DECLARED[self.token].inputs}
            changed = {re.split(r"[.\[]", path)[0] for path in differences(before, {**before, **_plain(news)})}
            told = await asyncio.to_thread(self._change, operation.name, reveal(state), reveal(news), changed)
        return self._state({**kept, **news}, told)

    def read(self, state: Properties) -> Properties | None:
        """Return the state as it is now."""
        found = self.look(reveal(state))
        return None if found is None else {**self.read_inputs(state, state), **found}

    async def delete(self, operation: Operation, state: Properties) -> None:
        """Remove it."""
        await asyncio.to_thread(self._remove, operation.name, reveal(state))

    def read_inputs(self, state: Properties, inputs: Properties) -> Properties:
        """Return the inputs as a refresh finds them: with what somebody changed in the account."""
        entry = self.account.load()["entries"].get(str(reveal(state["id"])), {})
        return {**inputs, **entry.get("changed_outside", {})}

    def _make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        with self._called("create", name):
            made = self.make(name, inputs)
        self.account.meet_loss(self.token, "create", name)
        return made

    def _change(self, name: str, state: Properties, news: Properties, changed: set[str]) -> Properties:
        with self._called("update", name):
            return self.change(state, news, changed)

    def _remove(self, name: str, state: Properties) -> None:
        with self._called("delete", name):
            self.remove(state)

    @contextlib.contextmanager
    def _called(self, operation: str, name: str) -> Iterator[None]:
        """Note the call, meet the fault that was asked for, and say what the lab could not do."""
        with self.account.noted(self.token, operation, name):
            self.account.meet_fault(self.token, operation, name)
            try:
                yield
            except LabError as error:
                raise OperationError(f"the lab's stand-in for AWS: {error}") from error

    def _state(self, inputs: Properties, computed: Properties) -> Properties:
        declared = DECLARED[self.token].outputs
        tags = {"tags": inputs["tags"], "tagsAll": inputs["tags"]} if "tags" in inputs else {}
        state = {"region": REGION, **inputs, **computed, **tags}
        return {name: value for name, value in state.items() if name in declared or name == "id"}


def _plain(properties: Properties) -> Properties:
    return {name: reveal(value) for name, value in properties.items() if not name.startswith("__") and name != "id"}
