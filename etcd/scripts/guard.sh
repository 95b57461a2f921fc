# guard.sh HOLDER SCRIPT-ARGUMENTS…: runs before each script that changes a host for Rollout.
# Takes the host's lock and checks that this run still holds the lease; another run may have taken over since.
mkdir -p /run/etcd-cluster
exec 9>/run/etcd-cluster/lock
flock -w 120 9 || { echo 'another run works on this host and did not finish within 120 s' >&2; exit 75; }
held=
if [ -f /run/etcd-cluster/lease ]; then read -r held _ </run/etcd-cluster/lease || :; fi
if [ "$held" != "$1" ]; then
	echo 'another run has taken over this cluster, or the host was rebooted; this run stopped before changing the host' >&2
	exit 75
fi
shift
