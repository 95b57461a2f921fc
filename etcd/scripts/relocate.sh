# relocate.sh CONFIG OLD_DATA OLD_WAL NEW_DATA NEW_WAL USER GROUP: moves a member's data while it is stopped.
# An empty WAL directory stands for member/wal inside the data directory. A copy that a broken run left is set aside.
config=$1 old_data=$2 old_wal=${3:-$2/member/wal} new_data=$4 new_wal=${5:-$4/member/wal} user=$6 group=$7
split_new=$5
systemctl stop etcd.service
stamp=$(date +%Y%m%dT%H%M%S)
own() {
	make_directory "$1"
	chown "$user:$group" "$1"
	chmod 700 "$1"
}
transfer() { # FROM TO: TO becomes FROM whole or not at all; FROM is renamed aside only when a copy was needed
	[ "$1" != "$2" ] || return 0
	[ -e "$1" ] || return 0
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
# The WAL first, out of the old data directory: what is left there has no WAL, so nothing can start on half of it.
if [ "$old_wal" != "$new_wal" ] && [ -n "$(ls -A "$old_wal" 2>/dev/null)" ]; then
	hold=$new_data/.wal-on-its-way
	if [ -n "$split_new" ]; then
		own "$new_wal"
		for file in "$old_wal"/*; do
			[ "${file##*.}" = wal ] || [ "${file##*.}" = tmp ] || continue
			transfer "$file" "$new_wal/${file##*/}"
		done
	else
		mkdir -p "$hold"
		chown "$user:$group" "$hold"
		chmod 700 "$hold"
		for file in "$old_wal"/*; do
			[ "${file##*.}" = wal ] || [ "${file##*.}" = tmp ] || continue
			transfer "$file" "$hold/${file##*/}"
		done
	fi
fi
transfer "$old_data/member" "$new_data/member"
if [ -d "$new_data/.wal-on-its-way" ]; then
	[ ! -e "$new_wal" ] || mv -T "$new_wal" "$new_data/wal-before-$stamp"
	mv -T "$new_data/.wal-on-its-way" "$new_wal"
fi
