# skew.sh SECONDS: give ssh sessions, services started from now on, and `date` a shifted clock.
# Not by /etc/ld.so.preload: sshd's own seccomp filter would then kill every login.
library=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
[ -n "$library" ] || {
    echo "libfaketime is not installed" >&2
    exit 1
}
variables="LD_PRELOAD=$library FAKETIME=$1 FAKETIME_DONT_FAKE_MONOTONIC=1"
for variable in $variables; do
    printf '%s\n' "$variable" >>/etc/environment
done
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultEnvironment=%s\n' "$variables" >/etc/systemd/system.conf.d/lab-skew.conf
for unit in ssh systemd-journald systemd-logind systemd-networkd dbus; do
    mkdir -p "/etc/systemd/system/$unit.service.d"
    printf '[Service]\nUnsetEnvironment=LD_PRELOAD FAKETIME FAKETIME_DONT_FAKE_MONOTONIC\n' \
        >"/etc/systemd/system/$unit.service.d/lab-skew.conf"
done
# What clears its environment, as the program's commands do, still asks `date` by its name.
printf '#!/bin/sh\nexec env %s /usr/bin/date "$@"\n' "$variables" >/usr/local/bin/date
chmod 755 /usr/local/bin/date
systemctl daemon-reload
