# relocation.sh: a function that finds a member's data, also where a move of it was interrupted half-way.
# relocate.sh lists the places that its moves go to in $config/moving, the newest first, a line each for
# the data and the WAL. What it finds there before, it renames; so what lies there is the member's.
# variables: config
parts() { # DATA WAL: sets $member and $log to where they are, and to this place where they are nowhere
	member='' log=''
	if [ -f "$config/moving" ]; then
		while IFS= read -r noted_data && IFS= read -r noted_wal; do
			part_in "$noted_data" "$noted_data/wal-on-its-way"
			part_in "$noted_data" "${noted_wal:-$noted_data/member/wal}"
		done <"$config/moving"
	fi
	part_in "$1" "$2"
	member=${member:-$1/member} log=${log:-$2}
}
part_in() {
	if [ -z "$member" ] && [ -d "$1/member" ]; then member=$1/member; fi
	if [ -z "$log" ] && [ -n "$(ls -A "$2" 2>/dev/null)" ]; then log=$2; fi
}
