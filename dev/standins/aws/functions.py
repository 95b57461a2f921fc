"""What the aws stand-in answers when a program looks something up."""

from collections.abc import Callable

from dev.standins.aws.account import REGION, Account, arn
from dev.standins.aws.instance import architecture
from dev.standins.aws.types import DECLARED
from dev.standins.resource_plugin.plugin import Function, OperationError
from dev.standins.resource_plugin.values import Properties


def get_parameter(account: Account, arguments: Properties) -> Properties:
    """Answer `aws:ssm/getParameter:getParameter`."""
    name = arguments["name"]
    found = account.load()["parameters"].get(name)
    if found is None:
        raise OperationError(f"reading SSM Parameter ({name}): couldn't find resource")
    return {"id": name, "name": name, "type": "String", "value": found, "insecureValue": found, "version": 1,
            "arn": arn("ssm", f"parameter{name}"), "region": REGION}  # fmt: skip


def get_subnet(account: Account, arguments: Properties) -> Properties:
    """Answer `aws:ec2/getSubnet:getSubnet` by id."""
    key = arguments.get("id", "")
    found = account.entries("subnet").get(key)
    if found is None:
        raise OperationError(f"api error InvalidSubnetID.NotFound: The subnet ID '{key}' does not exist")
    return {"id": key, "vpcId": found["vpc"], "availabilityZone": found["zone"], "cidrBlock": found["cidr"],
            "arn": arn("ec2", f"subnet/{key}"), "state": "available", "region": REGION}  # fmt: skip


def get_instance_type(_account: Account, arguments: Properties) -> Properties:
    """Answer `aws:ec2/getInstanceType:getInstanceType`."""
    kind = arguments["instanceType"]
    return {"id": kind, "instanceType": kind, "supportedArchitectures": [architecture(kind)], "hypervisor": "nitro",
            "region": REGION}  # fmt: skip


def get_instances(account: Account, arguments: Properties) -> Properties:
    """Answer `aws:ec2/getInstances:getInstances` by tags, states and interfaces; none is an answer, not an error."""
    states = arguments.get("instanceStateNames") or ["running"]
    tags = arguments.get("instanceTags", {})
    interfaces: set[str] | None = None
    for each in arguments.get("filters", []):
        if each["name"] != "network-interface.network-interface-id":
            raise OperationError(f"the lab's stand-in does not know the filter {each['name']}")
        interfaces = set(each["values"])
    found = [
        key
        for key, entry in sorted(account.entries("instance").items())
        if entry["state"] in states
        and tags.items() <= entry["inputs"].get("tags", {}).items()
        and (interfaces is None or entry["interface"] in interfaces)
    ]
    return {"id": REGION, "ids": found, "instanceStateNames": states, "instanceTags": tags, "region": REGION}


def get_volume(account: Account, arguments: Properties) -> Properties:
    """Answer `aws:ebs/getVolume:getVolume` by the filter `volume-id`."""
    wanted = {value for each in arguments.get("filters", []) if each["name"] == "volume-id" for value in each["values"]}
    found = {key: entry for key, entry in account.entries("volume").items() if key in wanted}
    if len(found) != 1:
        raise OperationError("Your query returned no results. Please change your search criteria and try again.")
    ((key, entry),) = found.items()
    return {"id": key, "volumeId": key, "availabilityZone": entry["zone"], "size": entry["size"],
            "arn": arn("ec2", f"volume/{key}"), "region": REGION}  # fmt: skip


FUNCTIONS: dict[str, Callable[[Account, Properties], Properties]] = {
    "aws:ssm/getParameter:getParameter": get_parameter,
    "aws:ec2/getSubnet:getSubnet": get_subnet,
    "aws:ec2/getInstanceType:getInstanceType": get_instance_type,
    "aws:ec2/getInstances:getInstances": get_instances,
    "aws:ebs/getVolume:getVolume": get_volume,
}


def functions(account: Callable[[], Account]) -> dict[str, Function]:
    """Return the functions by token; arguments and answers are checked against what the SDK declares."""
    return {token: _checked(token, account) for token in FUNCTIONS}


def _checked(token: str, account: Callable[[], Account]) -> Function:
    def call(arguments: Properties) -> Properties:
        if unknown := arguments.keys() - DECLARED[token].inputs.keys():
            raise OperationError(f"the lab's stand-in does not know the arguments {', '.join(sorted(unknown))}")
        found = FUNCTIONS[token](account(), arguments)
        if undeclared := found.keys() - DECLARED[token].outputs:
            raise OperationError(f"the lab's stand-in answers what the SDK does not know: {', '.join(undeclared)}")
        return found

    return call
