# created.sh: makes directories, and records in CONFIG/made what the program made on a host, so that only that is removed.
# Each line is `KIND NAME`; it is written before the thing is made.
# uses: lib
# variables: config
record_created() { printf '%s %s\n' "$1" "$2" >>"$config/made"; }
make_directory() { # PATH: root's, 0755, with its missing parents
	[ ! -d "$1" ] || return 0
	make_directory "$(dirname "$1")"
	[ ! -d "$config" ] || record_created directory "$1"
	mkdir -m 755 "$1"
}
take_directory() { # PATH USER GROUP: makes it for an account; one that is empty becomes the account's, all else stays
	if [ ! -d "$1" ]; then
		make_directory "$1"
	elif has_entries "$1"; then
		return 0
	fi
	chown "$2:$3" "$1"
	chmod 700 "$1"
}
