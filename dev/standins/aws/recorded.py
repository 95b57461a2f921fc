"""Resources of the aws stand-in that exist in the account and do nothing else."""

from typing import Any

from dev.standins.aws.account import NUMBER, arn
from dev.standins.aws.resource import AwsResource
from dev.standins.resource_plugin.values import Properties


class Recorded(AwsResource):
    """A resource that exists in the account and does nothing else."""

    kind: str
    prefix: str
    service = "ec2"
    # Inputs that name others of the account: their kind, and AWS's error when they are missing.
    refers: dict[str, tuple[str, str]] = {}

    def make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        """Note it."""
        self.require(inputs)
        key = self.account.add(self.prefix, {"kind": self.kind, "inputs": inputs, **self.facts(inputs)})
        return key, {"arn": arn(self.service, f"{self.kind}/{key}"), "ownerId": NUMBER, **self.computed(key, inputs)}

    def require(self, inputs: Properties) -> None:
        """Raise an `OperationError` where something that an input names does not exist."""
        for field, (kind, error) in self.refers.items():
            if field in inputs:
                self.account.find(kind, inputs[field], error)

    def facts(self, inputs: Properties) -> dict[str, Any]:
        """Return what the account notes of it beside the inputs."""
        return {}

    def computed(self, key: str, inputs: Properties) -> Properties:
        """Return computed outputs."""
        return {}

    def change(self, state: Properties, news: Properties, changed: set[str]) -> Properties:
        self.require(news)
        self.account.set(state["id"], inputs=news, **self.facts(news))
        return {}

    def look(self, state: Properties) -> Properties | None:
        return {} if state["id"] in self.account.entries(self.kind) else None


class LifecyclePolicy(Recorded):
    """A lifecycle policy; it makes no snapshots."""

    token = "aws:dlm/lifecyclePolicy:LifecyclePolicy"
    kind, prefix, service = "policy", "policy", "dlm"


class Record(Recorded):
    """A DNS record; nobody answers for it."""

    token = "aws:route53/record:Record"
    kind, prefix, service = "record", "record", "route53"
    replaces = frozenset({"zoneId", "name", "type", "setIdentifier"})

    def computed(self, key: str, inputs: Properties) -> Properties:
        return {"fqdn": inputs["name"]}
