# wait.sh: waits SECONDS at most until another invocation than BEFORE is active; etcd reports that to systemd
# once it has joined and published its URLs. Exit status: 0 active, 3 it ended or was restarted, 4 out of time.
# For 3 and 4 it prints the journal's last lines that are not informational: etcd's, and systemd's where they tell more.
# variables: seconds before
uptime_seconds() { cut -d. -f1 /proc/uptime; }
value() { printf '%s\n' "$state" | sed -n "s/^$1=//p"; }
deadline=$(($(uptime_seconds) + seconds))
status=
while [ -z "$status" ]; do
	state=$(systemctl show -p ActiveState -p NRestarts -p InvocationID -p Result -p ExecMainStatus etcd.service)
	if [ "$(value ActiveState)" = active ] && [ "$(value InvocationID)" != "$before" ]; then exit 0; fi
	if [ "$(value ActiveState)" = failed ] || [ "$(value NRestarts)" -gt 0 ]; then
		status=3
	elif [ "$(uptime_seconds)" -ge "$deadline" ]; then
		status=4
	else
		sleep 0.1
	fi
done
# Of a panic only its message is of use, so the frames of the trace are left out.
own=$(journalctl -u etcd.service -t etcd --no-pager -o cat -n 200 2>/dev/null | grep -v '"level":"info"' |
	grep -v -e '^goroutine ' -e '^[[:space:]]' -e '^[a-z.]*/.*(.*)$' -e '^main\.' -e '^runtime\.' | tail -n 8 || :)
invocation=$(value InvocationID) result=$(value Result) code=$(value ExecMainStatus)
# An exit status from 200 on is systemd's own (systemd.exec(5)): it could not start the program at all.
case $status:$result in 3:exit-code | 3:success | 4:*) by_systemd=no ;; *) by_systemd=yes ;; esac
if [ "${code:-0}" -ge 200 ] || { [ "$status" = 3 ] && [ -z "$own" ]; }; then by_systemd=yes; fi
if [ "$by_systemd" = yes ]; then
	if [ "${code:-0}" -ge 200 ]; then own=; fi
	systemd=
	if [ -n "$invocation" ]; then
		systemd=$(journalctl "INVOCATION_ID=$invocation" --no-pager -o cat -n 20 2>/dev/null |
			grep -i -e fail -e killed -e 'exited, code' -e denied | tail -n 4 || :)
	fi
	printf '%s\n' "${systemd:-systemd: Result=$result ExecMainStatus=$code}"
fi
printf '%s\n' "$own"
exit "$status"
