# grow_file_systems.sh: lets each file system fill its volume. VOLUMES has a line `MOUNT_POINT GIBIBYTES` for each, whose
# size is that or more.
# EC2 shows the new size of a volume some seconds after it has accepted it.
# uses: lib
# variables: seconds volumes
uptime_seconds() { cut -d. -f1 /proc/uptime; }
deadline=$(($(uptime_seconds) + seconds))
while read -r point size; do
	[ -n "$point" ] || continue
	mountpoint --quiet "$point" || fail "no volume is mounted at $point"
	device=$(findmnt --noheadings --output SOURCE --mountpoint "$point")
	while [ $(($(blockdev --getsize64 "$device") >> 30)) -lt "$size" ]; do
		[ "$(uptime_seconds)" -lt "$deadline" ] ||
			fail "$device at $point did not grow to $size GiB within $seconds s"
		sleep 1
	done
	case $(findmnt --noheadings --output FSTYPE --mountpoint "$point") in
	ext4) words=$(resize2fs "$device" 2>&1 </dev/null) ;;
	xfs) words=$(xfs_growfs "$point" 2>&1 </dev/null) ;;
	esac || fail "cannot grow the file system at $point: $words"
done <<VOLUMES
$volumes
VOLUMES
