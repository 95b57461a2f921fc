# lib.sh: a failure with its message, files that are replaced whole, links that are switched in one step, and the member's unit.
# shellcheck disable=SC2034 # not every script reads it
member_unit_file=/etc/systemd/system/etcd.service
fail() { # MESSAGE
	printf '%s\n' "$1" >&2
	exit 1
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
has_entries() { # DIRECTORY: besides what a file system has of its own
	[ -n "$(find "$1" -mindepth 1 -maxdepth 1 ! -name lost+found | head -n 1)" ]
}
stop_member() { # its unit stays enabled
	systemctl stop etcd.service 2>/dev/null || :
	systemctl reset-failed etcd.service 2>/dev/null || :
}
disable_member() { # and stop it
	systemctl disable --quiet etcd.service 2>/dev/null || :
	stop_member
}
refuse_active() { # a member that was stopped when it was looked at, and that systemd has started since
	[ "$(systemctl show -p ActiveState --value etcd.service)" != active ] ||
		fail 'etcd was started there since it was looked at; nothing was changed. Run `pulumi up` again'
}
run_etcdctl() { # PREFIX PROGRAM CA-BUNDLE CERTIFICATE ARGUMENTS…: PREFIX has words before it; CERTIFICATE lacks its `.pem`
	tls_prefix=$1 tls_program=$2 tls_bundle=$3 tls_certificate=$4
	shift 4
	# shellcheck disable=SC2086 # several words, or none
	$tls_prefix "$tls_program" --cacert="$tls_bundle" --cert="$tls_certificate.pem" --key="$tls_certificate-key.pem" "$@"
}
