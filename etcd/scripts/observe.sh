# observe.sh CONFIG DATA WAL INSTALL BIN CLIENT_PORT PEER_PORT VERSION DEPTH REVISION CERTIFICATES
# Prints what is on the host, one `key=value` a line; files come in base64. Changes nothing.
# DEPTH: facts (no etcdctl), member (asks the running member too), deep (also compares what is installed and staged).
config=$1 data=$2 wal=$3 install=$4 bin=$5 client_port=$6 peer_port=$7 version=$8 depth=$9
shift 9
staged_revision=$1 staged_certificates=$2
say() { printf '%s=%s\n' "$1" "$2"; }
say_file() { [ ! -f "$2" ] || say "$1" "$(base64 -w 0 <"$2")"; }
whole() { [ -f "$1/SHA256SUMS" ] && (cd "$1" && sha256sum -c --status SHA256SUMS) 2>/dev/null; }
untouched() { [ -s "$1/untouched" ] && [ -f "$1/SHA256SUMS" ] && (cd "$1" && TZ=UTC0 stat -c '%n %i %s %y %z' etcd etcdctl etcdutl | cmp -s - untouched) 2>/dev/null; }
missing=
for tool in systemctl journalctl tar gzip sha256sum base64 flock timeout mktemp mountpoint getent useradd groupadd; do
	command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
say missing "$missing"
[ -d /run/systemd/system ] || say missing "$missing systemd"
command -v curl >/dev/null 2>&1 && say fetch curl || { command -v wget >/dev/null 2>&1 && say fetch wget; } || :
say machine "$(uname -m)"
say time "$(date +%s.%N)"
say_file owner "$config/owner"
say_file attempt "$config/attempt"
say_file born "$config/born"
# A data directory that is about to move is where the active revision says, until it has moved or begun to.
setting() { sed -n "s/^$2=\"\(.*\)\"\$/\1/p" "$config/$1/etcd.env" 2>/dev/null | head -n 1; }
active_data=$(setting current ETCD_DATA_DIR)
active_wal=$(setting current ETCD_WAL_DIR)
if [ -n "$active_data" ]; then
	say active_data "$active_data"
	say active_wal "$active_wal"
	parts "$active_data" "${active_wal:-$active_data/member/wal}"
	if [ "$member" != "$active_data/member" ] || [ "$log" != "${active_wal:-$active_data/member/wal}" ]; then say moving yes; fi
	if [ -n "$(ls -A "$log" 2>/dev/null)" ]; then data=${member%/member} wal=$log; fi
fi
if [ -L "$config/served" ]; then
	say served "$(basename "$(readlink "$config/served")")"
	say served_data "$(setting served ETCD_DATA_DIR)"
	say served_wal "$(setting served ETCD_WAL_DIR)"
	say_file served_version "$config/served/version"
fi
# What the member runs, which is not what it would start with where a switch was interrupted.
pid=$(systemctl show -p MainPID --value etcd.service 2>/dev/null || :)
running=$( { tr '\0' '\n' <"/proc/${pid:-0}/environ" | sed -n 's/^MEMBER_REVISION=//p'; } 2>/dev/null || :)
in_use=$config/current
[ -z "$running" ] || [ ! -d "$config/revisions/$running" ] || in_use=$config/revisions/$running
say_file active_environment "$in_use/etcd.env"
say_file active_unit "$in_use/etcd.service"
say_file active_version "$config/current/version"
[ ! -d "$data" ] || say data "$(stat -c %U "$data")"
[ ! -d "$data/member" ] || say leftover yes
for segment in "$wal"/*.wal; do
	[ ! -f "$segment" ] || say wal "$(head -c 512 "$segment" | base64 -w 0)"
	break
done
if [ -e "$config/current/etcd.service" ]; then
	cmp -s "$config/current/etcd.service" /etc/systemd/system/etcd.service || say uninstalled etcd.service
	active_dir=$install/v$(cat "$config/current/version" 2>/dev/null || :)
	for name in etcd etcdctl etcdutl; do
		[ "$(readlink "$bin/$name" 2>/dev/null || :)" = "$active_dir/$name" ] || say uninstalled "$bin/$name"
	done
fi
for name in etcd etcdctl etcdutl; do
	if [ -e "$bin/$name" ] || [ -L "$bin/$name" ]; then
		case $(readlink "$bin/$name" || :) in "$install"/v*/"$name") ;; *) say foreign "$bin/$name" ;; esac
	fi
done
say revision "$(basename "$(readlink "$config/current" 2>/dev/null || :)")"
say certificates "$(basename "$(readlink "$config/certificates/current" 2>/dev/null || :)")"
systemctl show -p LoadState -p ActiveState -p SubState -p MainPID -p NRestarts -p UnitFileState -p FragmentPath \
	etcd.service 2>/dev/null | sed 's/^/unit./' || :
if [ "${pid:-0}" -gt 0 ] && [ -r "/proc/$pid/environ" ]; then
	say running "$running"
	say executable "$(readlink "/proc/$pid/exe" || :)"
fi
if [ "${pid:-0}" -eq 0 ]; then
	for port in "$client_port" "$peer_port"; do
		inode=$(awk -v port=":$(printf '%04X' "$port")" \
			'$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
		[ -n "$inode" ] || continue
		fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null | head -n 1)
		owner=${fd#/proc/}
		owner=${owner%%/*}
		say listening "$port ${owner:-0} $(cat "/proc/${owner:-0}/comm" 2>/dev/null || :)"
	done
fi
say_trust() { # WORD REVISION CERTIFICATES
	say_file "$1_client_bundle" "$config/revisions/$2/client-ca.pem"
	say_file "$1_peer_bundle" "$config/revisions/$2/peer-ca.pem"
	say_file "$1_server" "$config/certificates/$3/server.pem"
	say_file "$1_peer" "$config/certificates/$3/peer.pem"
}
if [ -n "$running" ]; then say_trust loaded "$running" current; fi
if [ -n "$staged_revision" ]; then say_trust staged "$staged_revision" "$staged_certificates"; fi
if [ "$depth" = deep ]; then
	if untouched "$install/v$version" || whole "$install/v$version"; then say binaries whole; else say binaries damaged; fi
	for directory in "$config"/revisions/* "$config"/certificates/*; do
		[ ! -d "$directory" ] || [ -L "$directory" ] || ! whole "$directory" || say staged "${directory##*/}"
	done
fi
etcdctl=$install/v$(cat "$config/current/version" 2>/dev/null || :)/etcdctl
if [ "$depth" != facts ] && [ "${pid:-0}" -gt 0 ] && [ -x "$etcdctl" ]; then
	control() {
		timeout 8 "$etcdctl" --endpoints="https://127.0.0.1:$client_port" --command-timeout=5s --dial-timeout=3s \
			--cacert="$config/current/client-ca.pem" --cert="$config/certificates/current/etcdctl.pem" \
			--key="$config/certificates/current/etcdctl-key.pem" -w json "$@" 2>/dev/null | base64 -w 0
	}
	say status "$(control endpoint status || :)"
	say members "$(control member list || :)"
	health=$(control endpoint health || :)
	say health "$health"
	case $(printf %s "$health" | base64 -d) in *'"health":true'*) ;; *) say alarms "$(control alarm list || :)" ;; esac
fi
