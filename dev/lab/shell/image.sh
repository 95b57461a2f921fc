# image.sh ROOT USER:ID…: turn a fresh debootstrap into the image that every host shares.
# Nothing in it belongs to one host or one lab: keys, names and addresses come from each host's own disk.
root=$1
shift

# debootstrap made one set of host keys and one machine-id for all
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/etc/hostname"
: >"$root/etc/machine-id"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* \
    "$root"/usr/share/man/* "$root"/usr/share/locale/*
ln -sf /usr/share/zoneinfo/UTC "$root/etc/localtime"

mkdir -p "$root/etc/systemd/journald.conf.d" "$root/var/log/journal"
printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\n' >"$root/etc/systemd/journald.conf.d/lab.conf"

chroot "$root" systemctl -q enable systemd-networkd.service ssh.service
chroot "$root" systemctl -q set-default multi-user.target
# no console, no way out for apt, no block devices: these would only fail or wait
chroot "$root" systemctl -q mask console-getty.service getty.target apt-daily.timer apt-daily-upgrade.timer \
    e2scrub_all.timer e2scrub_reap.service systemd-networkd-wait-online.service dpkg-db-backup.timer

for user in "$@"; do
    chroot "$root" useradd --create-home --shell /bin/bash --uid "${user#*:}" "${user%:*}"
done
printf 'ops ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/ops"
chmod 440 "$root/etc/sudoers.d/ops"
