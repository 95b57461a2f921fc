# activate.sh: makes a staged revision what the next (re)start uses. FORMER is the configuration directory until then;
# the leaf certificates may have been staged in that one only. CERTIFICATES `current` leaves them as they are.
# THEN is `starts`, `runs`, or `idle`: a start of what is taken to be stopped. Where that serves by now, nothing changes.
# uses: lib created
# variables: config revision certificates bin install data wal user group former then
if [ "$then" = idle ]; then
	refuse_active
	then=starts
fi
staged=$config/revisions/$revision
(cd "$staged" && sha256sum -c --status SHA256SUMS) ||
	fail "revision $revision is not staged whole in $staged"
version_dir=$install/v$(cat "$staged/version")
# observe.sh tells whether somebody changed the binaries; here it is enough that the version is installed whole.
if [ ! -f "$version_dir/SHA256SUMS" ] || [ ! -x "$version_dir/etcd" ]; then
	fail "the binaries in $version_dir are missing"
fi
for directory in "$data" ${wal:+"$wal"}; do take_directory "$directory" "$user" "$group"; done
# Data and keys belong to the account of the revision's unit. A member that runs reads its keys at each connection, so
# it is stopped before they go to another account; a member that is not about to start keeps the account it has.
own_user=$(sed -n 's/^User=//p' "$staged/etcd.service")
own_group=$(sed -n 's/^Group=//p' "$staged/etcd.service")
setting() { sed -n "s/^$1=\"\(.*\)\"\$/\1/p" "$staged/etcd.env" | head -n 1; }
own_data=$(setting ETCD_DATA_DIR)
own_wal=$(setting ETCD_WAL_DIR)
own_wal_above=
[ -z "$own_wal" ] || own_wal_above=${own_wal%/wal}
is_of() { # USER|GROUP-FORMAT NAME PATH: true as well where there is nothing
	[ ! -e "$3" ] || [ "$(stat -c "$1" "$3")" = "$2" ]
}
all_own() {
	for path in "$own_data" "$own_data/member" "$own_wal" "$own_wal_above"; do
		[ -z "$path" ] || is_of %U "$own_user" "$path" || return 1
	done
	for path in "$config/certificates/$certificates"/*.pem; do is_of %G "$own_group" "$path" || return 1; done
}
give() { # USER GROUP: data and keys; the directory itself last, so that what is interrupted is seen
	for path in "$own_data" "$own_wal_above"; do
		[ -d "$path" ] || continue
		find "$path" -mindepth 1 -maxdepth 1 ! -name lost+found -exec chown -hR "$1:$2" {} + || return 1
		chown "$1:$2" "$path" || return 1
	done
	for path in "$config"/certificates/*; do
		[ ! -d "$path" ] || [ -L "$path" ] || chown -R "root:$2" "$path" || return 1
	done
}
if [ "$then" = starts ] && [ -n "$own_user" ] && [ -n "$own_group" ] && ! all_own; then
	ran=$(systemctl show -p MainPID --value etcd.service)
	before=$(stat -c '%U %G' "$own_data" 2>/dev/null || echo "$own_user $own_group")
	[ "${ran:-0}" = 0 ] || systemctl stop etcd.service
	if ! give "$own_user" "$own_group"; then
		give "${before% *}" "${before#* }" || :
		[ "${ran:-0}" = 0 ] || systemctl start --no-block etcd.service
		fail "the data could not be given to $own_user:$own_group; it is as it was"
	fi
fi
make_directory "$bin"
for name in etcdutl etcdctl etcd; do link "$version_dir/$name" "$bin/$name"; done
if [ ! -d "$config/certificates/$certificates" ] && [ -d "$former/certificates/$certificates" ]; then
	rm -rf "$config/certificates/$certificates.incoming"
	cp -a "$former/certificates/$certificates" "$config/certificates/$certificates.incoming"
	mv -T "$config/certificates/$certificates.incoming" "$config/certificates/$certificates"
fi
# That the bootstrap is over must be known wherever the member runs: without it, lost data would look like a new host.
if [ -f "$former/born" ] && [ ! -f "$config/born" ]; then write_file "$config/born" 644 <"$former/born"; fi
[ "$certificates" = current ] || link "$certificates" "$config/certificates/current"
link "revisions/$revision" "$config/current"
link current/etcd.env "$config/etcd.env"
rm -f "$config/moving"
if [ "$(cat "$staged/etcd.service")" != "$(cat "$member_unit_file" 2>/dev/null)" ]; then
	write_file "$member_unit_file" 644 <"$staged/etcd.service"
fi
# Enabling reloads systemd's view of the unit too.
if systemctl is-enabled --quiet etcd.service 2>/dev/null; then systemctl daemon-reload; else systemctl enable --quiet etcd.service; fi
# Only now does a start look for the data where this directory says.
[ "$former" = "$config" ] || rm -f "$former/moving"
