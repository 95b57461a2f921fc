# boot_status.sh: prints how far cloud-init is, one `key=value` a line, files in base64. Changes nothing.
# `result` is there once the first boot has ended (cloud-init writes it then, and again at each boot).
say_file() { [ ! -f "$2" ] || printf '%s=%s\n' "$1" "$(base64 -w 0 <"$2")"; }
if ! command -v cloud-init >/dev/null 2>&1 && [ ! -d /run/cloud-init ]; then echo absent=yes; fi
if [ -f /run/cloud-init/disabled ]; then echo absent=yes; fi
say_file status /run/cloud-init/status.json
say_file result /run/cloud-init/result.json
if [ -f /var/log/cloud-init-output.log ]; then
	printf 'words=%s\n' "$(tail -n 15 /var/log/cloud-init-output.log | base64 -w 0)"
fi
