# plug.sh NUMBER NAME: show the loop device NUMBER as /dev/disk/by-id/NAME. Runs in the host's mount namespace with
# this machine's rights, as the kernel and udev of a real host would do it.
umask 077 # mknod -m fails here: the host's /dev takes no chmod from outside
[ -b "/dev/loop$1" ] || mknod "/dev/loop$1" b 7 "$1"
umask 022
mkdir -p /dev/disk/by-id
ln -sfn "../../loop$1" "/dev/disk/by-id/$2"
