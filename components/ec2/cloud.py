"""What every resource on AWS of one cluster shares."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from etcd_cluster.settings import Ec2, Settings

CLUSTER_TAG, NODE_TAG = "etcd-cluster", "etcd-cluster-node"


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The account and region in use, and what names and tags everything there."""

    settings: Settings
    ec2: Ec2
    provider: aws.Provider
    stack: str
    """Which stack of which project this is, for the tags."""

    @property
    def name(self) -> str:
        """The cluster's name, with which all logical names begin."""
        return self.settings.cluster_name

    @property
    def cluster_tag(self) -> dict[str, str]:
        """The tag that tells this cluster's resources from all others."""
        return {CLUSTER_TAG: f"{self.stack}/{self.name}"}

    def tags(self, name: str, node: str | None = None) -> dict[str, str]:
        """Return the tags of a resource; `name` is what the console shows."""
        of_node = {NODE_TAG: node} if node else {}
        return {**self.ec2.tags, **self.cluster_tag, **of_node, "Name": name}

    def options(
        self,
        parent: pulumi.Resource,
        *,
        depends_on: Sequence[pulumi.Resource] = (),
        retain_on_delete: bool | None = None,
        delete_before_replace: bool | None = None,
        ignore_changes: Sequence[str] = (),
        replacement_trigger: int | None = None,
        hooks: pulumi.ResourceHookBinding | None = None,
    ) -> pulumi.ResourceOptions:
        """Return the options of a resource on AWS."""
        return pulumi.ResourceOptions(
            parent=parent,
            provider=self.provider,
            depends_on=list(depends_on),
            retain_on_delete=retain_on_delete,
            delete_before_replace=delete_before_replace,
            ignore_changes=list(ignore_changes) or None,
            replacement_trigger=replacement_trigger,
            hooks=hooks,
        )
