"""What the tls plugin's four resource types have in common: planning, replacement, renewal."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from dev.standins.resource_plugin import values
from dev.standins.resource_plugin.plugin import Difference, Operation, ResourceType
from dev.standins.resource_plugin.schema import Failure, Field, check
from dev.standins.resource_plugin.values import UNKNOWN, Properties, reveal

_PEM = re.compile(r"^-----BEGIN [A-Za-z ]+-----\n(.|\s)+\n-----END [A-Za-z ]+-----\n?$")


class TlsResource(ResourceType):
    """A resource whose every input, but those in `in_place`, replaces it when changed."""

    inputs: Mapping[str, Field]
    # Outputs that are not inputs; secret ones among them, and inputs that the state must not show.
    computed: tuple[str, ...]
    secret: tuple[str, ...]
    in_place: tuple[str, ...] = ()
    # Inputs that keep the state's value where the program gives none.
    optional_computed: tuple[str, ...] = ()
    # Inputs whose change replaces only if the state holds a PEM text (older versions kept a hash).
    pem: tuple[str, ...] = ()
    # Pairs of inputs of which one must be set: a key in the state, or one that is written and never read.
    one_of: tuple[tuple[str, str], ...] = ()

    def make(self, inputs: Properties) -> Properties:
        """Make the real thing from plain inputs with defaults; return the computed outputs and `id`."""
        raise NotImplementedError

    def check(self, news: Properties) -> tuple[Properties, list[Failure]]:
        """Check types, values, and that one of each pair is set."""
        failures = check(self.inputs, news)
        for first, second in self.one_of:
            if (first in news) == (second in news):
                failures.append(Failure(first, f"exactly one of {first} and {second} must be set"))
        return self._marked(news), failures

    def diff(self, state: Properties, old_inputs: Properties, news: Properties) -> Difference:
        """Compare the state with what the new inputs ask for; a certificate due for renewal is replaced."""
        planned, known = reveal(self._planned(news)), reveal(state)
        compared = [name for name in self.inputs if not _is_write_only(name)]
        before = {name: known.get(name) for name in compared}
        after = {name: planned.get(name) for name in compared}
        for name in self.optional_computed:
            after[name] = before[name] if after[name] is None else after[name]
        changes = {name: "update" for name in compared if before[name] != after[name]}
        due = dict.fromkeys(self.due(known, planned), "update")
        replaces = {name for name in changes if self._replaces(name, before)}
        return Difference(changes | due, frozenset(replaces | due.keys()), detailed=False)

    def due(self, state: Properties, planned: Properties) -> Iterable[str]:
        """Return the properties that call for a replacement though no input changed."""
        return ()

    async def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        """Make it; in a preview, or with an unknown input, the computed outputs are unknown."""
        planned = self._planned(inputs)
        if operation.preview or values.contains_unknown(planned):
            unknown = dict.fromkeys((*self.computed, *self.optional_computed, "id"), UNKNOWN)
            return "", self._state({**unknown, **planned, **self.foretell(planned)})
        await self.warn(operation, reveal(planned))
        made = await asyncio.to_thread(self.make, reveal(planned))
        return made["id"], self._state({**planned, **made})

    async def warn(self, operation: Operation, inputs: Properties) -> None:
        """Tell the user what looks wrong."""

    def foretell(self, planned: Properties) -> Properties:
        """Return the computed outputs a preview knows."""
        return {}

    async def update(self, operation: Operation, state: Properties, news: Properties) -> Properties:
        """Take the new inputs into the state; what was computed stays."""
        kept = (*self.computed, *self.optional_computed, "id")
        computed = {name: state[name] for name in kept if name in state}
        planned = self._planned(news)
        return self._state({**computed, **planned, **self.foretell(planned)})

    def _planned(self, news: Properties) -> Properties:
        """Return inputs with defaults."""
        planned = {name: field.default for name, field in self.inputs.items() if field.default is not None}
        return planned | {name: value for name, value in news.items() if not name.startswith("__")}

    def _marked(self, properties: Properties) -> Properties:
        return {
            name: values.secret(reveal(value)) if name in self.secret or values.is_secret(value) else value
            for name, value in properties.items()
        }

    def _state(self, properties: Properties) -> Properties:
        """Return the state: secrets marked, write-only inputs left out."""
        return self._marked({name: value for name, value in properties.items() if not _is_write_only(name)})

    def _replaces(self, name: str, before: Properties) -> bool:
        if name in self.in_place:
            return False
        return name not in self.pem or before[name] is None or bool(_PEM.match(before[name]))


def _is_write_only(name: str) -> bool:
    """Tell whether an input reaches the provider and never the state; its version input tells of changes."""
    return name.endswith("Wo")


class Renewable(TlsResource):
    """A certificate, replaced by any `up` from `earlyRenewalHours` before its end on."""

    in_place = ("earlyRenewalHours",)
    optional_computed = ("maxPathLength",)

    def due(self, state: Properties, planned: Properties) -> Iterable[str]:
        """Return the property for renewal if its time has come."""
        end, early = state.get("validityEndTime"), planned["earlyRenewalHours"]
        if end is None or values.is_unknown(early):
            return ()
        renewal = parse_time(str(end)) - timedelta(hours=float(early))
        return ("readyForRenewal",) if renewal <= datetime.now(UTC) else ()

    def foretell(self, planned: Properties) -> Properties:
        """Return whether it will be due from the start."""
        hours, early = (reveal(planned[name]) for name in ("validityPeriodHours", "earlyRenewalHours"))
        if values.is_unknown(hours) or values.is_unknown(early):
            return {"readyForRenewal": UNKNOWN}
        return {"readyForRenewal": hours == 0 or early >= hours}

    def read(self, state: Properties) -> Properties:
        """Return the state with `readyForRenewal` as of now."""
        due = tuple(self.due(reveal(state), {"earlyRenewalHours": reveal(state.get("earlyRenewalHours", 0))}))
        return {**state, "readyForRenewal": True} if due else state


def format_time(nanoseconds: int) -> str:
    """Return a moment in Unix time as Go marshals it: RFC 3339 in local time, fractions without trailing zeros."""
    seconds, rest = divmod(nanoseconds, 10**9)
    text = datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="seconds")
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    zone = "Z" if text.endswith("+00:00") else text[19:]
    return f"{text[:19]}{fraction}{zone}"


def parse_time(text: str) -> datetime:
    """Return the moment of an RFC 3339 text; digits below microseconds, which Go writes, are dropped."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
