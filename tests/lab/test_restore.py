"""A restore by hand, as docs/restore.md has it: the script on that page is the one that runs here."""

import base64
import re
from pathlib import Path

import pytest

from dev.lab.system import until
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import CHECKOUT, Stack
from tests.lab.interruptions import is_whole
from tests.lab.outside import Client

pytestmark = [pytest.mark.lab, pytest.mark.long]


def restore_script(stack: Stack) -> str:
    """Return the page's script with the addresses of these hosts."""
    page = (CHECKOUT / "docs" / "restore.md").read_text()
    found = re.search(r"^ *```sh\n(.*?restore.*?)^ *```", page, re.DOTALL | re.MULTILINE)
    assert found
    script = found[1]
    for node, host in stack.hosts.items():
        script, count = re.subn(rf"{node}=https://[0-9.]+:", f"{node}=https://{host.address}:", script)
        assert count == 1, f"the page names {node} once"
    return script


def test_a_cluster_that_was_restored_by_hand_is_named_and_goes_on(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path
) -> None:
    stack = make_stack(fresh(3))
    stack.up()
    client = Client(stack, tools)
    client.put("before", "the snapshot")
    snapshot = stack.folder / "backup.db"
    client.run("snapshot", "save", str(snapshot), endpoints=client.endpoints[:1])
    client.put("after", "the snapshot")
    former = stack.output("cluster_id")
    script = restore_script(stack)
    for host in stack.hosts.values():
        host.run("systemctl stop etcd")
    for host in stack.hosts.values():
        host.run("base64 -d >/root/backup.db", stdin=base64.b64encode(snapshot.read_bytes()).decode())
        host.run(script)
    for host in stack.hosts.values():
        host.run("systemctl start --no-block etcd")
    assert until(lambda: client.run("endpoint", "health", check=False).returncode == 0, 60)

    said = stack.refused()
    found = re.search(rf"holds data of cluster ([0-9a-f]+), not of this cluster \({former}\)", said)
    assert found, said[-3000:]
    stack.config["restored_cluster_id"] = found[1]
    pids = stack.pids()
    stack.up()
    assert stack.output("cluster_id") == found[1]
    assert stack.pids() == pids, "a restored member was restarted"
    is_whole(stack, client, list(stack.hosts))
    assert (client.get("before"), client.get("after")) == ("the snapshot", "")
    assert stack.preview("--expect-no-changes").returncode == 0
