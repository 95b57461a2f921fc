"""The first login, on a stand-in for a host whose sshd takes a new key and whose first boot a test directs."""

import asyncio
import base64
import json
import re
import shlex
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

import asyncssh
import pytest

from etcd_cluster.errors import Cancelled, ClusterError, Unreachable, WrongHostKey
from etcd_cluster.ssh.session import Address
from provider.resource import Context
from provider.resources import first_login
from provider.resources.first_login import FirstLogin
from provider.values import UNKNOWN
from tests.unit.provider.provider_calls import Engine
from tests.unit.sent_scripts import sent

FIRST, FINAL, THIRD, LOGIN = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(4))
LOGIN_TEXT = LOGIN.export_private_key().decode()
OURS = "('scripts_user', RuntimeError('Runparts: 1 failures (runcmd)'))"


def public(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


class Machine:
    """A host: the key that its sshd shows, the scripts that it ran, and what its first boot tells."""

    def __init__(self, key: asyncssh.SSHKey) -> None:
        self.key, self.port, self.ran = key, 0, list[str]()
        self.variables: dict[str, dict[str, str]] = {}
        self.boots: list[dict[str, Any]] = [{"result": {"errors": []}}]
        self.prepared = 0
        self.dies_at = ""
        self.acceptor: Any = None

    async def handle(self, process: Any) -> None:
        """Run one of the scripts by its name."""
        packed = shlex.split(process.command)[-1].split()[2].partition("|")[0]
        words = shlex.split(base64.b64decode(packed).decode())
        text = words[words.index("-euc") + 1]
        name = sent(text.partition("\n")[2]).name or "prepare"
        self.ran.append(name)
        self.variables[name] = sent(text.partition("\n")[2]).variables
        if self.dies_at == name:
            self.dies_at = ""
            process.get_extra_info("connection").abort()
            return
        marker = re.findall(r"begin-[0-9a-f]+", text)[0]
        given = await process.stdin.read()
        out, status = b"", 0
        if name == "boot_status":
            boot = self.boots.pop(0) if len(self.boots) > 1 else self.boots[0]
            out = b"".join(f"{key}={_encoded(key, value)}\n".encode() for key, value in boot.items())
        elif name == "host_key":
            self.key = asyncssh.import_private_key(given)
            self.acceptor.update(server_host_keys=[self.key])
        elif name == "prepare":
            status = self.prepared
        process.stdout.write(f"{marker}\n".encode() + out)
        process.stderr.write(f"{marker}\n".encode() + (b"volume vol-1: it was not attached" if status else b""))
        process.exit(status)


def _encoded(key: str, value: Any) -> str:
    if key == "absent":
        return str(value)
    text = value if key == "words" else json.dumps({"v1": value})
    return base64.b64encode(text.encode()).decode()


@asynccontextmanager
async def running(key: asyncssh.SSHKey = FIRST) -> AsyncIterator[Machine]:
    machine = Machine(key)
    machine.acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[key],
        authorized_client_keys=asyncssh.import_authorized_keys(LOGIN.export_public_key().decode()),
        process_factory=machine.handle,
        encoding=None,
    )
    machine.port = machine.acceptor.get_port()
    try:
        yield machine
    finally:
        machine.acceptor.close()


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 30))

    return run


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_login, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(first_login, "_SETTLING_SECONDS", 0.2)
    monkeypatch.setattr(first_login, "_TELL_SECONDS", 0.0)


def inputs(port: int, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "node": "etcd-1",
        "connection": {
            "host": "127.0.0.1",
            "port": port,
            "user": "root",
            "private_key": LOGIN_TEXT,
            "host_key": None,
            "connect_seconds": 5,
        },
        "first_key": f"{public(FIRST)} a comment\n",
        "final_key": f"{public(FINAL)}\n",
        "final_private_key": FINAL.export_private_key("openssh").decode(),
        "instance_id": "i-1",
        "volumes": {"/var/lib/etcd": 20},
        "seconds": 10,
    }
    return {**values, **changes}


def resource() -> FirstLogin:
    return FirstLogin(Context(Engine()))  # type: ignore[arg-type]


def told(login: FirstLogin) -> str:
    return "\n".join(message for _, message in login.context.engine.told)  # type: ignore[attr-defined]


@asynchronous
async def test_the_host_shows_the_final_key_afterwards() -> None:
    login = resource()
    async with running() as machine:
        identity, outputs = await login.create("urn", inputs(machine.port))
    assert machine.ran == ["boot_status", "host_key", "grow_file_systems"]
    assert machine.variables["grow_file_systems"] == {"seconds": "60", "volumes": "/var/lib/etcd 20\n"}
    assert (identity, outputs["host_key"]) == ("etcd-1", public(FINAL))
    assert public(machine.key) == public(FINAL)
    assert FINAL.export_private_key("openssh").decode() not in told(login)


@asynchronous
async def test_a_run_that_was_killed_after_the_change_of_the_key_goes_on() -> None:
    async with running(FINAL) as machine:
        _, outputs = await resource().create("urn", inputs(machine.port))
    assert machine.ran == ["boot_status", "grow_file_systems"]
    assert outputs["host_key"] == public(FINAL)


@asynchronous
async def test_a_connection_that_breaks_while_the_host_boots_is_made_again() -> None:
    async with running() as machine:
        machine.dies_at = "boot_status"
        await resource().create("urn", inputs(machine.port))
    assert machine.ran == ["boot_status", "boot_status", "host_key", "grow_file_systems"]


@asynchronous
async def test_the_wait_for_cloud_init_is_told() -> None:
    login = resource()
    async with running() as machine:
        machine.boots = [{"status": {"stage": "modules-final"}}] * 3 + machine.boots
        await login.create("urn", inputs(machine.port))
    assert machine.ran == ["boot_status"] * 4 + ["host_key", "grow_file_systems"]
    assert "etcd-1: waiting for cloud-init, which is at modules-final (0 s)" in told(login)


@asynchronous
async def test_a_cloud_init_that_does_not_end_is_an_error_with_its_words() -> None:
    async with running() as machine:
        machine.boots = [{"status": {"stage": "init"}, "words": "getting there"}]
        with pytest.raises(ClusterError, match=r"did not end within 1 s; it is at init. .*\ngetting there\n"):
            await resource().create("urn", inputs(machine.port, seconds=1))
    assert "host_key" not in machine.ran


@asynchronous
async def test_a_cloud_init_that_failed_tells_its_own_words() -> None:
    async with running() as machine:
        machine.boots = [{"result": {"errors": ["('ssh', OSError('full'))"]}, "words": "no space"}]
        with pytest.raises(
            ClusterError, match=r"etcd-1: cloud-init failed: \('ssh', OSError\('full'\)\)(.|\n)*no space"
        ):
            await resource().create("urn", inputs(machine.port))
    assert machine.ran == ["boot_status"]


@asynchronous
async def test_volumes_that_came_too_late_are_prepared_again() -> None:
    async with running() as machine:
        machine.boots = [{"result": {"errors": [OURS]}}]
        await resource().create("urn", inputs(machine.port))
        assert machine.ran == ["boot_status", "prepare", "host_key", "grow_file_systems"]
        machine.prepared = 1
        with pytest.raises(ClusterError, match=r"its volumes are not ready:\nvolume vol-1: it was not attached"):
            await resource().create("urn", inputs(machine.port))


@asynchronous
async def test_an_image_without_cloud_init_is_an_error() -> None:
    async with running() as machine:
        machine.boots = [{"absent": "yes"}]
        with pytest.raises(ClusterError, match="its image has no cloud-init that runs"):
            await resource().create("urn", inputs(machine.port))


@asynchronous
async def test_a_third_key_is_refused_before_anything_is_run() -> None:
    async with running(THIRD) as machine:
        with pytest.raises(WrongHostKey, match="shows a host key that this program did not make"):
            await resource().create("urn", inputs(machine.port))
    assert machine.ran == []


@asynchronous
async def test_a_key_that_comes_while_the_machine_settles_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_login, "_SETTLING_SECONDS", 10.0)
    async with running(THIRD) as machine:
        asyncio.get_running_loop().call_later(0.2, lambda: machine.acceptor.update(server_host_keys=[FIRST]))
        await resource().create("urn", inputs(machine.port))
    assert machine.ran == ["boot_status", "host_key", "grow_file_systems"]


@asynchronous
async def test_a_login_that_is_refused_is_an_error() -> None:
    async with running() as machine:
        wanted = inputs(machine.port)
        wanted["connection"]["private_key"] = THIRD.export_private_key().decode()
        with pytest.raises(ClusterError, match="refused the key"):
            await resource().create("urn", wanted)


@asynchronous
async def test_no_way_to_ssh_names_node_address_and_what_to_look_at() -> None:
    async with running() as machine:
        port = machine.port
    login = resource()
    with pytest.raises(Unreachable) as error:
        await login.create("urn", inputs(port, seconds=1))
    assert f"etcd-1: SSH to 127.0.0.1:{port} did not work within 1 s" in str(error.value)
    assert "connection refused" in str(error.value)
    assert "`ec2.ssh_cidrs`" in str(error.value)
    assert "etcd-1: waiting for SSH: cannot connect" in told(login)


@asynchronous
async def test_it_stops_when_asked() -> None:
    async with running() as machine:
        machine.boots = [{"status": {"stage": "init"}}]
        login = resource()
        login.context.cancelled.set()
        with pytest.raises(Cancelled, match="Run `pulumi up` again"):
            await login.create("urn", inputs(machine.port))


@asynchronous
async def test_what_was_connected_to_the_machine_before_is_forgotten() -> None:
    login = resource()
    async with running() as machine:
        wanted = inputs(machine.port)
        address = Address.from_inputs({**wanted["connection"], "host_key": public(FINAL)})
        with pytest.raises(WrongHostKey):
            await login.context.pool.session("etcd-1", address)
        await login.create("urn", wanted)
        session = await login.context.pool.session("etcd-1", address)
        assert session.host_key == public(FINAL)
        await login.context.pool.close()


@asynchronous
async def test_an_update_that_the_host_need_not_know_makes_no_connection() -> None:
    state = {**inputs(1), "host_key": public(FINAL)}
    wanted = inputs(2, seconds=20)
    outputs = await resource().update("urn", state, wanted)
    assert outputs == {**wanted, "host_key": public(FINAL)}


@asynchronous
@pytest.mark.parametrize("change", [{"instance_id": "i-2"}, {"volumes": {"/var/lib/etcd": 40}}])
async def test_another_instance_or_volume_size_logs_in_again(change: dict[str, Any]) -> None:
    async with running(FINAL) as machine:
        state = {**inputs(machine.port), "host_key": public(FINAL)}
        await resource().update("urn", state, inputs(machine.port, **change))
    assert machine.ran == ["boot_status", "grow_file_systems"]


@asynchronous
async def test_another_final_key_is_put_in_place_of_the_former() -> None:
    async with running(THIRD) as machine:
        state = {**inputs(machine.port, final_key=public(THIRD)), "host_key": public(THIRD)}
        await resource().update("urn", state, inputs(machine.port))
    assert machine.ran == ["boot_status", "host_key", "grow_file_systems"]
    assert public(machine.key) == public(FINAL)


def test_a_preview_knows_the_final_key_as_soon_as_it_is_made() -> None:
    assert resource().planned({}, inputs(22))["host_key"] == public(FINAL)
    assert resource().planned({}, inputs(22, final_key=UNKNOWN))["host_key"] is UNKNOWN


def test_the_private_keys_are_secrets_in_the_state() -> None:
    assert {"connection", "final_private_key"} <= FirstLogin.secrets


def test_volumes_are_mounted_where_they_were() -> None:
    login = resource()
    old = inputs(22)
    assert asyncio.run(login.check("urn", {}, old)) == (old, [])
    assert asyncio.run(login.check("urn", old, inputs(22, volumes={"/var/lib/etcd": 40})))[1] == []
    _, [failure] = asyncio.run(login.check("urn", old, inputs(22, volumes={"/var/lib/etcd": 20, "/wal": 1})))
    assert "its volumes are mounted at /var/lib/etcd and cannot move to /var/lib/etcd, /wal" in failure.reason


@pytest.mark.parametrize(("size", "changed"), [(0, []), (20, []), (30, ["volumes"])])
def test_only_growth_needs_the_host(size: int, changed: list[str]) -> None:
    state = {**inputs(22), "host_key": public(FINAL)}
    assert asyncio.run(resource().diff(state, {**state, "volumes": {"/var/lib/etcd": size}})) == changed
