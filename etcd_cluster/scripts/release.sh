# release.sh: removes from a host all that this program made there. Does nothing where the stamp is not HOST_ID. Data, and
# the snapshots that hold it, go only where PURGE is `yes`; its user stays while data stays.
# uses: lib former_directories
# variables: config install bin data wal host_id purge
[ -d "$config" ] || { echo gone && exit; }
grep -qx "host=$host_id" "$config/owner" 2>/dev/null || { echo foreign && exit; }
disable_member
former() { sed -n -e 's/^former //p' -e 's/^kept //p' "$config/made" 2>/dev/null || :; }
{ former && printf '%s\n' "$config $install $bin"; } | while read -r its_config its_install _; do
	clear_links "$bin" "$its_install"
	if grep -q "^EnvironmentFile=$its_config/etcd.env\$" "$member_unit_file" 2>/dev/null; then
		rm -f "$member_unit_file"
		systemctl daemon-reload
	fi
done
rm -f "$config/served"
clear_former "$install" "$bin" >/dev/null
clear_installed "$install"
rm -rf "$data/trial-start" "$data.trial-start" ${wal:+"$wal/trial-start"}
if [ "$purge" = yes ]; then
	rm -rf "$data/member" "$data/wal-on-its-way" "$data"/unborn-*
	if [ -n "$wal" ]; then rm -rf "$wal/wal" "$wal/wal.tmp" "$wal"/unborn-*; fi
fi
if [ "$purge" = yes ] && [ -f "$config/made" ]; then
	sed -n 's/^snapshots //p' "$config/made" | while read -r directory; do
		rm -f "$directory"/etcd-[0-9]*T[0-9]*Z.db "$directory"/etcd-[0-9]*T[0-9]*Z.db.part "$directory/.error"
	done
fi
kept=no
for directory in "$data" ${wal:+"$wal"}; do
	if [ -d "$directory" ] && has_entries "$directory"; then kept=yes; fi
done
made=$(cat "$config/made" 2>/dev/null || :)
clear_config "$config"
rm -rf /run/etcd-cluster
printf '%s\n' "$made" | sed '1!G;h;$!d' | while read -r kind name; do
	case $kind in
	directory) [ "$name" = / ] || rmdir "$name" 2>/dev/null || : ;;
	user) [ "$kept" = yes ] || userdel "$name" 2>/dev/null || : ;;
	group) [ "$kept" = yes ] || groupdel "$name" 2>/dev/null || : ;;
	esac
done
echo removed
