# retire.sh CONFIG DATA WAL: stops and disables a member that is no longer one; its data is renamed, never removed.
config=$1 data=$2 wal=$3
systemctl disable --quiet etcd.service 2>/dev/null || :
systemctl stop etcd.service 2>/dev/null || :
systemctl reset-failed etcd.service 2>/dev/null || :
stamp=removed-$(date +%Y%m%dT%H%M%S)
if [ -d "$data/member" ]; then mv -T "$data/member" "$data/$stamp"; fi
if [ -n "$wal" ] && [ -d "$wal" ]; then mv -T "$wal" "$(dirname "$wal")/$stamp"; fi
rm -f "$config/born" "$config/attempt" "$config/served" "$config/moving" "$config/bootstrap.env"
