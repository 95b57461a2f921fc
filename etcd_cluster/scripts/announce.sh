# announce.sh CONFIG DATA WAL keep|aside: writes the attempt (standard input) before the first start of a new cluster.
# The leftovers of another attempt that was never born are moved aside inside their directory, never removed; with
# `aside` so are those of this one, which are not its member's then.
config=$1 data=$2 wal=$3 own=$4
new=$(cat)
if [ -f "$config/born" ]; then echo 'a cluster was born here already' >&2; exit 1; fi
if [ "$own" = keep ] && [ -f "$config/attempt" ] && [ "$(cat "$config/attempt")" = "$new" ]; then exit 0; fi
if [ "$own" = aside ] || [ -f "$config/attempt" ]; then
	systemctl stop etcd.service 2>/dev/null || :
	stamp=unborn-$(date +%Y%m%dT%H%M%S)
	if [ -d "$data/member" ]; then mv "$data/member" "$data/$stamp"; fi
	if [ -n "$wal" ] && [ -n "$(ls -A "$wal" 2>/dev/null)" ]; then
		rm -rf "$wal/wal.tmp"
		if [ -d "$wal/wal" ]; then mv "$wal/wal" "$wal/$stamp"; fi
	fi
fi
printf '%s\n' "$new" | write_file "$config/attempt" 644
