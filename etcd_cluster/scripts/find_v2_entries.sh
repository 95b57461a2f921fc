# find_v2_entries.sh: prints the index of the newest snapshot, hexadecimal, and in base64 the 64 bytes that stand
# before each path in the log that an entry of etcd 3.5 may write.
# variables: data wal
[ -n "$wal" ] || wal=$data/member/wal
newest=$(find "$data/member/snap" -name '*-*.snap' 2>/dev/null | sed 's/.*-\(.*\)\.snap$/\1/' | sort | tail -n 1)
printf 'snapshot=%s\n' "${newest:-0}"
for segment in "$wal"/*.wal; do
	LC_ALL=C grep -aboE '/0/(members/[0-9a-f]+/attributes|version)' "$segment" | cut -d : -f 1 | tail -n 100 |
		while read -r offset; do
			printf 'entry=%s\n' "$(tail -c "+$((offset - 63))" "$segment" | head -c 64 | base64 -w 0)"
		done
done
