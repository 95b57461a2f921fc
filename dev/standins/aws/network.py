"""Networks and addresses of the aws stand-in."""

import ipaddress
from typing import Any

from dev.standins.aws.account import NUMBER, arn, new_id
from dev.standins.aws.recorded import Recorded
from dev.standins.aws.resource import AwsResource
from dev.standins.resource_plugin.plugin import OperationError
from dev.standins.resource_plugin.values import Properties


class Vpc(Recorded):
    """A VPC; the lab's hosts have their addresses in the lab's own network only."""

    token = "aws:ec2/vpc:Vpc"
    kind, prefix = "vpc", "vpc"
    replaces = frozenset({"cidrBlock", "instanceTenancy"})

    def facts(self, inputs: Properties) -> dict[str, Any]:
        return {"cidr": inputs["cidrBlock"]}

    def remove(self, state: Properties) -> None:
        for kind in ("subnet", "internet-gateway", "security-group", "route-table"):
            for key, entry in self.account.entries(kind).items():
                if entry.get("vpc") == state["id"]:
                    raise OperationError(
                        f"api error DependencyViolation: The vpc '{state['id']}' has dependencies ({key}) "
                        "and cannot be deleted."
                    )
        super().remove(state)


class Subnet(Recorded):
    """A subnet."""

    token = "aws:ec2/subnet:Subnet"
    kind, prefix = "subnet", "subnet"
    replaces = frozenset({"vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "ipv6Native"})
    refers = {"vpcId": ("vpc", "InvalidVpcID.NotFound")}

    def facts(self, inputs: Properties) -> dict[str, Any]:
        return {"vpc": inputs["vpcId"], "zone": inputs["availabilityZone"], "cidr": inputs["cidrBlock"]}

    def require(self, inputs: Properties) -> None:
        super().require(inputs)
        vpc = ipaddress.IPv4Network(self.account.entries("vpc")[inputs["vpcId"]]["cidr"])
        wanted = ipaddress.IPv4Network(inputs["cidrBlock"])
        if not wanted.subnet_of(vpc) or not 16 <= wanted.prefixlen <= 28:
            raise OperationError(f"api error InvalidSubnet.Range: The CIDR '{wanted}' is invalid.")

    def remove(self, state: Properties) -> None:
        for key, entry in self.account.entries("network-interface").items():
            if entry["subnet"] == state["id"]:
                raise OperationError(
                    f"api error DependencyViolation: The subnet '{state['id']}' has dependencies ({key}) "
                    "and cannot be deleted."
                )
        super().remove(state)


class InternetGateway(Recorded):
    """An internet gateway."""

    token = "aws:ec2/internetGateway:InternetGateway"
    kind, prefix = "internet-gateway", "igw"
    refers = {"vpcId": ("vpc", "InvalidVpcID.NotFound")}

    def facts(self, inputs: Properties) -> dict[str, Any]:
        return {"vpc": inputs.get("vpcId")}


class RouteTable(Recorded):
    """A route table."""

    token = "aws:ec2/routeTable:RouteTable"
    kind, prefix = "route-table", "rtb"
    replaces = frozenset({"vpcId"})
    refers = {"vpcId": ("vpc", "InvalidVpcID.NotFound")}

    def facts(self, inputs: Properties) -> dict[str, Any]:
        return {"vpc": inputs["vpcId"]}


class RouteTableAssociation(Recorded):
    """A subnet's route table."""

    token = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    kind, prefix = "route-table-association", "rtbassoc"
    replaces = frozenset({"subnetId", "gatewayId"})
    refers = {
        "subnetId": ("subnet", "InvalidSubnetID.NotFound"),
        "routeTableId": ("route-table", "InvalidRouteTableID.NotFound"),
    }


class NetworkInterface(AwsResource):
    """A network interface: a host of the lab, by its address."""

    token = "aws:ec2/networkInterface:NetworkInterface"
    replaces = frozenset({"subnetId", "interfaceType"})

    def make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        """Take the address asked for, or the first free one of the subnet."""
        subnet = self.account.find("subnet", inputs["subnetId"], "InvalidSubnetID.NotFound")
        groups = inputs.get("securityGroups", [])
        for group in groups:
            found = self.account.find("security-group", group, "InvalidSecurityGroupID.NotFound")
            if found["vpc"] != subnet["vpc"]:
                raise OperationError(
                    f"api error InvalidGroup.NotFound: The security group '{group}' does not exist in VPC "
                    f"'{subnet['vpc']}'"
                )
        with self.account.change() as account:
            taken = {each["address"] for each in account["entries"].values() if each["kind"] == "network-interface"}
            address = self._choose(inputs, subnet["cidr"], taken)
            key = new_id("eni")
            account["entries"][key] = {
                "kind": "network-interface",
                "subnet": inputs["subnetId"],
                "zone": subnet["zone"],
                "address": address,
                "groups": groups,
                "instance": None,
            }
        return key, {
            "arn": arn("ec2", f"network-interface/{key}"),
            "privateIp": address,
            "privateIps": [address],
            "privateDnsName": f"ip-{address.replace('.', '-')}.eu-central-1.compute.internal",
            "macAddress": "02:00:00:00:00:01",
            "interfaceType": "interface",
            "sourceDestCheck": inputs.get("sourceDestCheck", True),
            "ownerId": NUMBER,
            "securityGroups": groups,
        }

    def _choose(self, inputs: Properties, cidr: str, taken: set[str]) -> str:
        network = ipaddress.IPv4Network(cidr)
        wanted = inputs.get("privateIps") or ([inputs["privateIp"]] if "privateIp" in inputs else [])
        # AWS keeps the first four addresses of a subnet and the last one for itself
        free = [str(each) for each in list(network)[4:-1] if self.hosts.host_at(str(each)) and str(each) not in taken]
        if wanted and wanted[0] not in free:
            raise OperationError(f"api error InvalidParameterValue: Address {wanted[0]} is not free in {cidr}")
        if not free:
            raise OperationError(f"api error InsufficientFreeAddressesInSubnet: no host of the lab is free in {cidr}")
        return str(wanted[0]) if wanted else free[0]

    def change(self, state: Properties, news: Properties, changed: set[str]) -> Properties:
        if "privateIps" in changed:
            raise OperationError("the lab's stand-in does not change an interface's addresses")
        self.account.set(state["id"], groups=news.get("securityGroups", []))
        return {}

    def remove(self, state: Properties) -> None:
        entry = self.account.entries("network-interface").get(state["id"])
        if entry and entry["instance"]:
            raise OperationError(
                f"api error InvalidParameterValue: Network interface '{state['id']}' is currently in use."
            )
        super().remove(state)

    def look(self, state: Properties) -> Properties | None:
        return {} if state["id"] in self.account.entries("network-interface") else None


class Eip(Recorded):
    """An elastic address. Nobody reaches it: the lab has no network for it."""

    token = "aws:ec2/eip:Eip"
    kind, prefix = "elastic-ip", "eipalloc"
    replaces = frozenset({"address", "domain", "publicIpv4Pool", "networkBorderGroup"})
    refers = {"networkInterface": ("network-interface", "InvalidNetworkInterfaceID.NotFound")}

    def computed(self, key: str, inputs: Properties) -> Properties:
        address = f"203.0.113.{len(self.account.entries(self.kind))}"
        return {"allocationId": key, "publicIp": address, "domain": "vpc"}
