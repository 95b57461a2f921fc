# retire.sh: stops and disables a member that is no longer one; its data is renamed, never removed.
# uses: lib relocation
# variables: config data wal
disable_member
stamp=removed-$(date +%Y%m%dT%H%M%S)
parts "$data" "${wal:-$data/member/wal}"
if [ -d "$member" ]; then mv -T "$member" "${member%/member}/$stamp"; fi
if [ -d "$log" ]; then
	aside=$(dirname "$log")/$stamp
	[ ! -e "$aside" ] || aside=$aside-wal
	mv -T "$log" "$aside"
fi
rm -f "$config/born" "$config/attempt" "$config/served" "$config/moving" "$config/bootstrap.env"
