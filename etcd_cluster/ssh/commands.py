"""The command lines that are sent to hosts: understood by any login shell, and free of the login's environment.

What stands in `/etc/environment`, in a profile or in sudo's `env_keep` (`ETCDCTL_…`, proxies, `LD_…`, `BASH_ENV`,
locale, exported functions) must not change what a command of ours does.
"""

import base64
import re
import shlex

from etcd_cluster.errors import Problem
from etcd_cluster.reasons import Reason

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Linux takes no longer argument (MAX_ARG_STRLEN, include/uapi/linux/binfmts.h), and the login shell gets all in one.
LONGEST_ARGUMENT = 131_072
# An absolute path, since a shell function or an alias may have the name.
CLEARED = ("/usr/bin/env", "-i", f"PATH={PATH}", "LC_ALL=C", "HOME=/root")
# sudo itself is found as the login finds it, but speaks English
_SUDO = ("/usr/bin/env", "LC_ALL=C", "sudo", "-n", "--")
# Words of these need no quotes in sh, csh, fish or any other shell.
_PLAIN = re.compile(r"[A-Za-z0-9_./:=,+-]+")


def as_root(*words: str, sudo: bool) -> str:
    """Return a command line that runs `words` as root with only `CLEARED`'s variables.

    Raises `ValueError` for a word that some shell would have to have quoted.
    """
    line = [*(_SUDO if sudo else ()), *CLEARED, *words]
    if unfit := [word for word in line if not _PLAIN.fullmatch(word)]:
        raise ValueError(f"not a plain word for a command line: {unfit}")
    return " ".join(line)


def script(text: str, *arguments: str, seconds: int, sudo: bool) -> str:
    """Return a command line that runs a POSIX script with its arguments, and ends it after `seconds`.

    The script travels in base64: csh expands `!` and ends a word at a newline even in quotes, fish reads backslashes
    in them. What stays in single quotes here means the same to all of them. That hides nothing: `ps` and sudo's log
    show the line, so neither the script nor an argument holds a secret.
    Raises `ValueError` for a line that Linux would not take.
    """
    packed = base64.b64encode(shlex.join(["exec", "sh", "-euc", text, "sh", *arguments]).encode()).decode()
    # A script that outlives its connection ends by itself, so that the next run need not wait for it for long.
    start = as_root("timeout", "--kill-after=5", str(seconds), "sh", "-c", sudo=sudo)
    line = f"{start} 'eval \"$(echo {packed}|base64 -d)\"'"
    if len(line) >= LONGEST_ARGUMENT:
        raise ValueError(f"a script of {len(text)} characters takes {len(line)} bytes on a command line")
    return line


def refusal(node: str, user: str, host: str, words: str, *, sudo: bool) -> Problem:
    """Return why a command did not even begin; `words` are the last that came instead."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if "sudo" in line.lower()), lines[-1] if lines else "")
    said = f" ({last.rstrip('.')})" if last else ""
    if sudo:
        low = words.lower()
        if re.search(r"sudo\W*: (command )?not found|sudo\W*: no such file", low):
            return Problem(
                Reason.ROOT_REFUSED,
                node,
                f"there is no sudo on {host}{said}, and {user!r} is not root",
                "Install sudo there and let that account use it without a password, or set `ssh.user` to root",
            )
        if "must have a tty" in low or "requiretty" in low:
            return Problem(
                Reason.ROOT_REFUSED,
                node,
                f"sudo on {host} runs only on a terminal{said}, and commands of a program have none",
                f"Add the line `Defaults:{user} !requiretty` to its sudoers",
            )
        if re.search(r"not in the sudoers|not allowed to (execute|run)|can't do that|may not run", low):
            return Problem(
                Reason.ROOT_REFUSED,
                node,
                f"user {user!r} may not run commands as root with sudo on {host}{said}",
                f"Allow {user!r} all commands with NOPASSWD there, or set `ssh.user` to root",
            )
        if "sudo" in low:
            return Problem(
                Reason.ROOT_REFUSED,
                node,
                f"user {user!r} cannot use sudo without a password on {host}{said}",
                f"Give {user!r} NOPASSWD sudo there, or set `ssh.user` to root",
            )
    return Problem(
        Reason.ROOT_REFUSED,
        node,
        f"the login of {user!r} on {host} runs no command{said}",
        "Give that account a shell and remove a forced command from its authorized_keys, or set `ssh.user`",
    )
