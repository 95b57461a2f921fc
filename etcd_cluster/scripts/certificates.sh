# certificates.sh: etcd uses the staged leaf certificates from its next connection on; nothing restarts.
# HERE is the configuration directory that the member runs with, where they are copied to if it is another one.
# uses: lib
# variables: config certificates here
(cd "$config/certificates/$certificates" && sha256sum -c --status SHA256SUMS) ||
	fail "certificate set $certificates is not staged whole"
# Staged for an account that the member gets with its next start; until then the one that runs must read them.
pid=$(systemctl show -p MainPID --value etcd.service)
if [ "${pid:-0}" -gt 0 ] && group=$(stat -c %g "/proc/$pid" 2>/dev/null); then
	chown -R "root:$group" "$config/certificates/$certificates"
fi
if [ "$here" != "$config" ] && [ ! -d "$here/certificates/$certificates" ]; then
	rm -rf "$here/certificates/$certificates.incoming"
	cp -a "$config/certificates/$certificates" "$here/certificates/$certificates.incoming"
	mv -T "$here/certificates/$certificates.incoming" "$here/certificates/$certificates"
fi
link "$certificates" "$here/certificates/current"
