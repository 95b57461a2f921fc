# lease.sh: ACTION is `acquire`, `renew` or `release`. Prints `granted`, or `held HOLDER SECONDS-LEFT`, or `busy` where a
# step of the run that held it is still under way after STEP_SECONDS, or, for a renewal of what another run has held
# since, or a reboot has ended, `gone`.
# The time is the host's own uptime, so neither a clock step nor a powered-off operator's machine matters.
# variables: action me seconds step_seconds
lease=/run/etcd-cluster/lease
mkdir -p /run/etcd-cluster
# A step may take longer than the lease, so what only reads or renews it has a lock of its own and waits for no step.
exec 8>/run/etcd-cluster/lease.lock
exec 9>/run/etcd-cluster/lock
look() {
	holder='' expires=0
	now=$(cut -d. -f1 /proc/uptime)
	if [ -f "$lease" ]; then read -r holder expires <"$lease" || :; fi
}
runs() { [ -n "$holder" ] && [ "${expires:-0}" -gt "$now" ]; }
answer() {
	if runs && [ "$holder" != "$me" ]; then
		echo "held $holder $((expires - now))"
	elif [ "$action" = renew ] && [ "$holder" != "$me" ]; then
		echo gone
	else
		printf '%s %s\n' "$me" "$((now + seconds))" >"$lease.new"
		mv "$lease.new" "$lease"
		echo granted
	fi
}
flock 8
look
if [ "$action" = release ]; then
	[ "$holder" != "$me" ] || rm -f "$lease"
	echo granted
	exit 0
fi
if [ "$action" = acquire ] && ! runs; then
	# The run that held it is gone, but a step of it may still be under way.
	flock -u 8
	flock -w "$step_seconds" 9 || { echo busy && exit; }
	flock 8
	look
fi
answer
