# certificates.sh CONFIG CERTIFICATES: etcd uses the staged leafs from its next connection on; nothing restarts.
config=$1 certificates=$2
(cd "$config/certificates/$certificates" && sha256sum -c --status SHA256SUMS) || {
	echo "certificate set $certificates is not staged whole" >&2
	exit 1
}
link "$certificates" "$config/certificates/current"
