# clock.sh: the clock follows the Amazon Time Sync Service, which needs no way to the internet. Installs nothing.
# Amazon Linux and Debian's EC2 images have chrony with that server already; then nothing is changed.
server=169.254.169.123
if command -v chronyd >/dev/null 2>&1; then
	for main in /etc/chrony/chrony.conf /etc/chrony.conf; do
		[ -f "$main" ] || continue
		if grep -rqsF "$server" "$main" /etc/chrony /etc/chrony.d /run/chrony.d /run/chrony-dhcp; then exit 0; fi
		printf '\nserver %s prefer iburst minpoll 4 maxpoll 4\n' "$server" >>"$main"
		systemctl try-restart chrony.service 2>/dev/null || systemctl try-restart chronyd.service
		exit 0
	done
fi
if [ -x /usr/lib/systemd/systemd-timesyncd ] || [ -x /lib/systemd/systemd-timesyncd ]; then
	mkdir -p /etc/systemd/timesyncd.conf.d
	printf '[Time]\nNTP=%s\n' "$server" >/etc/systemd/timesyncd.conf.d/etcd-cluster.conf
	systemctl try-restart systemd-timesyncd.service
	exit 0
fi
# Every `pulumi up` compares the clocks, so this alone is no reason to stop.
echo "neither chrony nor systemd-timesyncd is here, so nothing sets this host's clock" >&2
