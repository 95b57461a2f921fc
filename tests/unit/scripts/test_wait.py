"""What a start that failed shows: etcd's own lines, and systemd's where those tell more."""

import pytest

from etcd_cluster import scripts
from etcd_cluster.observation.journal import last_words
from tests.unit.host_namespace import Namespace

_SYSTEMCTL = """#!/bin/sh
printf 'ActiveState=%s\\nNRestarts=1\\nInvocationID=inv2\\nResult=%s\\nExecMainStatus=%s\\n' activating {result} {code}
"""
_JOURNALCTL = """#!/bin/sh
case "$*" in
*INVOCATION_ID=inv2*) cat {folder}/systemd ;;
*'-t etcd'*) cat {folder}/etcd ;;
esac
"""


def waited(host: Namespace, result: str, code: int, etcd: str, systemd: str) -> str:
    """Return what is told of a start that ended so."""
    for name, text in (
        ("systemctl", _SYSTEMCTL.format(result=result, code=code)),
        ("journalctl", _JOURNALCTL.format(folder=host.folder)),
    ):
        path = host.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
    (host.folder / "etcd").write_text(etcd)
    (host.folder / "systemd").write_text(systemd)
    done = host.run(scripts.script("wait", seconds="5", before="inv1"))
    assert done.returncode == 3, done.stderr
    return last_words(done.stdout)


ETCD = '{"level":"fatal","msg":"listen tcp: no such address"}\n'
EXITED = (
    "etcd.service: Main process exited, code=exited, status=1/FAILURE\netcd.service: Failed with result 'exit-code'.\n"
)


@pytest.mark.parametrize(
    ("result", "code", "etcd", "systemd", "said", "unsaid"),
    [
        ("exit-code", 1, ETCD, EXITED, "no such address", "exit-code"),
        (
            "exit-code",
            203,
            ETCD,
            "etcd.service: Failed to execute /root/x/etcd: Permission denied\n",
            "Failed to execute /root/x/etcd: Permission denied",
            "no such address",
        ),
        ("exit-code", 226, "", "etcd.service: Failed to set up mount namespacing\n", "mount namespacing", "no error"),
        ("oom-kill", 9, ETCD, "etcd.service: Failed with result 'oom-kill'.\n", "oom-kill", "no error"),
        ("signal", 9, "", "", "systemd: Result=signal ExecMainStatus=9", "no error"),
        ("exit-code", 1, "", EXITED, "status=1/FAILURE", "no error"),
    ],
)
def test_systemd_has_its_say_where_it_knows_more(
    host: Namespace, result: str, code: int, etcd: str, systemd: str, said: str, unsaid: str
) -> None:
    told = waited(host, result, code, etcd, systemd)
    assert said in told and unsaid not in told
