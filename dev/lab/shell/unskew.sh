# unskew.sh: undo skew.sh; nothing happens when it was not run.
touch /etc/environment
sed -i '/^LD_PRELOAD=.*faketime/d; /^FAKETIME/d' /etc/environment
rm -f /usr/local/bin/date /etc/systemd/system.conf.d/lab-skew.conf /etc/systemd/system/*.service.d/lab-skew.conf
systemctl daemon-reload
