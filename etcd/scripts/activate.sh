# activate.sh CONFIG REVISION CERTIFICATES BIN INSTALL DATA WAL USER GROUP FORMER
# Makes a staged revision what the next (re)start uses. FORMER is the configuration directory until then; the leaf
# certificates may have been staged in that one only. CERTIFICATES `current` leaves them as they are.
config=$1 revision=$2 certificates=$3 bin=$4 install=$5 data=$6 wal=$7 user=$8 group=$9
shift 9
former=${1:-$config}
staged=$config/revisions/$revision
(cd "$staged" && sha256sum -c --status SHA256SUMS) || { echo "revision $revision is not staged whole in $staged" >&2; exit 1; }
version_dir=$install/v$(cat "$staged/version")
# observe.sh tells whether somebody changed the binaries; here it is enough that the version is installed whole.
if [ ! -f "$version_dir/SHA256SUMS" ] || [ ! -x "$version_dir/etcd" ]; then
	echo "the binaries in $version_dir are missing" >&2
	exit 1
fi
for directory in "$data" ${wal:+"$wal"}; do take_directory "$directory" "$user" "$group"; done
make_directory "$bin"
for name in etcdutl etcdctl etcd; do link "$version_dir/$name" "$bin/$name"; done
if [ ! -d "$config/certificates/$certificates" ] && [ -d "$former/certificates/$certificates" ]; then
	rm -rf "$config/certificates/$certificates.incoming"
	cp -a "$former/certificates/$certificates" "$config/certificates/$certificates.incoming"
	mv -T "$config/certificates/$certificates.incoming" "$config/certificates/$certificates"
fi
[ "$certificates" = current ] || link "$certificates" "$config/certificates/current"
link "revisions/$revision" "$config/current"
link current/etcd.env "$config/etcd.env"
rm -f "$config/moving"
if [ "$(cat "$staged/etcd.service")" != "$(cat /etc/systemd/system/etcd.service 2>/dev/null)" ]; then
	write_file /etc/systemd/system/etcd.service 644 <"$staged/etcd.service"
fi
# Enabling reloads systemd's view of the unit too.
if systemctl is-enabled --quiet etcd.service 2>/dev/null; then systemctl daemon-reload; else systemctl enable --quiet etcd.service; fi
# Only now does a start look for the data where this directory says.
[ "$former" = "$config" ] || rm -f "$former/moving"
