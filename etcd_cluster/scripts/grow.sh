# grow.sh: lets each file system fill its volume. VOLUMES has a line `MOUNT_POINT GIBIBYTES` for each; it has so many or more.
# EC2 shows the new size of a volume some seconds after it has accepted it.
# variables: seconds volumes
uptime_seconds() { cut -d. -f1 /proc/uptime; }
deadline=$(($(uptime_seconds) + seconds))
while read -r point size; do
	[ -n "$point" ] || continue
	mountpoint --quiet "$point" || { printf 'no volume is mounted at %s\n' "$point" >&2; exit 1; }
	device=$(findmnt --noheadings --output SOURCE --mountpoint "$point")
	while [ $(($(blockdev --getsize64 "$device") >> 30)) -lt "$size" ]; do
		[ "$(uptime_seconds)" -lt "$deadline" ] || {
			printf '%s at %s did not grow to %s GiB within %s s\n' "$device" "$point" "$size" "$seconds" >&2
			exit 1
		}
		sleep 1
	done
	case $(findmnt --noheadings --output FSTYPE --mountpoint "$point") in
	ext4) words=$(resize2fs "$device" 2>&1 </dev/null) ;;
	xfs) words=$(xfs_growfs "$point" 2>&1 </dev/null) ;;
	esac || { printf 'cannot grow the file system at %s: %s\n' "$point" "$words" >&2; exit 1; }
done <<VOLUMES
$volumes
VOLUMES
