# directory_facts.sh: prints how the directories of a host stand to the account that etcd runs as.
# Needs say() of observe.sh. An entry is `OWNER GROUP MODE`, as stat prints it; what an access list rules is left out.
say_directory() { # WORD PATH PART: tells of a directory with data and of what lies in PART of it
	[ -e "$2" ] || [ -L "$2" ] || return 0
	say "$1_path" "$2"
	say "$1_real" "$(readlink -f "$2" 2>/dev/null || :)"
	if [ ! -d "$2" ]; then
		say "$1_kind" other
		return 0
	fi
	say "$1_access" "$(stat -c '%U %G %a' "$2")"
	for entry in "$2"/* "$2"/.[!.]*; do
		[ -e "$entry" ] || continue
		name=${entry##*/}
		[ "$name" != lost+found ] || continue
		say "$1_content" "$(printf %s "$name" | tr -cd '[:graph:]' | cut -c 1-60)"
		break
	done
	for entry in "$3" "$3"/* "$3"/*/*; do
		[ ! -e "$entry" ] || stat -c %U "$entry"
	done | sort -u | while read -r account; do say "$1_within" "$account"; done
}
say_closed() { # PATH: tells the first directory on the way to PATH that not every account may pass
	step='' rest=${1#/}/
	while [ -n "$rest" ]; do
		step=$step/${rest%%/*} rest=${rest#*/}
		[ -d "$step" ] || return 0
		case $(stat -c %a "$step") in
		*[1357]) ;;
		*)
			# ls shows with a plus that an access list rules.
			case $(ls -ld "$step") in
			??????????+*) ;;
			*)
				say closed "$(stat -c '%U %G %a' "$step") $step $1"
				return 0
				;;
			esac
			;;
		esac
	done
}
say_addresses() {
	command -v ip >/dev/null 2>&1 || return 0
	ip -o addr show 2>/dev/null | while read -r _ _ family address _; do
		case $family in inet | inet6) say address "${address%%/*}" ;; esac
	done
}
