# unplug.sh NUMBER NAME: undo plug.sh. A device that the host had at its boot is a mount of its own.
rm -f "/dev/disk/by-id/$2"
if grep -q " /dev/loop$1 " /proc/self/mountinfo; then umount "/dev/loop$1"; fi
rm -f "/dev/loop$1"
