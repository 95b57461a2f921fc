# stop.sh CONFIG HOST_ID: stops and disables the member, unless the host carries another stamp by now.
config=$1 host_id=$2
grep -qx "host=$host_id" "$config/owner" 2>/dev/null || { echo foreign; exit 0; }
systemctl disable --quiet etcd.service 2>/dev/null || :
systemctl stop etcd.service 2>/dev/null || :
systemctl reset-failed etcd.service 2>/dev/null || :
echo stopped
