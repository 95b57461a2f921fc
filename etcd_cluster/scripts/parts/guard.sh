# guard.sh: runs before each script that changes a host for Rollout.
# Takes the host's lock and checks that HOLDER still has the lease; another run may have taken over since.
# variables: holder
mkdir -p /run/etcd-cluster
exec 9>/run/etcd-cluster/lock
refuse() { # MESSAGE
	printf '%s\n' "$1" >&2
	exit 75
}
flock -w 120 9 || refuse 'another run works on this host and did not finish within 120 s'
held='' expires=0
if [ -f /run/etcd-cluster/lease ]; then read -r held expires </run/etcd-cluster/lease || :; fi
# A lease that has ended here may be another run's on the other hosts, if that one could not reach this host.
if [ "$held" != "$holder" ] || [ "${expires:-0}" -le "$(cut -d. -f1 /proc/uptime)" ]; then
	refuse 'another run has taken over this cluster, or may have, or the host was rebooted; this run stopped before changing the host'
fi
