# lease.sh acquire|release HOLDER SECONDS: prints `granted`, or `held HOLDER SECONDS-LEFT`.
# The time is the host's own uptime, so neither a clock step nor a powered-off operator's machine matters.
action=$1 me=$2 seconds=$3
mkdir -p /run/etcd-cluster
exec 9>/run/etcd-cluster/lock
flock -w 120 9 || { echo 'another run works on this host and did not finish within 120 s' >&2; exit 75; }
lease=/run/etcd-cluster/lease
now=$(cut -d. -f1 /proc/uptime)
holder='' expires=0
if [ -f "$lease" ]; then read -r holder expires <"$lease" || :; fi
case $action in
acquire)
	if [ -n "$holder" ] && [ "$holder" != "$me" ] && [ "${expires:-0}" -gt "$now" ]; then
		echo "held $holder $((expires - now))"
		exit 0
	fi
	printf '%s %s\n' "$me" "$((now + seconds))" >"$lease.new"
	mv "$lease.new" "$lease"
	echo granted
	;;
release)
	if [ "$holder" = "$me" ]; then rm -f "$lease"; fi
	echo granted
	;;
esac
