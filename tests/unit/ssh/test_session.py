"""Connections and commands, against an SSH server on loopback."""

import asyncio
import contextlib
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_cluster.errors import ClusterError, Unreachable, WrongHostKey
from etcd_cluster.reasons import Reason
from etcd_cluster.ssh import agent, commands
from etcd_cluster.ssh.session import Address, Pool, Session, connect
from tests.unit.programs import needs
from tests.unit.ssh.loopback_server import HOST_KEY, LOGIN_KEY, OTHER_KEY, hang, serving, vanish


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop, for half a minute at most."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 30))

    return run


async def eventually(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  what is waited for is not of this loop
        await asyncio.sleep(0.01)


async def refused(attempt: Awaitable[Any]) -> ClusterError:
    with pytest.raises(ClusterError) as error:
        await attempt
    assert len(error.value.problems) == 1
    return error.value


# connecting


@asynchronous
async def test_a_session_tells_the_key_that_the_server_showed() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        assert session.host_key == " ".join(HOST_KEY.export_public_key().decode().split()[:2])
        await session.close()


@asynchronous
async def test_an_unknown_key_is_accepted_only_where_none_is_pinned() -> None:
    async with serving() as server:
        session = await connect("a", server.address(host_key=None))
        assert session.host_key.startswith("ssh-ed25519 ")
        await session.close()


@asynchronous
@pytest.mark.parametrize("key", [OTHER_KEY, asyncssh.generate_private_key("ecdsa-sha2-nistp256")])
async def test_another_host_key_than_the_pinned_one_is_refused(key: asyncssh.SSHKey) -> None:
    async with serving() as server:
        error = await refused(connect("a", server.address(host_key=key.export_public_key().decode().strip())))
    assert not isinstance(error, Unreachable), "a host with another key is no host that is down"
    assert f"a: root@127.0.0.1:{server.port} shows another host key than the one that is pinned" in str(error)
    assert server.commands == []


@asynchronous
async def test_a_key_that_the_host_does_not_know_is_refused() -> None:
    async with serving() as server:
        key = OTHER_KEY.export_private_key().decode()
        error = await refused(connect("a", server.address(private_key=key)))
    assert not isinstance(error, Unreachable)
    assert f"a: root@127.0.0.1:{server.port} refused the key. Put the public half" in str(error)


@asynchronous
async def test_no_key_of_the_operators_own_is_offered(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / ".ssh").mkdir()
    LOGIN_KEY.write_private_key(str(tmp_path / ".ssh" / "id_ed25519"))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with serving() as server:
        key = OTHER_KEY.export_private_key().decode()
        assert "refused the key" in str(await refused(connect("a", server.address(private_key=key))))


@asynchronous
async def test_a_key_with_a_passphrase_is_opened() -> None:
    async with serving() as server:
        key = LOGIN_KEY.export_private_key("pkcs8-pem", passphrase="of seven words").decode()
        session = await connect("a", server.address(private_key=key, passphrase="of seven words"))
        await session.close()


@asynchronous
async def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = await refused(connect("a", Address("127.0.0.1", port, "root", None, None, False, None, False, 5)))
    assert isinstance(error, Unreachable)
    assert f"a: cannot connect to root@127.0.0.1:{port}: connection refused" in str(error)


@asynchronous
async def test_a_host_that_accepts_and_stays_silent_is_unreachable_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        error = await refused(connect("a", Address("127.0.0.1", port, "root", None, None, False, None, False, 1)))
    assert isinstance(error, Unreachable)
    assert "no answer within 1 s" in str(error)


@asynchronous
async def test_a_name_that_means_nothing_is_unreachable() -> None:
    error = await refused(connect("a", Address("nowhere.invalid", 22, "root", None, None, False, None, False, 5)))
    assert isinstance(error, Unreachable) and "cannot connect to root@nowhere.invalid:22" in str(error)
    assert "If only the hosts know it, set `nodes.a.ssh.host` to an address that this machine reaches" in str(error)


@asynchronous
async def test_a_host_is_reached_through_its_bastion() -> None:
    async with serving() as bastion, serving() as host:
        session = await connect("a", host.address(bastion=bastion.address()))
        assert (await session.run("echo there", seconds=10)).stdout == "there\n"
        assert bastion.commands == [] and len(host.commands) == 1
        await session.close()


@asynchronous
async def test_closing_a_session_closes_its_way_through_the_bastion() -> None:
    async with serving() as bastion, serving() as host:
        session = await connect("a", host.address(bastion=bastion.address()))
        await session.close()
        async with asyncio.timeout(2):
            await bastion.connections[0].wait_closed()


@asynchronous
async def test_a_bastion_that_refuses_is_named_as_the_bastion() -> None:
    async with serving() as bastion, serving() as host:
        wrong = bastion.address(host_key=OTHER_KEY.export_public_key().decode().strip())
        error = await refused(connect("a", host.address(bastion=wrong)))
    assert error.problems[0].where == "a (bastion)"


@asynchronous
async def test_a_bastion_that_forwards_nothing_is_no_host_that_is_down() -> None:
    async with serving(forwards=False) as bastion, serving() as host:
        error = await refused(connect("a", host.address(bastion=bastion.address())))
    assert not isinstance(error, Unreachable)
    words = f"a: root@127.0.0.1:{bastion.port} does not forward connections to 127.0.0.1:{host.port}. Allow it"
    assert words in str(error)


def test_an_address_comes_back_from_its_inputs() -> None:
    plain: dict[str, Any] = {
        "host": "192.0.2.1",
        "port": 22,
        "user": "admin",
        "private_key": "key",
        "passphrase": None,
        "agent": False,
        "host_key": "ssh-ed25519 AAAA",
        "sudo": True,
        "connect_seconds": 15,
    }
    bastion = Address(**plain)
    inputs = {**plain, "port": 22.0, "bastion": plain}
    assert Address.from_inputs(inputs) == Address(**{**plain, "bastion": bastion})


# commands


@asynchronous
async def test_a_command_gives_its_outputs_and_status() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        result = await session.run("echo out; echo err >&2; exit 7", seconds=10, check=False)
        assert (result.status, result.stdout, result.stderr) == (7, "out\n", "err\n")
        await session.close()


@asynchronous
async def test_what_a_banner_or_bashrc_prints_is_no_output() -> None:
    async with serving(noise="Welcome!\nlast login: today\nno newline") as server:
        session = await connect("a", server.address())
        result = await session.run("echo out; echo err >&2", seconds=10)
        assert (result.stdout, result.stderr) == ("out\n", "err\n")
        await session.close()


@asynchronous
async def test_arguments_arrive_as_they_are() -> None:
    hostile = ["", "two words", "'; touch /tmp/owned; '", "$(id)", "`id`", "a\nb", "-n", "ü"]
    async with serving() as server:
        session = await connect("a", server.address())
        result = await session.run("printf '%s\\0' \"$@\"", *hostile, seconds=10)
        assert result.stdout.split("\0")[:-1] == hostile
        await session.close()


@asynchronous
async def test_standard_input_arrives_and_stands_in_no_command_line() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        result = await session.run("cat; cat /proc/$$/cmdline", stdin=b"top secret\n", seconds=10)
        assert result.stdout.startswith("top secret\n") and result.stdout.count("secret") == 1
        assert "secret" not in server.commands[0]
        await session.close()


@asynchronous
async def test_without_standard_input_a_script_reads_its_end() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        assert (await session.run("cat; echo done", seconds=10)).stdout == "done\n"
        await session.close()


@asynchronous
async def test_files_are_private_whatever_the_umask_of_the_account() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        assert (await session.run("umask", seconds=10)).stdout.strip() in ("0077", "077")
        await session.close()


@asynchronous
async def test_a_failed_command_says_why_on_which_node() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        error = await refused(session.run("echo 'no space left.' >&2; exit 1", seconds=10))
        assert str(error) == "a: no space left. Fix it on the host, then run `pulumi up` again."
        silent = await refused(session.run("exit 3", seconds=10))
        assert "a: exit status 3. " in str(silent)
        await session.close()


@asynchronous
async def test_a_script_stops_at_its_first_error() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        result = await session.run("false\necho on", seconds=10, check=False)
        assert (result.status, result.stdout) == (1, "")
        unset = await session.run('echo "$undefined"', seconds=10, check=False)
        assert unset.status != 0
        await session.close()


@asynchronous
async def test_a_command_that_takes_too_long_is_told_with_its_deadline() -> None:
    async with serving(hang) as server:
        session = await connect("a", server.address())
        error = await refused(session.run("true", seconds=1))
        assert "a: a command on the host did not finish within 1 s" in str(error)
        assert not isinstance(error, Unreachable)
        await session.close()


@asynchronous
async def test_a_command_ends_by_itself_when_nobody_waits_any_more() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        await session.run("true", seconds=10)
        assert " timeout --kill-after=5 15 sh -c " in server.commands[0]
        await session.close()


@asynchronous
async def test_a_connection_that_breaks_in_the_middle_is_unreachable() -> None:
    async with serving(vanish) as server:
        session = await connect("a", server.address())
        error = await refused(session.run("true", seconds=10))
        assert isinstance(error, Unreachable)
        assert "a: the connection to 127.0.0.1 broke in the middle of a command" in str(error)


@asynchronous
async def test_a_command_on_a_lost_connection_is_unreachable() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        await session.close()
        assert isinstance(await refused(session.run("true", seconds=10)), Unreachable)


@asynchronous
async def test_not_more_sessions_are_open_at_once_than_sshd_allows() -> None:
    async with serving() as server:
        session = await connect("a", server.address())
        await asyncio.gather(*(session.run("sleep 0.05", seconds=20) for _ in range(20)))
        assert 1 < server.most_sessions <= 8
        await session.close()


# sshd that lets few sessions run at once


@asynchronous
@pytest.mark.parametrize("most", [1, 2, 4])
async def test_a_refused_session_is_no_host_that_is_down(most: int) -> None:
    async with serving(most_sessions=most) as server:
        session = await connect("a", server.address())
        results = await asyncio.gather(*(session.run("sleep 0.05; echo $1", str(n), seconds=20) for n in range(20)))
        assert [result.stdout for result in results] == [f"{n}\n" for n in range(20)], "each ran once"
        assert len(server.commands) == 20
        assert len(server.connections) <= max(1, 4 // most)
        await session.close()


@asynchronous
async def test_a_command_runs_beside_a_long_one_where_sshd_lets_one_session_run() -> None:
    """As the renewal of the lease does."""
    async with serving(most_sessions=1) as server:
        session = await connect("a", server.address())
        step = asyncio.ensure_future(session.run("cat /proc/self/stat >/dev/null; exec sleep 2", seconds=20))
        await eventually(lambda: server.open_sessions > 0)
        for _ in range(5):
            assert (await session.run("echo renewed", seconds=3)).stdout == "renewed\n"
        assert not step.done()
        await step
        await session.close()


@asynchronous
async def test_further_connections_are_held_to_the_key_that_was_seen_first() -> None:
    async with serving(most_sessions=1) as server:
        session = await connect("a", server.address(host_key=None))
        await asyncio.gather(*(session.run("sleep 0.2", seconds=20) for _ in range(2)))
        assert len(server.connections) > 1
        await session.close()


@asynchronous
async def test_commands_wait_for_each_other_where_no_further_connection_can_be_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(most_sessions=1) as server:
        session = await connect("a", server.address())

        async def refuse(*_: object) -> None:
            raise Unreachable.of(Reason.HOST_UNREACHABLE, "a", "turned away", "Wait")

        monkeypatch.setattr("etcd_cluster.ssh.session.log_in", refuse)
        await asyncio.gather(*(session.run("sleep 0.05", seconds=20) for _ in range(5)))
        assert len(server.commands) == 5 and len(server.connections) == 1
        await session.close()


@asynchronous
async def test_sshd_that_opens_no_session_is_named_with_the_cause() -> None:
    async with serving(most_sessions=0) as server:
        session = await connect("a", server.address())
        error = await refused(session.run("true", seconds=25))
        assert not isinstance(error, Unreachable)
        assert "a: sshd on 127.0.0.1 opens no session, though the login works. Raise MaxSessions" in str(error)
        await session.close()


# logins that do not work


@asynchronous
@pytest.mark.parametrize(
    ("options", "kind", "offered"),
    [
        ({"kex_algs": ["diffie-hellman-group1-sha1"]}, "key exchange", "diffie-hellman-group1-sha1"),
        ({"encryption_algs": ["aes128-cbc"]}, "encryption", "aes128-cbc"),
        ({"encryption_algs": ["aes128-ctr"], "mac_algs": ["hmac-md5"]}, "MAC", "hmac-md5"),
    ],
)
async def test_no_common_algorithm_is_no_changed_host_key(options: dict[str, Any], kind: str, offered: str) -> None:
    async with serving(**options) as server:
        error = await refused(connect("a", server.address()))
    assert not isinstance(error, Unreachable | WrongHostKey)
    where = f"root@127.0.0.1:{server.port}"
    assert f"a: this program and sshd at {where} have no {kind} algorithm in common; it offers {offered}" in str(error)
    assert "Allow one of these in its sshd_config: " in str(error)


@asynchronous
async def test_a_login_that_takes_its_time_is_told_and_works() -> None:
    said: list[str] = []

    async def say(words: str) -> None:
        said.append(words)

    async with slow_sshd(6) as address:
        session = await connect("a", replace(address, connect_seconds=15), say)
        await session.close()
    assert said == [f"a: waiting for the login at {address.where}, 15 s at most"]


@asynchronous
async def test_a_login_that_takes_too_long_is_not_told_as_a_host_that_is_off() -> None:
    async with slow_sshd(20) as address:
        error = await refused(connect("a", replace(address, connect_seconds=2)))
    assert f"a: sshd at {address.where} answers, but the login did not end within 2 s. Raise" in str(error)
    assert "`deadlines.connect`" in str(error)


@asynccontextmanager
async def slow_sshd(seconds: float) -> AsyncIterator[Address]:
    """Serve so that each login takes so long, as a slow PAM module makes it."""

    class Slow(asyncssh.SSHServer):
        async def begin_auth(self, username: str) -> bool:
            await asyncio.sleep(seconds)
            return False

    acceptor = await asyncssh.listen("127.0.0.1", 0, server_factory=Slow, server_host_keys=[HOST_KEY])
    try:
        key = HOST_KEY.export_public_key().decode().strip()
        yield Address("127.0.0.1", acceptor.get_port(), "root", None, None, False, key, False, 5)
    finally:
        acceptor.close()


@asynccontextmanager
async def turning_away(times: int, port: int) -> AsyncIterator[tuple[int, list[int]]]:
    """Hang up so many times as sshd does on a source that has a penalty, then lead to `port`."""
    seen: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(1)
        if len(seen) <= times:
            writer.write(b"Not allowed at this time\r\n")
        else:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(copy(reader, back), copy(there, writer))
        writer.close()

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(4096):
                sink.write(data)
        sink.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()


@asynchronous
async def test_a_server_that_turns_this_machine_away_for_a_while_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("etcd_cluster.ssh.login._AGAIN_SECONDS", 0.05)
    said: list[str] = []

    async def say(words: str) -> None:
        said.append(words)

    async with serving() as server, turning_away(4, server.port) as (port, seen):
        session = await connect("a", server.address(port=port), say)
        assert (await session.run("echo there", seconds=10)).stdout == "there\n"
        await session.close()
    assert len(seen) > 4
    assert said == [
        (
            f"a: waiting for sshd at root@127.0.0.1:{port}, which turns this machine away for now "
            "(Not allowed at this time), 45 s at most"
        )
    ]


@asynchronous
async def test_a_server_that_goes_on_turning_this_machine_away_is_told_with_the_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("etcd_cluster.ssh.login._AGAIN_SECONDS", 0.05)
    monkeypatch.setattr("etcd_cluster.ssh.login._TURNED_AWAY_SECONDS", 0.3)
    async with serving() as server, turning_away(10_000, server.port) as (port, _):
        error = await refused(connect("a", server.address(port=port)))
    assert not isinstance(error, Unreachable)
    assert "turns this machine away (Not allowed at this time)" in str(error)
    assert "PerSourcePenalt" in str(error)


# keys of an agent


@asynccontextmanager
async def agent_with(*keys: asyncssh.SSHKey) -> AsyncIterator[str]:
    """Run an agent of these keys; yield its socket."""
    folder = tempfile.mkdtemp()
    path = f"{folder}/agent"
    process = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", path, stdout=asyncio.subprocess.DEVNULL)
    try:
        await eventually(Path(path).exists)
        agent = await asyncssh.connect_agent(path)
        await agent.add_keys([asyncssh.load_keypairs([key])[0] for key in keys])
        agent.close()
        yield path
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(folder)


def public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


OTHERS = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(7)]


@asynchronous
@needs("ssh-agent")
async def test_a_setting_chooses_the_key_of_an_agent_that_holds_many(monkeypatch: pytest.MonkeyPatch) -> None:
    async with agent_with(*OTHERS, LOGIN_KEY) as path, serving() as server:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        keys = await agent.held()
        assert len(keys) == 8
        chosen = server.address(private_key=None, agent=True, agent_key=public(LOGIN_KEY))
        session = await connect("a", chosen)
        await session.close()
        assert "number 8 of the agent's 8 keys" in (agent.warning(keys, public(LOGIN_KEY)) or "")
        assert agent.warning(keys, public(OTHERS[0])) is None


@asynchronous
@needs("ssh-agent")
@pytest.mark.parametrize(
    ("keys", "chosen", "words"),
    [
        ([], None, "needs a key, and the agent holds none. Add it to the agent"),
        (OTHERS[:2], None, "refused each of the 2 keys of the agent. Put one of them"),
        (OTHERS[:2], LOGIN_KEY, "needs `ssh.agent_key`, which the agent does not hold"),
        (OTHERS[:2], OTHERS[0], "refused the agent's key that `ssh.agent_key` names"),
        (OTHERS, None, "refused the keys of the agent, which holds 7; sshd ends a login after MaxAuthTries"),
    ],
)
async def test_why_the_keys_of_an_agent_were_refused_is_told(
    monkeypatch: pytest.MonkeyPatch, keys: list[asyncssh.SSHKey], chosen: asyncssh.SSHKey | None, words: str
) -> None:
    async with agent_with(*keys) as path, serving() as server:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        address = server.address(private_key=None, agent=True, agent_key=public(chosen) if chosen else None)
        assert words in str(await refused(connect("a", address)))


# sudo


async def with_sudo(tmp_path: Any, text: str) -> tuple[Any, list[str]]:
    """Run a command where `sudo` is this script; return what came of it and the commands."""
    sudo = tmp_path / "sudo"
    sudo.write_text(f"#!/bin/sh\n{text}\n")
    sudo.chmod(0o755)

    async def shell(_server: Any, process: Any) -> None:
        child = await asyncio.create_subprocess_exec(
            "sh", "-c", process.command, stdin=-1, stdout=-1, stderr=-1, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}
        )
        out, err = await child.communicate(await process.stdin.read())
        process.stdout.write(out)
        process.stderr.write(err)
        process.exit(child.returncode)

    async with serving(shell) as server:
        session = await connect("a", server.address(user="root", sudo=True))
        try:
            return await session.run("echo as root", seconds=10), server.commands
        except ClusterError as error:
            return error, server.commands
        finally:
            await session.close()


@asynchronous
async def test_sudo_is_asked_for_no_password(tmp_path: Any) -> None:
    result, commands = await with_sudo(tmp_path, 'shift 2; exec "$@"')
    assert result.stdout == "as root\n"
    assert commands[0].startswith("/usr/bin/env LC_ALL=C sudo -n -- /usr/bin/env -i ")


@asynchronous
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            "sudo: a password is required",
            (
                "user 'root' cannot use sudo without a password on 127.0.0.1 (sudo: a password is required). "
                "Give 'root' NOPASSWD sudo there, or set `ssh.user` to root."
            ),
        ),
        (
            "sudo: interactive authentication is required",
            (
                "user 'root' cannot use sudo without a password on 127.0.0.1 "
                "(sudo: interactive authentication is required). "
                "Give 'root' NOPASSWD sudo there, or set `ssh.user` to root."
            ),
        ),
        (
            "sudo: sorry, you must have a tty to run sudo",
            (
                "sudo on 127.0.0.1 runs only on a terminal (sudo: sorry, you must have a tty to run sudo), "
                "and commands of a program have none. Add the line `Defaults:root !requiretty` to its sudoers."
            ),
        ),
        (
            "root is not in the sudoers file.",
            (
                "user 'root' may not run commands as root with sudo on 127.0.0.1 (root is not in the sudoers file). "
                "Allow 'root' all commands with NOPASSWD there, or set `ssh.user` to root."
            ),
        ),
    ],
)
async def test_why_sudo_does_not_work_is_told_once_and_truly(tmp_path: Any, words: str, problem: str) -> None:
    error, _ = await with_sudo(tmp_path, f"echo '{words}' >&2; exit 1")
    assert str(error) == f"a: {problem}"


@asynchronous
async def test_a_host_without_sudo_says_so() -> None:
    async with serving(environment={"PATH": "/nonexistent"}) as server:
        session = await connect("a", server.address(user="admin", sudo=True))
        error = await refused(session.run("true", seconds=10))
        assert "a: there is no sudo on 127.0.0.1 (/usr/bin/env: " in str(error)
        assert "Install sudo there" in str(error) and "NOPASSWD" not in str(error)
        await session.close()


@asynchronous
async def test_a_login_that_runs_no_command_is_no_success() -> None:
    """As a forced command, nologin, and the message that cloud images give to root do."""

    async def forced(_server: Any, process: Any) -> None:
        process.stdout.write(b'Please login as the user "ubuntu" rather than the user "root".\n\n')
        process.exit(0)

    async with serving(forced) as server:
        session = await connect("a", server.address())
        error = await refused(session.run("true", seconds=10, check=False))
        assert "a: the login of 'root' on 127.0.0.1 runs no command (Please login as the user" in str(error)
        assert not isinstance(error, Unreachable)
        await session.close()


# the environment of the login

HOSTILE = {
    "ETCDCTL_ENDPOINTS": "https://127.0.0.1:2379",
    "ETCDCTL_CACERT": "/nowhere",
    "ETCD_CONFIG_FILE": "/etc/etcd.yml",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "LD_LIBRARY_PATH": "/tmp",
    "GODEBUG": "tlsmaxrsasize=1",
    "ENV": "/tmp/env.sh",
    "BASH_ENV": "/tmp/env.sh",
    "BASH_FUNC_env%%": "() { echo owned; }",
    "BASH_FUNC_sh%%": "() { echo owned; }",
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "de_DE.UTF-8",
    "CDPATH": "/tmp:/",
    "IFS": "/",
    "POSIXLY_CORRECT": "1",
    "GREP_OPTIONS": "--invert-match",
    "TZ": "America/St_Johns",
    "TMPDIR": "/nowhere",
    "TAR_OPTIONS": "--absolute-names",
    "SYSTEMD_PAGER": "cat",
    "HOME": "/home/somebody",
}


@asynchronous
@pytest.mark.parametrize("sudo", [False, True])
async def test_nothing_of_the_logins_environment_reaches_a_command(tmp_path: Any, sudo: bool) -> None:
    (tmp_path / "sudo").write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    (tmp_path / "sudo").chmod(0o755)
    async with serving(environment={**HOSTILE, "PATH": f"{tmp_path}:/usr/bin:/bin"}) as server:
        session = await connect("a", server.address(sudo=sudo))
        result = await session.run("umask; env | sort", seconds=10)
        await session.close()
    umask, *variables = result.stdout.splitlines()
    # the shell sets PWD, and some set more of their own
    assert set(variables) - {f"PWD={Path.cwd()}", "OLDPWD=", "SHLVL=0", "SHLVL=1", "_=/usr/bin/env"} == {
        "HOME=/root",
        "LC_ALL=C",
        f"PATH={commands.PATH}",
    }
    assert umask == "0077" and result.stderr == ""


@settings(max_examples=60, deadline=None)
@given(st.text(), st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))), st.booleans())
def test_a_command_line_means_the_same_to_every_login_shell(text: str, arguments: list[str], sudo: bool) -> None:
    line = commands.script(text.encode("utf-8", "replace").decode(), *arguments, seconds=5, sudo=sudo)
    start, quoted, rest = line.split("'")
    assert rest == "" and re.fullmatch(r"[A-Za-z0-9_./:=, +-]+", start)
    # csh expands `!` and ends at a newline, fish reads a backslash, all within single quotes
    assert re.fullmatch(r'eval "\$\(echo [A-Za-z0-9+/=]+\|base64 -d\)"', quoted)


def test_a_word_that_a_shell_would_read_is_no_plain_word() -> None:
    for word in ("two words", "$(id)", "a!b", "a\nb", "~root", "", "'"):
        with pytest.raises(ValueError, match="not a plain word"):
            commands.as_root(word, sudo=False)


# the pool


@asynchronous
async def test_one_connection_a_host_serves_all_who_ask() -> None:
    async with serving() as server:
        pool = Pool()
        sessions = await asyncio.gather(*(pool.session("a", server.address()) for _ in range(5)))
        assert len(set(map(id, sessions))) == 1 and len(server.connections) == 1
        await pool.close()


@asynchronous
async def test_an_unreachable_host_stays_so_for_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    async def unreachable(node: str, _address: Address, _say: object) -> Session:
        tries.append(node)
        raise Unreachable.of(Reason.HOST_UNREACHABLE, node, "off", "Turn it on")

    monkeypatch.setattr("etcd_cluster.ssh.session.connect", unreachable)
    pool = Pool()
    address = Address("192.0.2.1", 22, "root", None, None, False, None, False, 5)
    for _ in range(3):
        assert isinstance(await refused(pool.session("a", address)), Unreachable)
    assert tries == ["a"]
    await pool.close()


@asynchronous
async def test_who_is_cancelled_while_waiting_does_not_cancel_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asyncio.Event()

    async def slow(_node: str, _address: Address, _say: object) -> str:
        await answer.wait()
        return "session"

    monkeypatch.setattr("etcd_cluster.ssh.session.connect", slow)
    pool = Pool()
    address = Address("192.0.2.1", 22, "root", None, None, False, None, False, 5)
    first, second = (asyncio.ensure_future(pool.session("a", address)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    answer.set()
    assert await second == "session"
