# halt.sh: stops a member whose cluster did not come to life; what it wrote stays for the next attempt.
systemctl stop etcd.service 2>/dev/null || :
systemctl reset-failed etcd.service 2>/dev/null || :
