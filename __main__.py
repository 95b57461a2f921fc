"""An etcd cluster on hosts reached over SSH: settings, cluster, outputs."""

import pulumi

from components.cluster import Cluster, ClusterArgs
from components.configuration import read_settings
from components.interrupt import end_quietly_when_interrupted
from components.outputs import stack_outputs

end_quietly_when_interrupted()
settings = read_settings()
addresses = {name: node.address for name, node in settings.nodes.items()}
cluster = Cluster(settings.cluster_name, ClusterArgs(settings=settings, addresses=addresses))

for name, value in stack_outputs(cluster).items():
    pulumi.export(name, value)
