"""The security group of the members."""

from collections.abc import Iterator

import pulumi
import pulumi_aws as aws

from components.ec2.cloud import Cloud


class SecurityGroup(pulumi.ComponentResource):
    """Members reach each other; clients and SSH come from the listed networks and groups only."""

    id: pulumi.Output[str]

    def __init__(
        self, name: str, cloud: Cloud, vpc_id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("etcd:index:SecurityGroup", name, None, opts)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            description=f"Members of the etcd cluster {cloud.name}",
            vpc_id=vpc_id,
            tags=cloud.tags(name),
            opts=cloud.options(self),
        )
        self.id = group.id
        for rule, port, what, source in self._sources(cloud):
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-{rule}",
                security_group_id=group.id,
                description=what,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                tags=cloud.tags(f"{name}-{rule}"),
                cidr_ipv4=source.get("cidr_ipv4"),
                cidr_ipv6=source.get("cidr_ipv6"),
                referenced_security_group_id=source.get("referenced_security_group_id"),
                opts=cloud.options(self),
            )
        for version, everywhere in (("ipv4", "0.0.0.0/0"), ("ipv6", "::/0")):
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-out-{version}",
                security_group_id=group.id,
                description="Packages, releases and time",
                ip_protocol="-1",
                tags=cloud.tags(f"{name}-out-{version}"),
                cidr_ipv4=everywhere if version == "ipv4" else None,
                cidr_ipv6=everywhere if version == "ipv6" else None,
                opts=cloud.options(self),
            )
        self.register_outputs({"id": self.id})

    def _sources(self, cloud: Cloud) -> Iterator[tuple[str, int, str, dict[str, pulumi.Input[str]]]]:
        """Yield name, port, description and source of each rule; a name is made of nothing but its rule."""
        settings, ec2 = cloud.settings, cloud.ec2
        members: dict[str, pulumi.Input[str]] = {"referenced_security_group_id": self.id}
        yield "peers", settings.peer_port, "Members among themselves", members
        # etcdctl on a member asks all endpoints.
        yield "members", settings.client_port, "etcdctl on the members", members
        for group in ec2.client_security_group_ids:
            yield f"clients-{group}", settings.client_port, "Clients", {"referenced_security_group_id": group}
        for cidr in ec2.client_cidrs:
            yield f"clients-{_label(cidr)}", settings.client_port, "Clients", _network(cidr)
        for cidr in ec2.ssh_cidrs:
            yield f"ssh-{_label(cidr)}", settings.ssh.port, "SSH", _network(cidr)


def _network(cidr: str) -> dict[str, pulumi.Input[str]]:
    return {"cidr_ipv6" if ":" in cidr else "cidr_ipv4": cidr}


def _label(cidr: str) -> str:
    return cidr.replace(":", "-").replace("/", "-")
