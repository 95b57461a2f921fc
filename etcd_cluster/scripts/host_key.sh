# host_key.sh: the private key on standard input, whose public one is PUBLIC (`TYPE BASE64`), becomes the only host key of
# sshd; connections stay open.
# uses: lib
# variables: public
folder=/etc/ssh
incoming=$(mktemp "$folder/.incoming.XXXXXX")
trap 'rm -f "$incoming"' EXIT
cat >"$incoming"
[ "$(ssh-keygen -y -f "$incoming" | cut -d ' ' -f 1,2)" = "$public" ] || fail 'the host key arrived damaged'
printf '%s\n' "$public" | write_file "$folder/ssh_host_ed25519_key.pub" 644
write_file "$folder/ssh_host_ed25519_key" 600 <"$incoming"
for other in "$folder"/ssh_host_*_key "$folder"/ssh_host_*_key.pub; do
	case $other in "$folder"/ssh_host_ed25519_key | "$folder"/ssh_host_ed25519_key.pub) ;; *) rm -f "$other" ;; esac
done
if command -v restorecon >/dev/null 2>&1; then restorecon "$folder/ssh_host_ed25519_key" "$folder/ssh_host_ed25519_key.pub"; fi
# Debian calls the unit ssh, Amazon Linux sshd; where neither is active, a socket starts sshd for each connection.
for unit in ssh sshd; do
	if systemctl is-active --quiet "$unit.service"; then
		systemctl reload "$unit.service"
		break
	fi
done
