# made.sh: functions that remember in CONFIG/made what the program made on a host, so that only that is removed.
# Needs $config. Each line is `KIND NAME`; it is written before the thing is made.
remember() { printf '%s %s\n' "$1" "$2" >>"$config/made"; }
make_directory() { # PATH: root's, 0755, with its missing parents
	[ ! -d "$1" ] || return 0
	make_directory "$(dirname "$1")"
	[ ! -d "$config" ] || remember directory "$1"
	mkdir -m 755 "$1"
}
take_directory() { # PATH USER GROUP: makes it for an account; one that is empty becomes the account's, all else stays
	if [ ! -d "$1" ]; then
		make_directory "$1"
	elif [ -n "$(ls -A "$1" | grep -v '^lost+found$' || :)" ]; then
		return 0
	fi
	chown "$2:$3" "$1"
	chmod 700 "$1"
}
write_file() { # PATH MODE: standard input becomes the file, whole or not at all
	cat >"$1.new"
	chmod "$2" "$1.new"
	sync "$1.new" 2>/dev/null || :
	mv -f "$1.new" "$1"
}
link() { # TARGET PATH: switch a link in one step
	[ "$(readlink "$2" 2>/dev/null)" != "$1" ] || return 0
	rm -f "$2.new"
	ln -s "$1" "$2.new"
	mv -fT "$2.new" "$2"
}
refuse_active() { # a member that was stopped when it was looked at, and that systemd has started since
	[ "$(systemctl show -p ActiveState --value etcd.service)" = active ] || return 0
	echo 'etcd was started there since it was looked at; nothing was changed. Run `pulumi up` again' >&2
	exit 1
}
