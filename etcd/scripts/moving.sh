# moving.sh: a function that finds a member's data, also where a move of it was interrupted half-way.
# Needs $config. relocate.sh lists the places of its moves in $config/moving, a line each for the data and the WAL.
parts() { # DATA WAL: sets $member and $log to where they are, and to this place where they are nowhere
	member='' log=''
	parts_in "$1" "$2"
	if [ -f "$config/moving" ]; then
		while IFS= read -r noted_data && IFS= read -r noted_wal; do
			parts_in "$noted_data" "${noted_wal:-$noted_data/member/wal}"
		done <"$config/moving"
	fi
	member=${member:-$1/member} log=${log:-$2}
}
parts_in() {
	if [ -z "$member" ] && [ -d "$1/member" ]; then member=$1/member; fi
	for place in "$1/wal-on-its-way" "$2"; do
		if [ -z "$log" ] && [ -n "$(ls -A "$place" 2>/dev/null)" ]; then log=$place; fi
	done
}
