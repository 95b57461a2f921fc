# retire.sh CONFIG DATA WAL: stops and disables a member that is no longer one; its data is renamed, never removed.
config=$1 data=$2 wal=$3
systemctl disable --quiet etcd.service 2>/dev/null || :
systemctl stop etcd.service 2>/dev/null || :
systemctl reset-failed etcd.service 2>/dev/null || :
stamp=removed-$(date +%Y%m%dT%H%M%S)
parts "$data" "${wal:-$data/member/wal}"
if [ -d "$member" ]; then mv -T "$member" "${member%/member}/$stamp"; fi
if [ -d "$log" ]; then
	aside=$(dirname "$log")/$stamp
	[ ! -e "$aside" ] || aside=$aside-wal
	mv -T "$log" "$aside"
fi
rm -f "$config/born" "$config/attempt" "$config/served" "$config/moving" "$config/bootstrap.env"
