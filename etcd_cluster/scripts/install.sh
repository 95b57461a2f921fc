# install.sh: installs one version of etcd beside the others; nothing runs with it until Rollout moves the links.
# Runs through pulumi-command, so its variables stand above it: node version architecture source url archive sha256
# install_dir proxy ca seconds. Running it again with the version there and whole does nothing.
# variables: node version architecture source url archive sha256 install_dir proxy ca seconds damage
set -eu
umask 022
fail() { printf '%s: %s\n' "$node" "$1" >&2; exit 1; }
target=$install_dir/v$version
mkdir -p /run/etcd-cluster
exec 9>/run/etcd-cluster/install.lock
flock -w "$seconds" 9 || fail 'another install on this host did not end in time. Run `pulumi up` again'
whole() { [ -f "$target/SHA256SUMS" ] && (cd "$target" && sha256sum -c --status SHA256SUMS) 2>/dev/null; }
if whole && [ "$(cat "$target/archive.sha256" 2>/dev/null || :)" = "$sha256" ]; then exit 0; fi
incoming=$(mktemp -d "$install_dir/.incoming.XXXXXX")
trap 'rm -rf "$incoming"' EXIT
fetch() { # FILE URL; no proxy and no setting of the host's own takes part
	if command -v curl >/dev/null 2>&1; then
		# What a mirror answers while it is restarted (408, 429, 5xx), and a refused connection, is tried again.
		set -- curl -q --fail --silent --show-error --location --connect-timeout 15 --max-time "$seconds" \
			--retry 3 --retry-connrefused --retry-max-time 60 --output "$1" "$2"
		if [ -n "$ca" ]; then set -- "$@" --cacert "$incoming/ca.pem"; fi
	else
		set -- wget --no-config --quiet --tries=4 --waitretry=4 --retry-connrefused --retry-on-http-error=429,500,502,503,504 \
			--timeout=15 --output-document="$1" "$2"
		if [ -n "$ca" ]; then set -- "$@" --ca-certificate="$incoming/ca.pem"; fi
	fi
	if [ -n "$proxy" ]; then export http_proxy="$proxy" https_proxy="$proxy"; fi
	timeout "$seconds" "$@" </dev/null
}
if [ "$source" = download ]; then
	printf '%s' "$ca" >"$incoming/ca.pem"
	archive=$incoming/archive.tar.gz
	fetch "$archive" "$url" || {
		hint=
		if [ -z "$proxy" ] && grep -qsi '^[^#]*https\{0,1\}_proxy=' /etc/environment /etc/profile /etc/profile.d/*; then
			hint='This host names a proxy in its environment, which is not used: set binaries.http_proxy, if the way leads through it. '
		fi
		fail "cannot download $url. ${hint}Check binaries.url and the host's way to it, or set binaries.source to push"
	}
fi
[ -f "$archive" ] || fail "the pushed archive $archive is not there. Run \`pulumi up\` again"
sum=$(sha256sum "$archive" | cut -d ' ' -f 1)
[ "$sum" = "$sha256" ] || fail "the archive of etcd $version ($architecture) has SHA-256 $sum, but $sha256 is pinned. Do not use it; check where it comes from"
mkdir "$incoming/out"
tar -xzf "$archive" -C "$incoming/out" --strip-components=1 --no-same-owner || fail "cannot unpack the archive of etcd $version. Look at the space in $install_dir"
for name in etcd etcdctl etcdutl; do
	[ -f "$incoming/out/$name" ] || fail "the archive of etcd $version has no $name"
	chmod 755 "$incoming/out/$name"
done
if ! "$incoming/out/etcd" --version >"$incoming/version" 2>&1; then
	words=$(tail -n 1 "$incoming/version")
	case $words in
	*'ermission denied'* | *'not permitted'*)
		fail "no program may be run from $install_dir ($words). Look for noexec among its mount options, and at what SELinux or fapolicyd denies; or set paths.install_dir"
		;;
	esac
	fail "etcd $version does not run here: $words. Check nodes.$node.architecture"
fi
grep -qx "etcd Version: $version" "$incoming/version" || fail "the archive holds $(head -n 1 "$incoming/version"), not $version"
mkdir "$incoming/new"
mv "$incoming/out/etcd" "$incoming/out/etcdctl" "$incoming/out/etcdutl" "$incoming/new/"
printf '%s\n' "$sha256" >"$incoming/new/archive.sha256"
(cd "$incoming/new" && sha256sum etcd etcdctl etcdutl archive.sha256 >SHA256SUMS)
# observe.sh compares this first: nobody has written to a file that has the inode and change time of its install, so it
# need not be hashed. That does not hold for what a loss of power may yet take.
if sync -f "$incoming/new" 2>/dev/null; then
	(cd "$incoming/new" && TZ=UTC0 stat -c '%n %i %s %y %z' etcd etcdctl etcdutl >untouched)
fi
if [ -d "$target" ]; then mv -T "$target" "$incoming/damaged"; fi
mv -T "$incoming/new" "$target"
if [ "$source" = push ]; then rm -f "$archive"; fi
