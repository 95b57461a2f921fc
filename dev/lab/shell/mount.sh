# mount.sh NUMBER PATH: mount the loop device NUMBER at PATH. Runs in the host's mount namespace
# with this machine's rights, as the kernel of a real host would find a disk by itself.
umask 077 # mknod -m fails here: the host's /dev takes no chmod from outside
[ -b "/dev/loop$1" ] || mknod "/dev/loop$1" b 7 "$1"
umask 022
mkdir -p -- "$2"
mount -- "/dev/loop$1" "$2"
mountpoint -q -- "$2"
