# release.sh CONFIG INSTALL BIN DATA WAL HOST_ID PURGE: removes from a host all that this program made there.
# Does nothing where the stamp is not HOST_ID. Data goes only with PURGE=yes; its user stays while data stays.
config=$1 install=$2 bin=$3 data=$4 wal=$5 host_id=$6 purge=$7
[ -d "$config" ] || { echo gone; exit 0; }
grep -qx "host=$host_id" "$config/owner" 2>/dev/null || { echo foreign; exit 0; }
systemctl disable --quiet etcd.service 2>/dev/null || :
systemctl stop etcd.service 2>/dev/null || :
if grep -q "^EnvironmentFile=$config/etcd.env\$" /etc/systemd/system/etcd.service 2>/dev/null; then
	rm -f /etc/systemd/system/etcd.service
	systemctl daemon-reload
	systemctl reset-failed etcd.service 2>/dev/null || :
fi
for name in etcd etcdctl etcdutl; do
	case $(readlink "$bin/$name" 2>/dev/null || :) in "$install"/v*/"$name") rm -f "$bin/$name" ;; esac
done
for version in "$install"/v[0-9]* "$install"/.incoming.*; do
	if [ -f "$version/SHA256SUMS" ] || [ "${version##*/.incoming.}" != "$version" ]; then rm -rf "$version"; fi
done
rm -f "$install"/etcd-v*-linux-*.tar.gz
rm -rf "$data/trial-start" "$data.trial-start" ${wal:+"$wal/trial-start"}
if [ "$purge" = yes ]; then
	rm -rf "$data/member" "$data/wal-on-its-way" "$data"/unborn-*
	if [ -n "$wal" ]; then rm -rf "$wal/wal" "$wal/wal.tmp" "$wal"/unborn-*; fi
fi
kept=no
for directory in "$data" ${wal:+"$wal"}; do
	[ ! -d "$directory" ] || [ -z "$(ls -A "$directory" | grep -v '^lost+found$' || :)" ] || kept=yes
done
made=$(cat "$config/made" 2>/dev/null || :)
rm -rf "$config/revisions" "$config/certificates"
for name in owner attempt born current served moving etcd.env bootstrap.env made; do rm -f "$config/$name" "$config/$name.new"; done
rm -rf /run/etcd-cluster
printf '%s\n' "$made" | sed '1!G;h;$!d' | while read -r kind name; do
	case $kind in
	directory) [ "$name" = / ] || rmdir "$name" 2>/dev/null || : ;;
	user) [ "$kept" = yes ] || userdel "$name" 2>/dev/null || : ;;
	group) [ "$kept" = yes ] || groupdel "$name" 2>/dev/null || : ;;
	esac
done
echo removed
