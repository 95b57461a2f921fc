# stage.sh: a tar archive on standard input becomes DIRECTORY/NAME, whole or not at all.
# Nothing runs with it yet: Rollout switches to it later.
# uses: lib
# variables: directory name group
incoming=$(mktemp -d "$directory/.incoming.XXXXXX")
trap 'rm -rf "$incoming"' EXIT
mkdir "$incoming/$name"
tar -xf - -C "$incoming/$name" --no-same-owner --same-permissions
(cd "$incoming/$name" && sha256sum -c --status SHA256SUMS) || fail 'what was staged arrived damaged'
chown -R "root:$group" "$incoming/$name"
chmod 755 "$incoming/$name"
sync -f "$incoming/$name" 2>/dev/null || :
if [ -d "$directory/$name" ]; then
	if (cd "$directory/$name" && sha256sum -c --status SHA256SUMS) 2>/dev/null &&
		[ "$(cat "$incoming/$name/SHA256SUMS")" = "$(cat "$directory/$name/SHA256SUMS")" ]; then
		exit 0
	fi
	mv "$directory/$name" "$incoming/damaged"
fi
mv -T "$incoming/$name" "$directory/$name"
