# stop.sh: stops and disables the member, unless the host carries another stamp than HOST_ID by now.
# uses: lib
# variables: config host_id
grep -qx "host=$host_id" "$config/owner" 2>/dev/null || { echo foreign && exit; }
disable_member
echo stopped
