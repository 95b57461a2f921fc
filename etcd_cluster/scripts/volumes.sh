# volumes.sh SECONDS [VOLUME MOUNT_POINT]…: waits for each EBS volume, makes a file system on a blank one, mounts it.
# A volume that holds anything is never formatted: ext4 and xfs are mounted as they are, all else is an error.
# Running it again changes nothing. cloud-init runs it at the first boot, the first login once more.
umask 022
seconds=$1
shift
fail() { printf 'volume %s: %s\n' "$volume" "$1" >&2; exit 1; }
uptime_seconds() { cut -d. -f1 /proc/uptime; }
deadline=$(($(uptime_seconds) + seconds))
find_device() { # prints the device of a volume id without its dash, nothing while it is not attached
	for path in "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$1" "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$1_1"; do
		if [ -b "$path" ]; then readlink -f "$path"; return; fi
	done
	for path in /sys/class/block/nvme*n1/device/serial; do
		[ -r "$path" ] && [ "$(tr -d ' \n' <"$path")" = "$1" ] || continue
		path=${path%/device/serial}
		if [ -b "/dev/${path##*/}" ]; then echo "/dev/${path##*/}"; return; fi
	done
}
type_of() { blkid -p -o value -s TYPE "$device" || [ $? = 2 ]; }
blank() { # no signature of any kind, no partition, and nothing but zeros at its start and its end
	[ -z "$(wipefs --no-act "$device")" ] || return 1
	status=0
	blkid -p "$device" >/dev/null || status=$?
	[ "$status" = 2 ] || return 1
	[ "$(lsblk --noheadings --list --output NAME "$device" | wc -l)" = 1 ] || return 1
	[ "$(head -c 4194304 "$device" | tr -d '\0' | wc -c)" = 0 ] || return 1
	[ "$(tail -c 1048576 "$device" | tr -d '\0' | wc -c)" = 0 ]
}
while [ $# -gt 0 ]; do
	volume=$1 point=$2
	shift 2
	serial=vol${volume#vol-}
	while device=$(find_device "$serial") && [ -z "$device" ]; do
		[ "$(uptime_seconds)" -lt "$deadline" ] || fail "it was not attached within $seconds s. Look at it in the EC2 console"
		sleep 1
	done
	# The first and the last bytes must be readable, or "no signature" would mean nothing.
	head -c 4194304 "$device" >/dev/null || fail "$device cannot be read"
	type=$(type_of) || fail "cannot tell what $device holds. Look at it with blkid -p and wipefs"
	if [ -z "$type" ]; then
		blank || fail "$device is not empty, but has no file system (see wipefs $device); it is not formatted. Empty it, or give another volume"
		mkfs.ext4 -q -m 0 "$device" || fail "cannot make a file system on $device"
		type=ext4
	fi
	case $type in
	ext4 | xfs) ;;
	*) fail "$device holds $type, not ext4 or xfs; it is not touched. Empty it, or give another volume" ;;
	esac
	uuid=$(blkid -p -o value -s UUID "$device") && [ -n "$uuid" ] || fail "the file system on $device has no UUID"
	line="UUID=$uuid $point $type defaults,nofail 0 2"
	while read -r source target _; do
		case $source in '#'*) continue ;; esac
		[ "$target" != "$point" ] || [ "$source" = "UUID=$uuid" ] || fail "/etc/fstab mounts $source at $point, not this volume"
	done </etc/fstab
	mounted=
	if mountpoint --quiet "$point"; then mounted=$(mountpoint --fs-devno "$point"); fi
	if [ -z "$mounted" ]; then
		mkdir -p "$point"
		[ -z "$(ls -A "$point")" ] || fail "$point is not empty; what is there would be hidden. Move it away"
	elif [ "$mounted" != "$(mountpoint --devno "$device")" ]; then
		fail "another device is mounted at $point"
	fi
	if ! grep -qxF "$line" /etc/fstab; then
		{ cat /etc/fstab && printf '%s\n' "$line"; } >/etc/fstab.new
		chmod 644 /etc/fstab.new
		mv -f /etc/fstab.new /etc/fstab
		systemctl daemon-reload
	fi
	[ -n "$mounted" ] || mount -t "$type" "$device" "$point" || fail "cannot mount $device at $point"
done
