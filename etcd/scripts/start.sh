# start.sh CONFIG start|restart: asks systemd for it and returns at once; standard input becomes bootstrap.env,
# unless it is empty. Prints the invocation that ran before, for wait.sh.
config=$1 verb=$2
write_file "$config/bootstrap.env" 644
[ -s "$config/bootstrap.env" ] || rm -f "$config/bootstrap.env"
systemctl reset-failed etcd.service 2>/dev/null || :
systemctl show -p InvocationID --value etcd.service
systemctl "$verb" --no-block etcd.service
