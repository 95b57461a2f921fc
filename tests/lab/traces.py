"""What is on a host, for a comparison of before and after."""

from dev.lab.hosts import Host

# The host's own doing: logs, time stamps of timers, what a login writes,
# and the copies that useradd keeps of the files it changes.
_NOISE = (
    "/var/log/",
    "/var/lib/systemd/",
    "/var/tmp/",
    "/var/cache/",
    "/tmp/",
    "/run/motd.dynamic ",
    "/root/.bash_history",
    "/etc/passwd-",
    "/etc/group-",
    "/etc/shadow-",
    "/etc/gshadow-",
    "/etc/.pwd.lock",
)

_INVENTORY = """
find / -xdev -printf '%p %y %m %u %g %l\\n'
find /run -maxdepth 1 -printf '%p %y\\n'
find /etc /opt /usr/local -xdev -type f -exec sha256sum {} + | awk '{ print $2 " holds " $1 }'
getent passwd | sed 's/^/user /'
getent group | sed 's/^/group /'
systemctl list-unit-files --no-legend --no-pager | awk '{ print "unit " $1 " " $2 }'
"""


def inventory(host: Host) -> set[str]:
    """Return a line for each file, its owner and mode, each file's sum below /etc, each account and each unit."""
    lines = host.run(_INVENTORY, timeout=60).stdout.splitlines()
    return {line for line in lines if not line.startswith(_NOISE)}


def tree(host: Host, folder: str) -> set[str]:
    """Return a line for each thing below a folder, with owner and mode."""
    return set(host.run("find \"$1\" -printf '%P %y %m %u %g\\n'", args=[folder]).stdout.splitlines())
