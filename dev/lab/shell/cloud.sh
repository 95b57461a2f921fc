# cloud.sh ROOT: turn an image with cloud-init into one that starts as Debian's own does on EC2.
# cloud-init reads what EC2's metadata service would say from a folder of the host's own disk (NoCloud).
root=$1

rm -f "$root/etc/sudoers.d/ops"
mkdir -p "$root/etc/cloud/cloud.cfg.d"
cat >"$root/etc/cloud/cloud.cfg.d/90-lab.cfg" <<'CONFIGURATION'
datasource_list: [NoCloud, None]
# the host's network is there before its first boot
network: {config: disabled}
# an overlay in place of a partition
growpart: {mode: 'off'}
resize_rootfs: false
locale: C.UTF-8
# there is no package archive in the lab
apt: {preserve_sources_list: true}
system_info:
  default_user:
    name: admin
    gecos: Debian
    lock_passwd: true
    shell: /bin/bash
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
CONFIGURATION

# In a container systemd leaves out what fstab mounts from devices, for it has no udev there to wait for them.
mkdir -p "$root/etc/systemd/system-generators"
cat >"$root/etc/systemd/system-generators/lab-fstab" <<'GENERATOR'
#!/bin/sh
# Write a mount unit for each file system that fstab names by UUID, as systemd does on a real host.
set -eu
while read -r what where type options _; do
    case $what in UUID=*) ;; *) continue ;; esac
    unit=$(systemd-escape --path --suffix=mount -- "$where")
    device=$(blkid -U "${what#UUID=}" || :)
    [ -n "$device" ] || continue
    printf '[Unit]\nSourcePath=/etc/fstab\nBefore=local-fs.target\n[Mount]\nWhat=%s\nWhere=%s\nType=%s\nOptions=%s\n' \
        "$device" "$where" "$type" "$options" >"$1/$unit"
    mkdir -p "$1/local-fs.target.wants"
    ln -sf "../$unit" "$1/local-fs.target.wants/$unit"
done </etc/fstab
GENERATOR
chmod 755 "$root/etc/systemd/system-generators/lab-fstab"
# no udev here, and the clock is the machine's
chroot "$root" systemctl -q mask networking.service systemd-udevd.service systemd-udev-trigger.service
