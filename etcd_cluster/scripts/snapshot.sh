# snapshot.sh: saves a verified snapshot and prints its path.
# KILOBYTES must be free before; the oldest snapshots beyond KEEP are removed afterwards.
# uses: lib created
# variables: config bin endpoint directory keep kilobytes
make_directory "$directory"
# A purge removes the snapshots too: they hold all that the store held.
grep -qxF "snapshots $directory" "$config/made" 2>/dev/null || record_created snapshots "$directory"
chmod 700 "$directory"
free=$(df -Pk "$directory" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$kilobytes" ]; then
	fail "the snapshot before the upgrade needs $kilobytes KiB in $directory, and $free are free; make room, or set snapshots.dir"
fi
file=$directory/etcd-$(date -u +%Y%m%dT%H%M%SZ).db
trap 'rm -f "$file.part"' EXIT
run_etcdctl '' "$bin/etcdctl" "$config/current/client-ca.pem" "$config/certificates/current/etcdctl" \
	--endpoints="$endpoint" snapshot save "$file.part" >/dev/null 2>"$directory/.error" ||
	fail "$(tail -n 1 "$directory/.error")"
rm -f "$directory/.error"
"$bin/etcdutl" snapshot status "$file.part" >/dev/null
mv "$file.part" "$file"
printf '%s\n' "$directory"/etcd-*.db | sort -r | tail -n "+$((keep + 1))" | while read -r old; do rm -f "$old"; done
printf '%s\n' "$file"
