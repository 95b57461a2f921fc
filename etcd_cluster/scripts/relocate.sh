# relocate.sh: stops a member and moves its data. IDLE is `yes` for one that is taken to be stopped: where that serves by
# now, nothing changes; else `no`. An empty WAL directory stands for member/wal inside the data directory. What is in the way is renamed, and so is
# the source when it had to be copied to another file system; nothing is removed but an unfinished copy.
# What an interrupted move has left in several places is joined again.
# uses: lib created relocation
# variables: config old_data old_wal new_data new_wal user group idle
named_wal=$new_wal
old_wal=${old_wal:-$old_data/member/wal} new_wal=${new_wal:-$new_data/member/wal}
existing() { # PATH: it, or the nearest directory above it that is there
	path=$1
	while [ ! -e "$path" ]; do path=$(dirname "$path"); done
	printf '%s\n' "$path"
}
copied() { # FROM TO: how many KiB a copy to another file system takes, 0 where a rename will do
	if [ ! -e "$1" ] || [ "$(stat -c %d "$1")" = "$(stat -c %d "$(existing "$2")")" ]; then echo 0; else du -sk "$1" | cut -f 1; fi
}
room() { # KIBIBYTES DIRECTORY: fails while the member still runs
	free=$(df -Pk "$(existing "$2")" | awk 'NR == 2 { print $4 }')
	if [ "$1" -eq 0 ] || [ "$free" -gt "$1" ]; then return 0; fi
	fail "moving the data needs $1 KiB in $2, and $free are free; make room, or take the change back"
}
[ "$idle" = no ] || refuse_active
parts "$old_data" "$old_wal"
data_size=0 log_size=0
if [ "$member" != "$new_data/member" ]; then data_size=$(copied "$member" "$new_data"); fi
case $log in "$member"/*) ;; *) [ "$log" = "$new_wal" ] || log_size=$(copied "$log" "$new_data") ;; esac
room "$((data_size + log_size))" "$new_data"
case $new_wal in
"$log" | "$new_data"/*) ;;
*) room "$(copied "$log" "$new_wal")" "$new_wal" ;;
esac
# A reboot in the middle must not start the member on what is left at the old place; activate.sh enables it again.
systemctl disable --quiet etcd.service 2>/dev/null || :
systemctl stop etcd.service
stamp=$(date +%Y%m%dT%H%M%S)
own() {
	make_directory "$1"
	chown "$user:$group" "$1"
	chmod 700 "$1"
}
clear_away() { # PATH: rename it, unless it is or holds what is to be moved
	case $member/ in "$1"/*) return 0 ;; esac
	case $log/ in "$1"/*) return 0 ;; esac
	if [ -e "$1" ]; then mv -T "$1" "$1.before-$stamp"; fi
}
transfer() { # FROM TO KEPT: TO becomes FROM, whole or not at all; a FROM that had to be copied is renamed to KEPT
	if [ "$1" = "$2" ] || [ ! -e "$1" ]; then return 0; fi
	# A copy whose source was not renamed any more: that came along with the data.
	if [ -e "$2" ]; then mv -T "$2" "$2.before-$stamp"; fi
	rm -rf "$2.incoming"
	if [ "$(stat -c %d "$1")" = "$(stat -c %d "$(dirname "$2")")" ]; then
		mv -T "$1" "$2"
	else
		cp -a "$1" "$2.incoming"
		sync -f "$2.incoming" 2>/dev/null || :
		mv -T "$2.incoming" "$2"
		mv -T "$1" "$3"
	fi
}
hold=$new_data/wal-on-its-way
own "$new_data"
for path in "$new_data/member" "$hold" "$new_wal"; do clear_away "$path"; done
# Until activate.sh makes the new place the active one, this tells where parts may be; see relocation.sh.
{
	printf '%s\n%s\n' "$new_data" "$named_wal"
	cat "$config/moving" 2>/dev/null || :
} | write_file "$config/moving" 600
# The WAL leaves the old place first and enters the new one last: half of a move never looks like a whole member.
case $log in "$member"/*) kept=${member%/member}/wal.moved-$stamp ;; *) kept=$log.moved-$stamp ;; esac
if [ "$log" != "$new_wal" ]; then transfer "$log" "$hold" "$kept"; fi
transfer "$member" "$new_data/member" "$member.moved-$stamp"
if [ -d "$hold" ]; then
	[ "$new_wal" = "$new_data/member/wal" ] || own "$(dirname "$new_wal")"
	transfer "$hold" "$new_wal" "$hold.moved-$stamp"
fi
