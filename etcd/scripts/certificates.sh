# certificates.sh CONFIG CERTIFICATES: etcd uses the staged leafs from its next connection on; nothing restarts.
config=$1 certificates=$2
(cd "$config/certificates/$certificates" && sha256sum -c --status SHA256SUMS) || {
	echo "certificate set $certificates is not staged whole" >&2
	exit 1
}
# Staged for an account that the member gets with its next start; until then the one that runs must read them.
pid=$(systemctl show -p MainPID --value etcd.service)
if [ "${pid:-0}" -gt 0 ] && group=$(stat -c %g "/proc/$pid" 2>/dev/null); then
	chown -R "root:$group" "$config/certificates/$certificates"
fi
link "$certificates" "$config/certificates/current"
