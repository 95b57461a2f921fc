# announce.sh: writes the attempt (standard input) before the first start of a new cluster. The leftovers of another
# attempt that was never recorded as bootstrapped are moved aside inside their directory, never removed. OWN is `keep`,
# or `aside` for those of this attempt too, which are not its member's then.
# uses: lib
# variables: config data wal own
new=$(cat)
[ ! -f "$config/born" ] || fail 'a cluster was bootstrapped here already'
if [ "$own" = keep ] && [ -f "$config/attempt" ] && [ "$(cat "$config/attempt")" = "$new" ]; then exit 0; fi
if [ "$own" = aside ] || [ -f "$config/attempt" ]; then
	stop_member
	stamp=unborn-$(date +%Y%m%dT%H%M%S)
	if [ -d "$data/member" ]; then mv "$data/member" "$data/$stamp"; fi
	if [ -n "$wal" ] && [ -n "$(ls -A "$wal" 2>/dev/null)" ]; then
		rm -rf "$wal/wal.tmp"
		if [ -d "$wal/wal" ]; then mv "$wal/wal" "$wal/$stamp"; fi
	fi
fi
printf '%s\n' "$new" | write_file "$config/attempt" 644
