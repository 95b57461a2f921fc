# former_directories.sh: directories that the settings have left: the configuration with its private keys, installed
# versions, links. CONFIG/made lists them as `former CONFIG INSTALL BIN` before anything is made in new ones, also where
# the data alone gets another place; as `kept …` where one is in use although the member runs as wanted.
# uses: lib created
# variables: config
record_former() { # CONFIG INSTALL BIN DATA, all four NOW: records the directories until now, with what was made in them
	[ "$1 $2 $3 $4" != "$5 $6 $7 $8" ] || return 0
	[ -d "$1" ] || return 0
	if [ "$1" != "$config" ] && [ -f "$1/made" ]; then
		while read -r line; do
			grep -qxF "$line" "$config/made" 2>/dev/null || printf '%s\n' "$line" >>"$config/made"
		done <"$1/made"
	fi
	grep -qxF "former $1 $2 $3" "$config/made" 2>/dev/null || record_created former "$1 $2 $3"
}
clear_installed() { # INSTALL: removes the versions of etcd
	for version in "$1"/v[0-9]* "$1"/.incoming.*; do
		if [ -f "$version/SHA256SUMS" ] || [ "${version##*/.incoming.}" != "$version" ]; then rm -rf "$version"; fi
	done
	rm -f "$1"/etcd-v*-linux-*.tar.gz
}
clear_links() { # BIN INSTALL: removes the links into INSTALL
	for name in etcd etcdctl etcdutl; do
		case $(readlink "$1/$name" 2>/dev/null || :) in "$2"/v*/"$name") rm -f "$1/$name" ;; esac
	done
}
clear_config() { # CONFIG: removes all that is staged, and what is noted, there
	rm -rf "$1/revisions" "$1/certificates"
	for name in owner attempt born current served moving etcd.env bootstrap.env made; do rm -f "$1/$name" "$1/$name.new"; done
}
forget() { # LINE: takes it out of what was made
	grep -vxF "$1" "$config/made" >"$config/made.new" || :
	mv -f "$config/made.new" "$config/made"
}
clear_empty() { # DIRECTORY…: removes those that were made and are empty, but for these and what is above them
	[ -f "$config/made" ] || return 0
	sed -n 's/^directory //p' "$config/made" | sed '1!G;h;$!d' | while read -r made; do
		! grep -qxF "snapshots $made" "$config/made" || continue
		for directory; do case $directory/ in "$made"/*) continue 2 ;; esac done
		if rmdir "$made" 2>/dev/null; then forget "directory $made"; fi
	done
}
clear_former() { # INSTALL BIN: clears each former directory that neither the member nor its next start uses
	[ -f "$config/made" ] || return 0
	# What a member that runs reads must stay, so without an answer everything does.
	member_pid=$(systemctl show -p MainPID --value etcd.service 2>/dev/null) || return 0
	uses="$(tr '\0' '\n' 2>/dev/null <"/proc/${member_pid:-0}/environ" | grep '^ETCD_.*FILE=' || :)
$(readlink "/proc/${member_pid:-0}/exe" || :)
$(cat "$member_unit_file" 2>/dev/null || :)
$(readlink "$config/served" 2>/dev/null || :)
$(readlink "$2/etcd" 2>/dev/null || :)"
	in_use() { printf '%s\n' "$uses" | grep -qF "$1/"; }
	sed -n -e 's/^former //p' -e 's/^kept //p' "$config/made" | sort -u | while read -r old_config old_install old_bin; do
		left=yes
		if [ "$old_bin" != "$2" ]; then
			if in_use "$old_bin"; then left=no; else clear_links "$old_bin" "$old_install"; fi
		fi
		if [ "$old_install" != "$1" ]; then
			if in_use "$old_install"; then left=no; else clear_installed "$old_install"; fi
		fi
		if [ "$old_config" != "$config" ] && [ -d "$old_config" ]; then
			if in_use "$old_config"; then
				left=no
			elif [ "$(grep '^host=' "$old_config/owner" 2>/dev/null || :)" = "$(grep '^host=' "$config/owner")" ]; then
				clear_config "$old_config"
				printf '%s\n' "$old_config"
			fi
		fi
		for kind in former kept; do forget "$kind $old_config $old_install $old_bin"; done
		[ "$left" = yes ] || record_created kept "$old_config $old_install $old_bin"
	done
}
