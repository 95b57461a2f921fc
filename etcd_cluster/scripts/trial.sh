# trial.sh: starts a staged revision once, apart from the cluster, within START_SECONDS.
# Standard input: its unit and the variables that it replaces, as a tar archive. It has a network namespace of its own with the host's addresses, so it listens where the member will; where that
# cannot be made it gets free ports of 127.0.0.1. Its data lies inside the member's directories, made by etcd itself.
# Prints `passed`, `skipped`, `not-ready`, `client` (ours is refused) or `peer`, then the lines that tell why.
# uses: lib created
# variables: config revision certificates binaries data wal user group start_seconds client_url peer_url
unit=etcd-trial.service
folder=/run/etcd-cluster/trial
net=$folder/net
unit_file=/run/systemd/system/$unit
own_name=trial-start
beside=$data.$own_name
# What WAL files of two segments and a small database take at most.
kilobytes=160000

clear_away() {
	if [ -e "$unit_file" ]; then
		systemctl stop "$unit" 2>/dev/null || :
		systemctl reset-failed "$unit" 2>/dev/null || :
	fi
	rm -rf "$unit_file" "$unit_file.d"
	umount "$net" 2>/dev/null || :
	rm -rf "$folder" "$beside" "${data:?}/$own_name" ${wal:+"$wal/$own_name"}
}
end() { # WORD [LINE]: what came of it
	printf '%s\n' "$@"
	exit 0
}
value() { systemctl show -p "$1" --value "$unit"; }
said() { # what the journal has of this trial
	journalctl --sync 2>/dev/null || :
	invocation=$(value InvocationID)
	[ -z "$invocation" ] || journalctl --no-pager -o cat -n 200 \
		_SYSTEMD_INVOCATION_ID="$invocation" + INVOCATION_ID="$invocation" 2>/dev/null || :
}
tell() { # WORD: what systemd, etcd and etcdctl said; where etcd has ended since, that is what came of it
	if [ "$(value ActiveState)" = active ]; then
		printf '%s\n' "$1"
	else
		echo not-ready
		printf 'systemd: Result=%s, ExecMainCode=%s, ExecMainStatus=%s\n' "$(value Result)" "$(value ExecMainCode)" "$(value ExecMainStatus)"
	fi
	if [ -s "$folder/words" ]; then cat "$folder/words"; fi
	said | grep -v -e '"level":"info"' -e '^goroutine ' -e '^[[:space:]]' -e '^[a-z.]*/.*(.*)$' -e '^main\.' -e '^runtime\.' |
		tail -n 20
	exit 0
}
inside=
make_network() { # the host's addresses on the loopback device of a namespace, and what decides which may be bound
	case $(systemctl --version | sed -n 's/^systemd \([0-9]*\).*/\1/p;q') in '' | ? | ?? | 1?? | 20? | 21? | 22? | 23? | 240 | 241) return 1 ;; esac
	for tool in unshare nsenter ip; do command -v "$tool" >/dev/null 2>&1 || return 1; done
	: >"$net"
	unshare --net="$net" true 2>/dev/null || return 1
	nsenter --net="$net" ip link set lo up 2>/dev/null || return 1
	ip -o addr show up | awk '
		$3 == "inet" && $4 !~ /^127\./ { sub("/.*", "", $4); print "addr add " $4 "/32 dev lo" }
		$3 == "inet6" && $4 !~ /^(::1|fe80:)/ { sub("/.*", "", $4); print "addr add " $4 "/128 dev lo nodad" }' |
		nsenter --net="$net" ip -force -batch - 2>/dev/null || :
	for name in ipv4/ip_nonlocal_bind ipv6/ip_nonlocal_bind ipv4/ip_unprivileged_port_start; do
		[ ! -r "/proc/sys/net/$name" ] || nsenter --net="$net" sh -c 'printf "%s" "$1" >"/proc/sys/net/$2"' sh "$(cat "/proc/sys/net/$name")" "$name" 2>/dev/null || :
	done
	inside="nsenter --net=$net"
}
free_port() { # FROM: the first port from there on that nobody listens on
	port=$1
	while awk -v port=":$(printf '%04X' "$port")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
		/proc/net/tcp /proc/net/tcp6 2>/dev/null; do port=$((port + 1)); done
	echo "$port"
}
ask() { # FILE CERTIFICATE BUNDLE URL WORDS…: etcdctl with a certificate of the staged set; what it says goes to FILE
	words=$1 leaf=$2 bundle=$3 url=$4
	shift 4
	run_etcdctl "$inside timeout 15" "$binaries/etcdctl" "$config/revisions/$revision/$bundle.pem" \
		"$config/certificates/$certificates/$leaf" --endpoints="$url" --dial-timeout=3s "$@" >"$words" 2>&1
}

clear_away
trap clear_away EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$folder"
tar -xf - -C "$folder" --no-same-owner
(cd "$folder" && sha256sum -c --status SHA256SUMS) || fail 'the trial arrived damaged'
keys_of=$(stat -c %G "$config/certificates/$certificates/server-key.pem" 2>/dev/null || echo "$group")
[ "$keys_of" = "$group" ] || end skipped "its keys are for the group $keys_of until it restarts with $group"
place=$data log=$wal
for directory in "$data" ${wal:+"$wal"}; do take_directory "$directory" "$user" "$group"; done
# An account that is about to change can neither write where the member still writes nor read what that reads.
if [ "$(stat -c %U:%G "$data")" != "$user:$group" ] && [ "$(systemctl show -p MainPID --value etcd.service)" -gt 0 ] 2>/dev/null; then
	mkdir -p "$beside/log" "$beside/leafs"
	for leaf in server peer; do
		cp "$config/certificates/$certificates/$leaf.pem" "$config/certificates/$certificates/$leaf-key.pem" "$beside/leafs"
		[ "$leaf" = peer ] && prefix=ETCD_PEER || prefix=ETCD
		printf '%s_CERT_FILE="%s"\n%s_KEY_FILE="%s"\n' "$prefix" "$beside/leafs/$leaf.pem" "$prefix" "$beside/leafs/$leaf-key.pem"
	done >>"$folder/trial.env"
	chown -R "$user:$group" "$beside"
	place=$beside log=${wal:+"$beside/log"}
	sed "s|^WorkingDirectory=.*|WorkingDirectory=$beside|" "$folder/$unit" >"$folder/$unit.new"
	mv "$folder/$unit.new" "$folder/$unit"
	printf 'ReadWritePaths=%s\n' "$beside" >>"$folder/$unit"
fi
for directory in "$place" ${log:+"$log"}; do
	free=$(df -Pk "$directory" 2>/dev/null | awk 'NR == 2 { print $4 }')
	[ "${free:-0}" -ge "$kilobytes" ] ||
		end skipped "it takes $kilobytes KiB in $directory for a moment, and ${free:-0} are free"
done
printf 'ETCD_DATA_DIR="%s"\n' "$place/$own_name" >>"$folder/trial.env"
[ -z "$log" ] || printf 'ETCD_WAL_DIR="%s"\n' "$log/$own_name" >>"$folder/trial.env"
printf 'ExecStopPost=-/bin/rm -rf %s %s\n' "$place/$own_name" "${log:+"$log/$own_name"}" >>"$folder/$unit"
if make_network; then
	printf 'NetworkNamespacePath=%s\n' "$net" >>"$folder/$unit"
else
	umount "$net" 2>/dev/null || :
	client_port=$(free_port 42379)
	peer_port=$(free_port "$((client_port + 1))")
	sed "s/@CLIENT_PORT@/$client_port/g; s/@PEER_PORT@/$peer_port/g" "$folder/loopback.env" >>"$folder/trial.env"
	client_url=https://127.0.0.1:$client_port peer_url=
fi
# Limits that the host sets for the member hold for its trial too.
mkdir -p "$unit_file.d"
for path in $(systemctl show -p DropInPaths --value etcd.service 2>/dev/null || :); do
	[ ! -f "$path" ] || grep -E '^[[:space:]]*(Limit|Memory|CPU|IO|Tasks|OOM|Nice)[A-Za-z]*=' "$path" || :
done >"$unit_file.d/limits.body"
if [ -s "$unit_file.d/limits.body" ]; then
	{ echo '[Service]' && cat "$unit_file.d/limits.body"; } >"$unit_file.d/limits.conf"
fi
rm -f "$unit_file.d/limits.body"
# Written in its place, not moved there: a file that was moved keeps the SELinux label of where it was.
cat "$folder/$unit" >"$unit_file"
chmod 644 "$unit_file"
state=$(systemctl show -p LoadState -p NeedDaemonReload "$unit" | sort | tr '\n' ' ')
[ "$state" = 'LoadState=loaded NeedDaemonReload=no ' ] || systemctl daemon-reload
: >"$folder/words"
timeout "$((start_seconds + 5))" systemctl start "$unit" >/dev/null 2>&1 || tell not-ready
# A peer's port knows no such call, so this fails; it tells whether the handshake went through. It uses up its time.
peer_asked=
if [ -n "$peer_url" ]; then
	ask "$folder/peer" peer peer-ca "$peer_url" --command-timeout=300ms endpoint status &
	peer_asked=$!
fi
# The answer needs a quorum, and a compaction makes etcd write its database, which is where small limits end it.
{ ask "$folder/words" etcdctl client-ca "$client_url" --command-timeout=5s put trial-start passed &&
	ask "$folder/words" etcdctl client-ca "$client_url" --command-timeout=5s compact 2 --physical; } || tell client
if [ -n "$peer_asked" ]; then
	wait "$peer_asked" || :
	mv "$folder/peer" "$folder/words"
	if ! grep -q 'looked like an HTTP/1.1 header' "$folder/words"; then
		address=${peer_url#https://}
		if said | grep '"msg":"rejected connection' | grep -qF "\"remote-addr\":\"${address%:*}:"; then tell peer; fi
	fi
fi
[ "$(value ActiveState)" = active ] || tell not-ready
end passed
