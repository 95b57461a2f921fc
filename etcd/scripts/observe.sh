# observe.sh CONFIG DATA WAL INSTALL BIN CLIENT_PORT PEER_PORT VERSION DEPTH
# Prints what is on the host, one `key=value` a line; files come in base64. Changes nothing.
# DEPTH: facts (no etcdctl), member (asks the running member too), deep (also compares what is installed and staged).
config=$1 data=$2 wal=$3 install=$4 bin=$5 client_port=$6 peer_port=$7 version=$8 depth=$9
say() { printf '%s=%s\n' "$1" "$2"; }
say_file() { [ ! -f "$2" ] || say "$1" "$(base64 -w 0 <"$2")"; }
whole() { [ -f "$1/SHA256SUMS" ] && (cd "$1" && sha256sum -c --status SHA256SUMS) 2>/dev/null; }
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
[ ! -d "$data" ] || say data "$(stat -c %U "$data")"
[ ! -d "$data/member" ] || say leftover yes
for segment in "$wal"/*.wal; do
	[ ! -f "$segment" ] || say wal "$(head -c 512 "$segment" | base64 -w 0)"
	break
done
for name in etcd etcdctl etcdutl; do
	if [ -e "$bin/$name" ] || [ -L "$bin/$name" ]; then
		case $(readlink "$bin/$name" || :) in "$install"/v*/"$name") ;; *) say foreign "$bin/$name" ;; esac
	fi
done
say revision "$(basename "$(readlink "$config/current" 2>/dev/null || :)")"
say certificates "$(basename "$(readlink "$config/certificates/current" 2>/dev/null || :)")"
systemctl show -p LoadState -p ActiveState -p SubState -p MainPID -p NRestarts -p UnitFileState -p FragmentPath \
	etcd.service 2>/dev/null | sed 's/^/unit./' || :
pid=$(systemctl show -p MainPID --value etcd.service 2>/dev/null || :)
if [ "${pid:-0}" -gt 0 ] && [ -r "/proc/$pid/environ" ]; then
	say running "$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^MEMBER_REVISION=//p')"
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
if [ "$depth" = deep ]; then
	whole "$install/v$version" && say binaries whole || say binaries damaged
	for directory in "$config"/revisions/* "$config"/certificates/*; do
		[ ! -d "$directory" ] || [ -L "$directory" ] || ! whole "$directory" || say staged "${directory##*/}"
	done
fi
if [ "$depth" != facts ] && [ "${pid:-0}" -gt 0 ] && [ -x "$bin/etcdctl" ]; then
	control() {
		timeout 8 "$bin/etcdctl" --endpoints="https://127.0.0.1:$client_port" --command-timeout=5s --dial-timeout=3s \
			--cacert="$config/current/client-ca.pem" --cert="$config/certificates/current/etcdctl.pem" \
			--key="$config/certificates/current/etcdctl-key.pem" -w json "$@" 2>/dev/null | base64 -w 0
	}
	say status "$(control endpoint status || :)"
	say members "$(control member list || :)"
	say health "$(control endpoint health || :)"
fi
