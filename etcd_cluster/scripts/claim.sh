# claim.sh: takes the host for this cluster; the owner stamp comes on standard input. Prints the machine's architecture
# as uname gives it. Running it again changes nothing but the stamp.
# uses: lib created former_directories
# variables: config install bin data wal user group
# variables: former_config former_install former_bin former_data former_wal
umask 022
if [ ! -d "$config" ]; then
	first=$config
	while [ ! -d "$(dirname "$first")" ]; do first=$(dirname "$first"); done
	mkdir -p "$config"
	path=$first
	while [ "$path" != "$config" ]; do
		record_created directory "$path"
		rest=${config#"$path"/}
		path=$path/${rest%%/*}
	done
	record_created directory "$config"
fi
record_former "$former_config" "$former_install" "$former_bin" "$former_data $former_wal" \
	"$config" "$install" "$bin" "$data $wal"
chown root:root "$config"
chmod 755 "$config"
if ! getent group "$group" >/dev/null; then
	record_created group "$group"
	groupadd --system "$group"
fi
if ! id -u "$user" >/dev/null 2>&1; then
	record_created user "$user"
	# The disk of another host: its data belongs to the number that the account had there, which nobody has here.
	number=$(stat -c %u "$data/member" 2>/dev/null || echo 0)
	if [ "$number" -eq 0 ] || getent passwd "$number" >/dev/null; then set --; else set -- --uid "$number"; fi
	useradd --system "$@" --gid "$group" --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$user"
fi
make_directory "$install"
for name in revisions certificates; do [ -d "$config/$name" ] || mkdir -m 755 "$config/$name"; done
write_file "$config/owner" 644
uname -m
