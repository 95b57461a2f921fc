"""A cluster of three from its bootstrap on: what every user sees first."""

import json
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack
from tests.lab.outside import Client

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def stack(fresh_for_module: MakeHosts, make_module_stack: MakeStack) -> Stack:
    made = make_module_stack(fresh_for_module(3))
    made.up()
    return made


@pytest.fixture(scope="module")
def client(stack: Stack, tools: Path) -> Client:
    return Client(stack, tools)


def test_three_nodes_become_one_healthy_cluster(stack: Stack, client: Client) -> None:
    outputs = stack.outputs()
    addresses = sorted(host.address for host in stack.hosts.values())
    assert outputs["endpoints"] == [f"https://{address}:2379" for address in addresses]
    assert [member["name"] for member in outputs["members"]] == ["etcd-1", "etcd-2", "etcd-3"]
    assert all(member["healthy"] and member["version"] == "3.6.16" for member in outputs["members"])
    assert outputs["version"] == "3.6.16"
    assert outputs["leader"]["endpoint"] == client.leader()
    assert stack.cluster_ids() == {outputs["cluster_id"]}
    listed = client.json("member", "list")["members"]
    assert {f"{member['ID']:x}": member["name"] for member in listed} == {
        member["id"]: member["name"] for member in outputs["members"]
    }
    assert all(member["db_size"] > 0 and member["raft_term"] > 0 for member in outputs["members"])
    assert [member["is_leader"] for member in outputs["members"]].count(True) == 1


def test_nothing_is_left_that_could_start_another_cluster(stack: Stack) -> None:
    for host in stack.hosts.values():
        assert host.run("test ! -e /etc/etcd/bootstrap.env; cat /etc/etcd/etcd.env").stdout.count("existing") == 1


def test_a_second_up_changes_nothing_and_touches_no_running_member(stack: Stack) -> None:
    before = stack.pids()
    assert 0 not in before.values()
    done = stack.up()
    assert "Resources:" in done.stdout
    changes = done.stdout.partition("Resources:")[2]
    assert "created" not in changes
    assert "updated" not in changes
    assert "replaced" not in changes
    assert stack.pids() == before


def test_preview_of_an_unchanged_stack_expects_no_changes(stack: Stack) -> None:
    done = stack.preview("--expect-no-changes")
    assert done.returncode == 0, done.stdout


def test_the_leader_output_is_right_after_a_leader_change(stack: Stack, client: Client) -> None:
    before, pids = stack.output("leader"), stack.pids()
    other = next(member for member in stack.output("members") if member["name"] != before["name"])
    client.run("move-leader", other["id"], endpoints=[before["endpoint"]])
    stack.up()
    after = stack.output("leader")
    assert after == {"name": other["name"], "endpoint": other["endpoint"]}
    assert client.leader() == after["endpoint"]
    assert stack.pids() == pids


def test_a_client_certificate_from_the_outputs_writes_and_reads_from_outside(stack: Stack, client: Client) -> None:
    client.put("greeting", "from outside")
    for endpoint in stack.output("endpoints"):
        answer = client.json("get", "greeting", endpoints=[endpoint])
        assert answer["count"] == 1


def test_the_etcdctl_line_works_when_pasted_on_a_node(stack: Stack) -> None:
    line = stack.output("etcdctl")
    for host in stack.hosts.values():
        done = host.run(f"{line} endpoint health -w json")
        assert [entry["health"] for entry in json.loads(done.stdout)] == [True, True, True]


def test_the_flags_and_the_readme_name_the_endpoints(stack: Stack) -> None:
    outputs = stack.outputs()
    joined = ",".join(outputs["endpoints"])
    assert outputs["kube_apiserver_flags"].startswith(f"--etcd-servers={joined} ")
    assert joined in outputs["readme"]
    assert all(entry["not_after"].startswith("20") for entry in outputs["certificates"].values())


def _handshake(address: str, port: int, context: ssl.SSLContext) -> str:
    """Return what a server says to an HTTP request over TLS, or why it refuses."""
    try:
        with (
            socket.create_connection((address, port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=address) as link,
        ):
            link.sendall(f"GET /members HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            return link.recv(4096).decode(errors="replace") or "closed"
    except (ssl.SSLError, ConnectionResetError) as error:
        return f"refused: {error}"


def test_without_a_certificate_nobody_gets_in(stack: Stack, client: Client) -> None:
    context = ssl.create_default_context(cafile=str(client.folder / "ca.pem"))
    for url in stack.output("endpoints"):
        assert "certificate required" in _handshake(urlsplit(url).hostname or "", 2379, context)
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    assert "certificate required" in _handshake(next(iter(stack.hosts.values())).address, 2380, anyone)


def test_a_client_certificate_is_refused_on_the_peer_port(stack: Stack, client: Client) -> None:
    context = client.tls()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for host in stack.hosts.values():
        assert "refused" in _handshake(host.address, 2380, context)


def test_a_certificate_of_another_ca_is_refused(stack: Stack, client: Client, tmp_path: Path) -> None:
    from tests.lab.authorities import Authority

    leaf = Authority("another").leaf("admin")
    (tmp_path / "cert.pem").write_text(leaf.certificate)
    (tmp_path / "key.pem").write_text(leaf.private_key)
    context = ssl.create_default_context(cafile=str(client.folder / "ca.pem"))
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    for host in stack.hosts.values():
        assert "refused" in _handshake(host.address, 2379, context)


def _key_bodies(outputs: object) -> list[str]:
    """Return a line out of the middle of each private key that the outputs hold."""
    text = json.dumps(outputs).replace("\\n", "\n")
    bodies = []
    for part in text.split("-----BEGIN ")[1:]:
        kind, _, rest = part.partition("-----")
        if "PRIVATE KEY" in kind:
            bodies.append(rest.strip().splitlines()[0])
    return bodies


def test_neither_state_nor_output_holds_a_private_key(stack: Stack) -> None:
    bodies = _key_bodies(stack.outputs())
    login = stack.lab.private_key.read_text().splitlines()
    assert bodies
    bodies += login[2:4]
    for host in stack.hosts.values():
        files = host.run("cat /etc/etcd/certificates/*/*-key.pem").stdout
        bodies += [line for line in files.splitlines() if len(line) == 64]
    assert len(bodies) > 10
    texts = {"stack export": stack.export()}
    texts |= {str(run.words[1:3]): run.output for run in stack.runs if "--show-secrets" not in run.words}
    for path in stack.state_files:
        texts[path.name] = path.read_text(errors="replace")
    for name, text in texts.items():
        assert "PRIVATE KEY" not in text, name
        assert not [body for body in bodies if body in text], name
