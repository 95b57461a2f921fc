# observe.sh: prints what is on the host, one `key=value` a line; files come in base64. Changes nothing.
# PORTS are the other ports that the member is to listen on, separated by spaces, the peers' first.
# DEPTH: facts (no etcdctl), member (asks the running member too), deep (also compares what is installed and staged).
# The variables say what is wanted. The member is looked for and asked where it is now: a running one where its process
# says, a stopped one where the unit that is installed would start it.
# uses: lib relocation directory_facts
# variables: config data wal install bin client_port ports version depth staged_revision staged_certificates
wanted=$config
wanted_data=$data wanted_wal=${wal%/wal}
say() { printf '%s=%s\n' "$1" "$2"; }
say_file() { [ ! -f "$2" ] || say "$1" "$(base64 -w 0 <"$2")"; }
whole() { [ -f "$1/SHA256SUMS" ] && (cd "$1" && sha256sum -c --status SHA256SUMS) 2>/dev/null; }
untouched() { [ -s "$1/untouched" ] && [ -f "$1/SHA256SUMS" ] && (cd "$1" && [ "$(TZ=UTC0 stat -c '%n %i %s %y %z' etcd etcdctl etcdutl)" = "$(cat untouched)" ]) 2>/dev/null; }
same() { [ "$(cat "$1")" = "$(cat "$2")" ]; } 2>/dev/null
missing=
for tool in awk base64 basename cat cut date find grep head ls mktemp readlink rm sed sha256sum sort stat tail timeout tr uname; do
	command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
# Without these the look itself would tell of a host that has nothing.
[ -z "$missing" ] || fail "it has no$missing. Install what is missing"
for tool in systemctl journalctl tar gzip flock mountpoint getent id useradd userdel groupadd groupdel \
	chmod chown cp df dirname du ln mkdir mv rmdir sleep sync; do
	command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
say missing "$missing"
[ -d /run/systemd/system ] || say missing "$missing systemd"
command -v curl >/dev/null 2>&1 && say fetch curl || { command -v wget >/dev/null 2>&1 && say fetch wget; } || :
say machine "$(uname -m)"
say time "$(date +%s.%N)"
# $next is the configuration directory that a start would use, $here the one that the running member uses.
# Where systemd gives no answer, a member that runs must not look like one that is stopped.
unanswered() {
	[ -d /run/systemd/system ] || return 0
	words=$(systemctl show -p MainPID etcd.service 2>&1 >/dev/null | tail -n 1 || :)
	fail "systemctl does not tell whether etcd runs there${words:+ ($words)}. Nothing was changed; look at systemd on that host"
}
pid=$(systemctl show -p MainPID --value etcd.service 2>/dev/null || :)
case $pid in '' | *[!0-9]*) unanswered ;; esac
pid=${pid:-0}
in_environ() { tr '\0' '\n' <"/proc/$pid/environ" | sed -n "s/^$1=//p" | head -n 1; } 2>/dev/null
in_unit() { sed -n "s|^$1=\(/.*\)/$2\$|\1|p" "$member_unit_file" | head -n 1; } 2>/dev/null
next=$(in_unit EnvironmentFile etcd.env || :)
if [ ! -f "$next/owner" ]; then next=$config; fi
here=$next
running=$(in_environ MEMBER_REVISION || :)
certificate=$(in_environ ETCD_CERT_FILE || :)
case $running:$certificate in
:*) ;;
*:*/certificates/current/server.pem) here=${certificate%/certificates/current/server.pem} ;;
esac
if [ -f "$config/owner" ]; then say_file owner "$config/owner"; else say_file owner "$here/owner"; fi
! grep -q '^former ' "$wanted/made" 2>/dev/null || say former yes
say_file attempt "$here/attempt"
say_file born "$here/born"
# A data directory that is about to move is where the active revision says, until it has moved or begun to.
setting() { sed -n "s/^$2=\"\(.*\)\"\$/\1/p" "$1/etcd.env" | head -n 1; } 2>/dev/null
active_data=$(setting "$next/current" ETCD_DATA_DIR || :)
active_wal=$(setting "$next/current" ETCD_WAL_DIR || :)
config=$next
if [ -n "$active_data" ]; then
	say active_data "$active_data"
	say active_wal "$active_wal"
	parts "$active_data" "${active_wal:-$active_data/member/wal}"
	if [ "$member" != "$active_data/member" ] || [ "$log" != "${active_wal:-$active_data/member/wal}" ]; then say moving yes; fi
	if [ -n "$(ls -A "$log" 2>/dev/null)" ]; then data=${member%/member} wal=$log; fi
fi
config=$wanted
# The link leads into another configuration directory where the member served with that one.
if [ -L "$here/served" ]; then
	served=$(readlink "$here/served")
	say served "${served##*/}"
	case $served in /*) say served_config "${served%/revisions/*}" ;; esac
	say served_data "$(setting "$here/served" ETCD_DATA_DIR || :)"
	say served_wal "$(setting "$here/served" ETCD_WAL_DIR || :)"
	say_file served_version "$here/served/version"
	say_file served_unit "$here/served/etcd.service"
fi
# What the member runs, which is not what it would start with where a switch was interrupted.
in_use=$next/current
[ -z "$running" ] || [ ! -d "$here/revisions/$running" ] || in_use=$here/revisions/$running
say_file active_environment "$in_use/etcd.env"
say_file active_unit "$in_use/etcd.service"
say_file active_version "$next/current/version"
say_directory data_dir "$wanted_data" "$wanted_data/member"
case $wanted_wal in
"$wanted_data"/*) wanted_wal='' ;;
*) say_directory wal_dir "$wanted_wal" "$wanted_wal/wal" ;;
esac
for directory in "${wanted_data%/*}" ${wanted_wal:+"${wanted_wal%/*}"} "${wanted%/*}" "$install" "$bin"; do say_closed "$directory"; done
say_addresses
[ ! -d "$data/member" ] || say leftover yes
# etcd holds a lock on its database as long as it runs, also where it is no process of the unit.
if [ "$pid" = 0 ] && [ -f "$data/member/snap/db" ]; then
	locked=0
	flock -n "$data/member/snap/db" true 2>/dev/null || locked=$?
	if [ "$locked" = 1 ]; then
		fd=$(timeout 5 find -L /proc/[0-9]*/fd -maxdepth 1 -samefile "$data/member/snap/db" 2>/dev/null | head -n 1)
		owner=${fd#/proc/}
		owner=${owner%%/*}
		say holder "$(cat "/proc/${owner:-0}/comm" 2>/dev/null || echo 'another process')${owner:+ (pid $owner)}"
	fi
fi
for segment in "$wal"/*.wal; do
	[ ! -f "$segment" ] || say wal "$(head -c 512 "$segment" | base64 -w 0)"
	break
done
active_bin=$(in_unit ExecStart etcd || :)
if [ -e "$next/current/etcd.service" ]; then
	same "$next/current/etcd.service" "$member_unit_file" || say uninstalled etcd.service
	active_dir=$install/v$(cat "$next/current/version" 2>/dev/null || :)
	for name in etcd etcdctl etcdutl; do
		[ "${active_bin:-$bin}" != "$bin" ] || [ "$(readlink "$bin/$name" 2>/dev/null || :)" = "$active_dir/$name" ] || say uninstalled "$bin/$name"
	done
fi
for name in etcd etcdctl etcdutl; do
	if [ -e "$bin/$name" ] || [ -L "$bin/$name" ]; then
		case $(readlink "$bin/$name" || :) in "$install"/v*/"$name") ;; *) say foreign "$bin/$name" ;; esac
	fi
done
say revision "$(basename "$(readlink "$next/current" 2>/dev/null || :)")"
say certificates "$(basename "$(readlink "$here/certificates/current" 2>/dev/null || :)")"
properties=$(systemctl show -p LoadState -p ActiveState -p SubState -p MainPID -p NRestarts -p UnitFileState -p FragmentPath \
	etcd.service 2>/dev/null || :)
case $properties in *MainPID=*) printf '%s\n' "$properties" | sed 's/^/unit./' ;; *) unanswered ;; esac
# In systemd's order of precedence. It names no drop-ins of a unit that is not there yet, and has not read new ones.
for kind in etcd.service.d service.d; do
	for place in /etc/systemd/system.control /run/systemd/system.control /run/systemd/transient /etc/systemd/system \
		/run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
		for file in "$place/$kind"/*.conf; do
			[ ! -e "$file" ] || say drop_in "$(base64 -w 0 <"$file") $file"
		done
	done
done
executable='' listens=''
if [ "$pid" -gt 0 ] && [ -r "/proc/$pid/environ" ]; then
	say running "$running"
	executable=$(readlink "/proc/$pid/exe" || :)
	say executable "$executable"
	listens=$(in_environ ETCD_LISTEN_CLIENT_URLS || :),$(in_environ ETCD_LISTEN_PEER_URLS || :),
fi
for port in "$client_port" $ports; do
	case $listens in *":$port,"*) continue ;; esac
	inode=$(awk -v port=":$(printf '%04X' "$port")" \
		'$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
	[ -n "$inode" ] || continue
	fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null | head -n 1)
	owner=${fd#/proc/}
	owner=${owner%%/*}
	[ "${owner:-0}" != "$pid" ] || [ "$pid" = 0 ] || continue
	say listening "$port ${owner:-0} $(cat "/proc/${owner:-0}/comm" 2>/dev/null || :)"
done
# etcdctl beside the etcd that runs, even where its links were moved since
case $executable in */etcd) etcdctl=${executable%/etcd}/etcdctl ;; *) etcdctl='' ;; esac
for candidate in "${active_bin:-$bin}/etcdctl" "$install/v$(cat "$next/current/version" 2>/dev/null || :)/etcdctl"; do
	[ -x "$etcdctl" ] || etcdctl=$candidate
done
# The last URL is the one on the loopback address, or the only one.
endpoint=$(in_environ ETCD_LISTEN_CLIENT_URLS || :)
endpoint=${endpoint##*,}
case $endpoint in
https://0.0.0.0:*) endpoint=https://127.0.0.1:${endpoint##*:} ;;
"https://[::]:"*) endpoint="https://[::1]:${endpoint##*:}" ;;
esac
if [ -n "$running" ] || [ -e "$next/current/etcd.service" ]; then
	say config "$here"
	say bin "${active_bin:-$bin}"
	case $executable in */v*/etcd) installed=${executable%/*/etcd} ;; *) installed=$install ;; esac
	say install "$installed"
	say etcdctl "$etcdctl"
	say endpoint "$endpoint"
	say bundle "$in_use/client-ca.pem"
fi
say_trust() { # WORD CONFIG REVISION CERTIFICATES
	say_file "$1_client_bundle" "$2/revisions/$3/client-ca.pem"
	say_file "$1_peer_bundle" "$2/revisions/$3/peer-ca.pem"
	say_file "$1_server" "$2/certificates/$4/server.pem"
	say_file "$1_peer" "$2/certificates/$4/peer.pem"
}
if [ -n "$running" ]; then say_trust loaded "$here" "$running" current; fi
if [ -n "$staged_revision" ]; then say_trust staged "$config" "$staged_revision" "$staged_certificates"; fi
if [ "$depth" = deep ]; then
	if untouched "$install/v$version" || whole "$install/v$version"; then say binaries whole; else say binaries damaged; fi
	for directory in "$config"/revisions/* "$config"/certificates/*; do
		[ ! -d "$directory" ] || [ -L "$directory" ] || ! whole "$directory" || say staged "${directory##*/}"
	done
fi
if [ "$depth" != facts ] && [ "$pid" -gt 0 ]; then
	scratch=$(mktemp -d /run/etcd-look.XXXXXX)
	trap 'rm -rf "$scratch"' EXIT
	control() { # KEY ARGUMENTS…: keeps what etcdctl prints and how it ends
		key=$1 status=0
		shift
		run_etcdctl 'timeout 8' "$etcdctl" "$in_use/client-ca.pem" "$here/certificates/current/etcdctl" \
			--endpoints="${endpoint:-https://127.0.0.1:$client_port}" --command-timeout=5s --dial-timeout=3s -w json "$@" \
			>"$scratch/$key" 2>"$scratch/$key.error" </dev/null || status=$?
		echo "$status" >"$scratch/$key.exit"
	}
	tell() { # KEY
		say "$1" "$(base64 -w 0 <"$scratch/$1")"
		say "$1_exit" "$(cat "$scratch/$1.exit")"
		say "$1_error" "$(tail -c 8000 "$scratch/$1.error" | base64 -w 0)"
	}
	control status endpoint status
	tell status
	# Who gives no status answers nothing else either, and each question would wait its whole time.
	case $(cat "$scratch/status") in
	*'"Status"'*)
		control members member list &
		control health endpoint health
		wait
		tell members
		tell health
		# Without a linearizable answer there is no list of alarms.
		case $(cat "$scratch/health") in
		*larm*)
			control alarms alarm list
			tell alarms
			;;
		esac
		;;
	esac
fi
