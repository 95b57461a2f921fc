"""The command stand-in runs commands over SSH, and fails where the real plugin fails, in its words.

The expected answers were taken from the real plugin, asked the same over gRPC, against sshd.
"""

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import grpc
import pytest

from dev.standins.resource_plugin import values
from tests.unit.dev.standins.ssh_server import SshServer, ssh_server
from tests.unit.dev.standins.standin_process import Plugin, PluginError, plugin, standin

CLIENT = asyncssh.generate_private_key("ssh-ed25519")
HOST = asyncssh.generate_private_key("ssh-ed25519")
PRIVATE = CLIENT.export_private_key().decode()
OTHER = asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture(scope="module")
def server() -> Iterator[SshServer]:
    with ssh_server(HOST, CLIENT) as running:
        yield running


@pytest.fixture(scope="module")
def command() -> Iterator[Plugin]:
    with plugin(standin("command")) as running:
        running.token = "command:remote:Command"
        yield running


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A port that refuses: bound, not listening."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def connection(server: SshServer, **change: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "privateKey": PRIVATE,
        "hostKey": server.host_key,
        "dialErrorLimit": 0,
    } | change


def inputs(server: SshServer, **change: Any) -> dict[str, Any]:
    return {"connection": connection(server), "create": "echo hi; echo err >&2", "logging": "none"} | change


def test_a_command_runs_with_its_standard_input_and_both_outputs(command: Plugin, server: SshServer) -> None:
    made = command.make(inputs(server, create="cat; echo err >&2", stdin="from stdin\n\n"))
    assert (made.plain["stdout"], made.plain["stderr"]) == ("from stdin\n", "err")
    assert made.id.startswith("r") and len(made.id) == 9


def test_megabytes_of_standard_input_arrive(command: Plugin, server: SshServer) -> None:
    made = command.make(inputs(server, create="wc -c", stdin="x" * 6_000_000))
    assert made.plain["stdout"] == "6000000"


def test_standard_input_that_is_not_read_fails(command: Plugin, server: SshServer) -> None:
    with pytest.raises(PluginError, match=r"^EOF: running"):
        command.make(inputs(server, create="exec <&-; exit 0", stdin="x" * 6_000_000))


def test_a_failing_command_is_quoted_with_all_its_output(command: Plugin, server: SshServer) -> None:
    with pytest.raises(PluginError) as caught:
        command.make(inputs(server, create='echo "out"; exit 3'))
    assert str(caught.value) == 'Process exited with status 3: running "echo \\"out\\"; exit 3":\nout\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kill -9 $$", "^Process exited with status 137 from signal KILL: running"),
        ("vanish", "^wait: remote command exited without exit status or exit signal: running"),
    ],
)
def test_a_killed_command_and_a_lost_host_fail(command: Plugin, server: SshServer, text: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        command.make(inputs(server, create=text))


def test_every_command_opens_a_connection_of_its_own(command: Plugin, server: SshServer) -> None:
    before = server.connections
    for _ in range(3):
        command.make(inputs(server))
    assert server.connections == before + 3


def test_the_connection_is_secret_and_has_its_defaults(command: Plugin) -> None:
    found, failures = command.check({"connection": {"host": "h", "proxy": {"host": "b"}}})
    assert not failures
    assert values.is_secret(found["connection"])
    defaults = {"user": "root", "port": 22, "dialErrorLimit": 10, "perDialTimeout": 15}
    assert values.reveal(found["connection"]) == {"host": "h", **defaults, "proxy": {"host": "b", **defaults}}


def test_outputs_are_plain_and_inputs_keep_their_secrets(command: Plugin, server: SshServer) -> None:
    state = command.make(inputs(server, create="cat", stdin=values.secret("S"))).state
    assert state["stdin"] == values.secret("S")
    assert values.is_secret(state["connection"])
    assert state["stdout"] == "S"


def test_another_host_key_is_refused_after_the_retries(command: Plugin, server: SshServer) -> None:
    change = connection(server, hostKey=OTHER.export_public_key().decode(), dialErrorLimit=1)
    with pytest.raises(PluginError, match=r"^after 1 failed attempts: ssh: handshake failed: ssh: host key mismatch$"):
        command.make(inputs(server, connection=change))


def test_a_pinned_rsa_key_finds_no_common_algorithm(command: Plugin, server: SshServer) -> None:
    rsa = asyncssh.generate_private_key("ssh-rsa").export_public_key().decode()
    with pytest.raises(PluginError, match=r"no common algorithm for host key; we offered: \[ssh-rsa\]"):
        command.make(inputs(server, connection=connection(server, hostKey=rsa)))


def test_a_host_key_may_have_a_host_name_before_it(command: Plugin, server: SshServer) -> None:
    change = connection(server, hostKey=f"some.host {server.host_key}\nssh-ed25519 ignored")
    assert command.make(inputs(server, connection=change)).plain["stdout"] == "hi"


def test_without_a_host_key_any_host_will_do(command: Plugin, server: SshServer) -> None:
    change = {name: value for name, value in connection(server).items() if name != "hostKey"}
    assert command.make(inputs(server, connection=change)).plain["stdout"] == "hi"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hostKey": "garbage"}, "^failed to parse host key: ssh: no key found$"),
        ({"privateKey": "garbage"}, "^ssh: no key found$"),
        ({"privateKey": OTHER.export_private_key().decode()}, r"attempted methods \[none publickey\]"),
        ({"host": "no.such.invalid"}, "lookup no.such.invalid"),
        ({"agentSocketPath": "/nowhere/agent"}, "^dial unix /nowhere/agent: connect: no such file or directory$"),
    ],
)
def test_a_connection_that_cannot_work_says_why(
    command: Plugin, server: SshServer, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(PluginError, match=message):
        command.make(inputs(server, connection=connection(server, **change)))


def test_a_stale_agent_in_the_environment_fails_though_a_key_is_given(server: SshServer, tmp_path: Path) -> None:
    stale = tmp_path / "agent"
    with plugin(standin("command"), SSH_AUTH_SOCK=str(stale)) as running:
        running.token = "command:remote:Command"
        with pytest.raises(PluginError, match=f"^dial unix {stale}: connect: no such file or directory$"):
            running.make(inputs(server))


def test_a_password_is_accepted(command: Plugin, server: SshServer) -> None:
    change = {name: value for name, value in connection(server).items() if name != "privateKey"}
    assert command.make(inputs(server, connection=change | {"password": "right"})).plain["stdout"] == "hi"


def test_a_bastion_is_passed_through_and_blamed(command: Plugin, server: SshServer, closed_port: int) -> None:
    through = connection(server, proxy=connection(server))
    assert command.make(inputs(server, connection=through)).plain["stdout"] == "hi"
    broken = connection(server, proxy=connection(server, port=closed_port))
    with pytest.raises(PluginError, match=r"^proxy: after 0 failed attempts: dial tcp 127.0.0.1:.*connection refused$"):
        command.make(inputs(server, connection=broken))


def test_dialling_is_retried_with_growing_pauses_and_told(command: Plugin, server: SshServer, closed_port: int) -> None:
    command.log.lines.clear()
    started = time.monotonic()
    with pytest.raises(PluginError, match=r"^after 2 failed attempts: dial tcp .*: connect: connection refused$"):
        command.make(inputs(server, connection=connection(server, port=closed_port, dialErrorLimit=2)))
    assert 0.25 <= time.monotonic() - started < 2
    assert [line for _level, line in command.log.lines] == [
        "Dial 1/2 failed: retrying",
        "Dial 2/2 failed: retrying",
    ]


def test_the_timeout_bounds_dialling_without_limit(command: Plugin, server: SshServer, closed_port: int) -> None:
    checked, _failures = command.check(
        inputs(server, connection=connection(server, port=closed_port, dialErrorLimit=-1))
    )
    with pytest.raises(PluginError, match=r"^context deadline exceeded$"):
        command.create(checked, timeout=0.5)


def test_cancel_ends_dialling(server: SshServer, closed_port: int) -> None:
    with plugin(standin("command")) as running:
        running.token = "command:remote:Command"
        endless = connection(server, port=closed_port, dialErrorLimit=-1)
        future = running.create_later(running.check(inputs(server, connection=endless))[0])
        deadline = time.monotonic() + 10
        while not running.log.lines:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.cancel()
        with pytest.raises(grpc.RpcError) as caught:
            future.result()
        assert caught.value.details() == "context canceled"


def test_environment_reaches_the_command(command: Plugin, server: SshServer) -> None:
    command.make(inputs(server, environment={"LC_NAME": "value"}))
    assert server.variables[-1] == {"LC_NAME": "value"}


def test_a_refused_variable_fails_and_a_refused_previous_output_warns(command: Plugin) -> None:
    with ssh_server(HOST, CLIENT, accepts_variables=False) as strict:
        with pytest.raises(PluginError, match=r'^could not set environment variable "A": ssh: setenv failed$'):
            command.make(inputs(strict, environment={"A": "1"}))
        state = command.make(inputs(strict)).state
        command.log.lines.clear()
        command.update(state, command.check(inputs(strict, create="echo again"))[0])
        warnings = [line for level, line in command.log.lines if level == "WARNING"]
        assert [line.split(".")[0] for line in warnings] == [
            "Unable to set 'PULUMI_COMMAND_STDERR'",
            "Unable to set 'PULUMI_COMMAND_STDOUT'",
        ]


def test_previous_output_is_passed_on_unless_turned_off(command: Plugin, server: SshServer) -> None:
    state = command.make(inputs(server)).state
    command.update(state, command.check(inputs(server, create="echo again"))[0])
    assert server.variables[-1] == {"PULUMI_COMMAND_STDOUT": "hi", "PULUMI_COMMAND_STDERR": "err"}
    command.update(state, command.check(inputs(server, create="echo again", addPreviousOutputInEnv=False))[0])
    assert server.variables[-1] == {}


@pytest.mark.parametrize(("logging", "shown"), [(None, ["err", "hi"]), ("stdout", ["hi"]), ("none", [])])
def test_output_is_logged_as_asked(command: Plugin, server: SshServer, logging: str | None, shown: list[str]) -> None:
    given = inputs(server)
    given |= {} if logging is None else {"logging": logging}
    if logging is None:
        del given["logging"]
    command.log.lines.clear()
    command.make(given)
    assert sorted(line for _level, line in command.log.lines) == shown


def test_a_very_long_line_with_logging_on_is_an_error(command: Plugin, server: SshServer) -> None:
    endless = "head -c 70000 /dev/zero | tr '\\0' x"
    with pytest.raises(PluginError, match="the real plugin never returns from this; set logging to none"):
        command.make(inputs(server, create=endless, logging="stdout"))
    assert len(command.make(inputs(server, create=endless)).plain["stdout"]) == 70000


def test_update_runs_update_else_create(command: Plugin, server: SshServer) -> None:
    state = command.make(inputs(server)).state
    assert command.update(state, command.check(inputs(server, create="echo new"))[0])["stdout"] == "new"
    updated = command.update(state, command.check(inputs(server, update="echo updated"))[0])
    assert (updated["stdout"], server.commands[-1]) == ("updated", "echo updated")
    kept = command.update(state, command.check({"connection": connection(server)})[0])
    assert kept["stdout"] == "hi"


def test_delete_runs_delete_over_the_connection_in_the_state(command: Plugin, server: SshServer) -> None:
    state = command.make(inputs(server)).state
    before = len(server.commands)
    command.delete(state)
    assert len(server.commands) == before
    command.delete(state | {"delete": "echo gone"})
    assert server.commands[-1] == "echo gone"


def test_without_create_nothing_is_dialled(command: Plugin, server: SshServer, closed_port: int) -> None:
    made = command.make({"connection": connection(server, port=closed_port)})
    assert (made.plain["stdout"], made.plain["stderr"]) == ("", "")


def test_read_changes_nothing(command: Plugin, server: SshServer) -> None:
    made = command.make(inputs(server))
    assert command.read(made.state, inputs(server)) == made.state


def test_a_preview_runs_nothing(command: Plugin, server: SshServer) -> None:
    before = len(server.commands)
    checked, _failures = command.check(inputs(server))
    plain = command.create(checked, preview=True).plain
    assert plain["stdout"] == plain["stderr"] == values.UNKNOWN
    state = command.make(inputs(server)).state
    changed = command.update(state, command.check(inputs(server, create="echo new"))[0], preview=True)
    assert changed["stdout"] == values.UNKNOWN
    assert len(server.commands) == before + 1


@pytest.mark.parametrize(
    ("old", "new", "replaces", "kinds"),
    [
        ({}, {}, [], {}),
        ({}, {"create": "x"}, [], {"create": "UPDATE"}),
        ({}, {"stdin": "x"}, [], {"stdin": "ADD"}),
        ({}, {"triggers": ["a"]}, ["triggers"], {"triggers": "ADD_REPLACE"}),
        ({"triggers": ["a"]}, {}, ["triggers"], {"triggers": "DELETE_REPLACE"}),
        # The SDK's replace_on_changes makes replacements of these.
        ({"triggers": ["a"]}, {"triggers": ["b"]}, [], {"triggers[0]": "UPDATE"}),
        ({"triggers": ["a"]}, {"triggers": ["a", "b"]}, [], {"triggers[1]": "ADD"}),
        ({"environment": {"A": "1"}}, {"environment": {"A": "2"}}, [], {"environment.A": "UPDATE"}),
    ],
    ids=json.dumps,
)
def test_changes_are_found_by_path(
    command: Plugin,
    server: SshServer,
    old: dict[str, Any],
    new: dict[str, Any],
    replaces: list[str],
    kinds: dict[str, str],
) -> None:
    before, after = (command.check(inputs(server, **change))[0] for change in (old, new))
    found = command.diff(before | {"stdout": "", "stderr": ""}, before, after)
    assert (found.changed, found.replaces, found.kinds) == (bool(kinds), replaces, kinds)


def test_wrong_inputs_are_named(command: Plugin) -> None:
    _checked, failures = command.check({"connection": {"host": "h", "nope": 1, "port": "22"}, "creat": "x"})
    assert set(failures) == {"creat", "connection.nope", "connection.port"}
    assert set(command.check({})[1]) == {"connection"}


def test_a_command_on_this_machine_runs_and_undoes_itself(command: Plugin, tmp_path: Path) -> None:
    local = replace(command, token="command:local:Command")
    inputs = {
        "create": "echo $WHO; touch made",
        "delete": "rm made",
        "dir": str(tmp_path),
        "environment": {"WHO": "me"},
    }
    assert local.check(inputs) == (inputs, {})
    assert local.check({"creat": "x"})[1].keys() == {"creat"}
    foreseen = local.create(inputs, preview=True)
    assert foreseen.state["stdout"] == values.UNKNOWN and not (tmp_path / "made").exists()
    made = local.create(inputs)
    assert made.state["stdout"] == "me" and (tmp_path / "made").exists()
    assert local.update(made.state, {**inputs, "update": "echo again"})["stdout"] == "again"
    local.delete(made.state)
    assert not (tmp_path / "made").exists()
    with pytest.raises(PluginError, match="exit status 3: running"):
        local.create({"create": "exit 3"})


def test_other_types_are_an_error(command: Plugin) -> None:
    local = replace(command, token="command:local:Run")
    with pytest.raises(PluginError, match=r"the lab's stand-in .* does not know the resource type"):
        local.check({})
