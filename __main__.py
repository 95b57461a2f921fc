"""An etcd cluster on hosts reached over SSH: settings, hosts, cluster, outputs."""

import pulumi

from components.cluster import Cluster, ClusterArgs
from components.configuration import read_settings
from components.hosts import cluster_hosts
from components.interrupt import end_quietly_when_interrupted
from components.outputs import stack_outputs

end_quietly_when_interrupted()
settings = read_settings()
hosts = cluster_hosts(settings)
cluster = Cluster(settings.cluster_name, ClusterArgs(settings=settings, hosts=hosts))

for name, value in {**stack_outputs(cluster), **hosts.outputs}.items():
    pulumi.export(name, value)
