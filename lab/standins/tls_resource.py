"""What the tls plugin's four resource types have in common: planning, replacement, renewal."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from lab.standins import values
from lab.standins.difference import differences
from lab.standins.plugin import Difference, Operation, ResourceType
from lab.standins.schema import Failure, Field, check
from lab.standins.values import UNKNOWN, Properties, reveal

_PEM = re.compile(r"^-----BEGIN [A-Za-z ]+-----\n(.|\s)+\n-----END [A-Za-z ]+-----\n?$")


class TlsResource(ResourceType):
    """A resource whose every input, but those in `in_place`, replaces it when changed."""

    inputs: Mapping[str, Field]
    # Outputs that are not inputs; secret ones among them, and inputs that the state must not show.
    computed: tuple[str, ...]
    secret: tuple[str, ...]
    in_place: tuple[str, ...] = ()
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
        before = {name: known[name] for name in self.inputs if name in known}
        after = {name: planned[name] for name in self.inputs if name in planned}
        # Where nothing is asked for, what was computed stays.
        for name in before.keys() - after.keys() - set(news):
            if self.inputs[name].default is None and name in self.keep_when_absent():
                after[name] = before[name]
        changes = differences(before, after)
        replaces = {path for path in changes if self._replaces(path, before)}
        replaces.update(self.due(known, planned))
        return Difference(changes, frozenset(replaces))

    def keep_when_absent(self) -> tuple[str, ...]:
        """Return inputs whose value in the state stays when the program no longer gives one."""
        return ()

    def due(self, state: Properties, planned: Properties) -> Iterable[str]:
        """Return the properties that call for a replacement though no input changed."""
        return ()

    async def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        """Make it; in a preview, or with an unknown input, the computed outputs are unknown."""
        planned = self._planned(inputs)
        if operation.preview or values.contains_unknown(planned):
            return "", self._marked({**planned, **dict.fromkeys(self.computed, UNKNOWN), **self.foretell(planned)})
        await self.warn(operation, reveal(planned))
        made = await asyncio.to_thread(self.make, reveal(planned))
        return made.pop("id"), self._marked({**planned, **made})

    async def warn(self, operation: Operation, inputs: Properties) -> None:
        """Tell the user what looks wrong."""

    def foretell(self, planned: Properties) -> Properties:
        """Return the computed outputs a preview knows."""
        return {}

    async def update(self, operation: Operation, state: Properties, news: Properties) -> Properties:
        """Take the new inputs into the state; what was computed stays."""
        computed = {name: state[name] for name in self.computed if name in state}
        planned = self._planned(news)
        return self._marked({**planned, **computed, **self.foretell(planned)})

    def _planned(self, news: Properties) -> Properties:
        """Return inputs with defaults, without what is written and never read."""
        planned = {name: field.default for name, field in self.inputs.items() if field.default is not None}
        return planned | {name: value for name, value in news.items() if not name.startswith("__")}

    def _marked(self, properties: Properties) -> Properties:
        return {
            name: values.secret(reveal(value)) if name in self.secret or values.is_secret(value) else value
            for name, value in properties.items()
        }

    def _replaces(self, path: str, before: Properties) -> bool:
        name = re.split(r"[.\[]", path)[0]
        if name in self.in_place:
            return False
        return name not in self.pem or bool(_PEM.match(str(before.get(name, "-----BEGIN"))) or name not in before)


class Renewable(TlsResource):
    """A certificate, replaced by any `up` from `earlyRenewalHours` before its end on."""

    in_place = ("earlyRenewalHours",)

    def keep_when_absent(self) -> tuple[str, ...]:
        """Keep the path length, which is computed where not given."""
        return ("maxPathLength",)

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


def format_time(moment: datetime) -> str:
    """Return a moment as Go marshals it: RFC 3339 in local time, fractions without trailing zeros."""
    text = moment.astimezone().isoformat(timespec="microseconds")
    seconds, zone = text[:26], text[26:]
    return seconds.rstrip("0").rstrip(".") + ("Z" if zone == "+00:00" else zone)


def parse_time(text: str) -> datetime:
    """Return the moment of an RFC 3339 text; digits below microseconds, which Go writes, are dropped."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
