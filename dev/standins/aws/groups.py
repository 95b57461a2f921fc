"""Security groups, key pairs and placement groups of the aws stand-in."""

import base64
import hashlib
from typing import Any

from dev.standins.aws.recorded import Recorded
from dev.standins.resource_plugin.plugin import OperationError
from dev.standins.resource_plugin.schema import Failure
from dev.standins.resource_plugin.values import Properties


class SecurityGroup(Recorded):
    """A security group. The lab does not filter by its rules."""

    token = "aws:ec2/securityGroup:SecurityGroup"
    kind, prefix = "security-group", "sg"
    auto_named = "name"
    replaces = frozenset({"name", "namePrefix", "description", "vpcId"})
    refers = {"vpcId": ("vpc", "InvalidVpcID.NotFound")}

    def facts(self, inputs: Properties) -> dict[str, Any]:
        return {"vpc": inputs.get("vpcId", "vpc-00000001"), "name": inputs["name"]}

    def require(self, inputs: Properties) -> None:
        super().require(inputs)
        if inputs["name"].startswith("sg-"):
            raise OperationError("api error InvalidParameterValue: Group names may not be in the format sg-*")

    def remove(self, state: Properties) -> None:
        for key, entry in self.account.entries("network-interface").items():
            if state["id"] in entry["groups"]:
                raise OperationError(
                    f"api error DependencyViolation: resource {state['id']} has a dependent object ({key})"
                )
        super().remove(state)


class SecurityGroupRule(Recorded):
    """A rule of a security group."""

    prefix = "sgr"
    replaces = frozenset({"securityGroupId"})
    refers = {
        "securityGroupId": ("security-group", "InvalidGroup.NotFound"),
        "referencedSecurityGroupId": ("security-group", "InvalidGroup.NotFound"),
    }
    _SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")

    def conflicts(self, news: Properties) -> list[Failure]:
        found = []
        if sum(name in news for name in self._SOURCES) != 1:
            found.append(Failure("cidrIpv4", f"exactly one of {', '.join(self._SOURCES)} must be set"))
        if news.get("ipProtocol") != "-1" and not {"fromPort", "toPort"} <= news.keys():
            found.append(Failure("fromPort", "fromPort and toPort must be set, but for protocol -1"))
        return found

    def make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        same = ("securityGroupId", "ipProtocol", "fromPort", "toPort", *self._SOURCES)
        for entry in self.account.entries(self.kind).values():
            if all(entry["inputs"].get(field) == inputs.get(field) for field in same):
                raise OperationError("api error InvalidPermission.Duplicate: the specified rule already exists")
        return super().make(name, inputs)

    def computed(self, key: str, inputs: Properties) -> Properties:
        return {"securityGroupRuleId": key}


class IngressRule(SecurityGroupRule):
    """A rule for what comes in."""

    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    kind = "ingress-rule"


class EgressRule(SecurityGroupRule):
    """A rule for what goes out."""

    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    kind = "egress-rule"


class KeyPair(Recorded):
    """A key pair."""

    token = "aws:ec2/keyPair:KeyPair"
    kind, prefix = "key-pair", "key"
    auto_named = "keyName"
    replaces = frozenset({"keyName", "keyNamePrefix", "publicKey"})

    def make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        words = inputs["publicKey"].split()
        if len(words) < 2 or words[0] not in ("ssh-ed25519", "ssh-rsa"):
            raise OperationError("api error InvalidKey.Format: Key is not in valid OpenSSH public key format")
        if any(entry["name"] == inputs["keyName"] for entry in self.account.entries(self.kind).values()):
            raise OperationError(f"api error InvalidKeyPair.Duplicate: The keypair {inputs['keyName']} already exists")
        pair, told = super().make(name, inputs)
        digest = base64.b64encode(hashlib.sha256(base64.b64decode(words[1])).digest()).decode()
        told |= {"keyPairId": pair, "keyType": words[0].removeprefix("ssh-"), "fingerprint": digest}
        return inputs["keyName"], told

    def facts(self, inputs: Properties) -> dict[str, Any]:
        return {"name": inputs["keyName"]}

    def remove(self, state: Properties) -> None:
        self.account.drop(state["keyPairId"])

    def change(self, state: Properties, news: Properties, changed: set[str]) -> Properties:
        return {}

    def look(self, state: Properties) -> Properties | None:
        return {} if state["keyPairId"] in self.account.entries(self.kind) else None


class PlacementGroup(Recorded):
    """A placement group."""

    token = "aws:ec2/placementGroup:PlacementGroup"
    kind, prefix = "placement-group", "pg"
    auto_named = "name"
    replaces = frozenset({"name", "strategy", "partitionCount", "spreadLevel"})

    def make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        key, told = super().make(name, inputs)
        return inputs["name"], told | {"placementGroupId": key}

    def facts(self, inputs: Properties) -> dict[str, Any]:
        return {"name": inputs["name"]}

    def remove(self, state: Properties) -> None:
        for key, entry in self.account.entries("instance").items():
            if entry["inputs"].get("placementGroup") == state["name"]:
                raise OperationError(f"api error InvalidPlacementGroup.InUse: {state['name']} is in use by {key}")
        self.account.drop(state["placementGroupId"])

    def change(self, state: Properties, news: Properties, changed: set[str]) -> Properties:
        return {}

    def look(self, state: Properties) -> Properties | None:
        return {} if state["placementGroupId"] in self.account.entries(self.kind) else None
