# start.sh: asks systemd for VERB, `start` or `restart`, and returns at once; standard input becomes bootstrap.env,
# unless it is empty. Prints the invocation that ran before, for wait.sh.
# uses: lib
# variables: config verb
write_file "$config/bootstrap.env" 644
[ -s "$config/bootstrap.env" ] || rm -f "$config/bootstrap.env"
systemctl reset-failed etcd.service 2>/dev/null || :
# A unit that waits for its automatic restart would only go on with that, and wait.sh counts it as one more failure.
if [ "$(systemctl show -p SubState --value etcd.service)" = auto-restart ]; then verb=restart; fi
# A start of what runs already makes no new invocation to wait for.
case $verb:$(systemctl show -p ActiveState --value etcd.service) in
start:active | start:activating) ;;
*) systemctl show -p InvocationID --value etcd.service ;;
esac
# Drop-ins that were removed would stay in force.
if [ "$(systemctl show -p NeedDaemonReload --value etcd.service)" = yes ]; then systemctl daemon-reload; fi
systemctl "$verb" --no-block etcd.service
