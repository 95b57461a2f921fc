# process.sh: prints what the running member was started with, a line each: its variables of etcd as `ETCD_…=value`,
# its revision, and the drop-ins of its unit as `drop-in=PATH`.
pid=$(systemctl show -p MainPID --value etcd.service)
if [ "${pid:-0}" -gt 0 ]; then
	tr '\0' '\n' <"/proc/$pid/environ" | sed -n -e '/^ETCD_/p' -e '/^MEMBER_REVISION=/p'
fi
for path in $(systemctl show -p DropInPaths --value etcd.service); do printf 'drop-in=%s\n' "$path"; done
