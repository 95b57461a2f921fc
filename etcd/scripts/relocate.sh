# relocate.sh CONFIG OLD_DATA OLD_WAL NEW_DATA NEW_WAL USER GROUP: moves a member's data while it is stopped.
# An empty WAL directory stands for member/wal inside the data directory. What is in the way is renamed, and so is
# the source when it had to be copied to another file system; nothing is removed but an unfinished copy.
config=$1 old_data=$2 old_wal=${3:-$2/member/wal} new_data=$4 new_wal=${5:-$4/member/wal} user=$6 group=$7
systemctl stop etcd.service
stamp=$(date +%Y%m%dT%H%M%S)
own() {
	make_directory "$1"
	chown "$user:$group" "$1"
	chmod 700 "$1"
}
transfer() { # FROM TO: TO becomes FROM, whole or not at all
	if [ "$1" = "$2" ] || [ ! -e "$1" ]; then return 0; fi
	if [ -e "$2" ]; then mv -T "$2" "$2.before-$stamp"; fi
	rm -rf "$2.incoming"
	if [ "$(stat -c %d "$1")" = "$(stat -c %d "$(dirname "$2")")" ]; then
		mv -T "$1" "$2"
	else
		cp -a "$1" "$2.incoming"
		sync -f "$2.incoming" 2>/dev/null || :
		mv -T "$2.incoming" "$2"
		mv -T "$1" "$1.moved-$stamp"
	fi
}
own "$new_data"
# The WAL leaves the old place first and enters the new one last: half of a move never looks like a whole member.
hold=$new_data/wal-on-its-way
if [ "$old_wal" != "$new_wal" ]; then transfer "$old_wal" "$hold"; fi
if [ "$old_data" != "$new_data" ]; then transfer "$old_data/member" "$new_data/member"; fi
if [ -d "$hold" ]; then
	[ "$new_wal" = "$new_data/member/wal" ] || own "$(dirname "$new_wal")"
	transfer "$hold" "$new_wal"
fi
