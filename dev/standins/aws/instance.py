"""EC2 instances of the aws stand-in: hosts of the lab."""

import re

from dev.standins.aws.account import Entry, arn, new_id
from dev.standins.aws.resource import AwsResource
from dev.standins.resource_plugin.plugin import OperationError
from dev.standins.resource_plugin.schema import Failure
from dev.standins.resource_plugin.values import Properties

MOST_USER_DATA = 16384
_REPLACING = """
    ami associatePublicIpAddress availabilityZone cpuOptions ebsBlockDevices ebsOptimized enablePrimaryIpv6
    enclaveOptions ephemeralBlockDevices hibernation hostId instanceMarketOptions ipv6AddressCount ipv6Addresses
    keyName launchTemplate networkInterfaces placementGroup placementGroupId primaryNetworkInterface privateIp
    rootBlockDevice.encrypted rootBlockDevice.kmsKeyId rootBlockDevice.deviceName secondaryNetworkInterfaces
    securityGroups subnetId tenancy
"""
"""The inputs that terraform-provider-aws marks with ForceNew (internal/service/ec2/ec2_instance.go)."""

_WITHOUT_INTERFACE = [
    "associatePublicIpAddress",
    "ipv6AddressCount",
    "ipv6Addresses",
    "networkInterfaces",
    "privateIp",
    "secondaryPrivateIps",
    "securityGroups",
    "sourceDestCheck",
    "subnetId",
    "vpcSecurityGroupIds",
]
"""The inputs that belong to an interface made along with the instance."""


def architecture(instance_type: str) -> str:
    """Return the processor of an instance type: Graviton has a `g` behind the generation's digit."""
    family = instance_type.partition(".")[0]
    return "arm64" if family == "a1" or re.fullmatch(r"[a-z]+\d+[a-z]*g[a-z0-9-]*", family) else "x86_64"


class Instance(AwsResource):
    """An instance on a network interface that was made before it: the lab's host with that address."""

    token = "aws:ec2/instance:Instance"
    replaces = frozenset(_REPLACING.split())

    def conflicts(self, news: Properties) -> list[Failure]:
        found = [Failure(name, "one of ami, launchTemplate must be set") for name in ("ami",) if name not in news]
        if "instanceType" not in news:
            found.append(Failure("instanceType", "one of instanceType, launchTemplate must be set"))
        if "primaryNetworkInterface" not in news:
            found.append(Failure("primaryNetworkInterface", "the lab's stand-in starts instances on one only"))
        found += [
            Failure(name, "conflicts with primaryNetworkInterface") for name in _WITHOUT_INTERFACE if name in news
        ]
        if {"userData", "userDataBase64"} <= news.keys():
            found.append(Failure("userDataBase64", "conflicts with userData"))
        return found

    def replaced_by(self, path: str, state: Properties, news: Properties) -> bool:
        if path in ("userData", "userDataBase64"):
            return bool(news.get("userDataReplaceOnChange"))
        return super().replaced_by(path, state, news)

    def make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        """Start the host."""
        self._require(inputs)
        user_data = inputs.get("userData", "")
        interface = inputs["primaryNetworkInterface"]["networkInterfaceId"]
        key = new_id("i")
        with self.account.change() as account:
            entries = account["entries"]
            if entries.get(interface, {}).get("kind") != "network-interface":
                raise OperationError(
                    f"api error InvalidNetworkInterfaceID.NotFound: The ID '{interface}' does not exist"
                )
            card = entries[interface]
            if [inputs["instanceType"], card["zone"]] in account.get("exhausted", []):
                raise OperationError(
                    "api error InsufficientInstanceCapacity: We currently do not have sufficient "
                    f"{inputs['instanceType']} capacity in the Availability Zone you requested ({card['zone']})."
                )
            if card["instance"]:
                raise OperationError(
                    f"api error InvalidNetworkInterface.InUse: Interface: [{interface}] in use by {card['instance']}."
                )
            card["instance"] = key
            host = self.hosts.host_at(card["address"])
            kept = {name: value for name, value in inputs.items() if name not in ("userData", "userDataBase64")}
            entries[key] = {
                "kind": "instance",
                "host": host,
                "zone": card["zone"],
                "interface": interface,
                "state": "running",
                "devices": {},
                "protected": inputs.get("disableApiTermination", False),
                "inputs": kept,
            }
        try:
            self.hosts.launch(str(host), key, user_data, self._public_keys(inputs))
        except BaseException:
            self._forget(key)
            raise
        return key, self._outputs(key, self.account.entries("instance")[key])

    def _require(self, inputs: Properties) -> None:
        image = self.account.find("image", inputs["ami"], "InvalidAMIID.NotFound")
        if image["architecture"] != architecture(inputs["instanceType"]):
            raise OperationError(
                f"api error InvalidParameterValue: The architecture '{architecture(inputs['instanceType'])}' of the "
                f"specified instance type does not match the architecture '{image['architecture']}' of the specified "
                "AMI."
            )
        if len(inputs.get("userData", "").encode()) > MOST_USER_DATA:
            raise OperationError("api error InvalidParameterValue: User data is limited to 16384 bytes")
        for field, kind, error in (
            ("keyName", "key-pair", "InvalidKeyPair.NotFound: The key pair"),
            ("placementGroup", "placement-group", "InvalidPlacementGroup.Unknown: The placement group"),
        ):
            known = {entry["name"] for entry in self.account.entries(kind).values()}
            if field in inputs and inputs[field] not in known:
                raise OperationError(f"api error {error} '{inputs[field]}' does not exist")

    def _public_keys(self, inputs: Properties) -> list[str]:
        pairs = self.account.entries("key-pair").values()
        return [pair["inputs"]["publicKey"].strip() for pair in pairs if pair["name"] == inputs.get("keyName")]

    def _outputs(self, key: str, entry: Entry) -> Properties:
        card = self.account.entries("network-interface")[entry["interface"]]
        dashed = card["address"].replace(".", "-")
        return {
            "arn": arn("ec2", f"instance/{key}"),
            "availabilityZone": entry["zone"],
            "instanceState": entry["state"],
            "primaryNetworkInterfaceId": entry["interface"],
            "privateIp": card["address"],
            "privateDns": f"ip-{dashed}.eu-central-1.compute.internal",
            "publicIp": "",
            "publicDns": "",
            "subnetId": card["subnet"],
            "vpcSecurityGroupIds": card["groups"],
            "tenancy": "default",
        }

    def change(self, state: Properties, news: Properties, changed: set[str]) -> Properties:
        """Change it; another type, or user data that does not replace it, needs a stop and a start."""
        entry = self.account.find("instance", state["id"], "InvalidInstanceID.NotFound")
        if changed & {"instanceType", "userData", "userDataBase64"}:
            self.account.note_call("StopInstances", state["id"])
            self.hosts.stop(entry["host"])
            self.account.note_call("StartInstances", state["id"])
            self.hosts.start(entry["host"])
        kept = {name: value for name, value in news.items() if name not in ("userData", "userDataBase64")}
        protected = news.get("disableApiTermination", False)
        self.account.set(state["id"], inputs=kept, protected=protected, state="running")
        return {"instanceState": "running"}

    def remove(self, state: Properties) -> None:
        """Terminate it: root disk and host go, volumes and the network interface become free."""
        entry = self.account.entries("instance").get(state["id"])
        if entry is None:
            return
        if entry["protected"] and not state.get("forceDestroy"):
            raise OperationError(
                f"api error OperationNotPermitted: The instance '{state['id']}' may not be terminated. Modify its "
                "'disableApiTermination' instance attribute and try again."
            )
        self.hosts.terminate(entry["host"])
        self._forget(state["id"])

    def _forget(self, key: str) -> None:
        with self.account.change() as account:
            entries = account["entries"]
            gone = entries.pop(key)
            for volume in gone["devices"].values():
                entries[volume]["at"] = None
            entries[gone["interface"]]["instance"] = None

    def look(self, state: Properties) -> Properties | None:
        entry = self.account.entries("instance").get(state["id"])
        if entry is None:
            return None
        now = "running" if self.hosts.is_running(entry["host"]) else "stopped"
        return {"instanceState": now}
