"""Other ways to the hosts: accounts, bastion, IPv6, and shells that talk."""

import socket
import urllib.request
from pathlib import Path

import pytest

from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.outside import Client
from tests.lab.traces import tree

pytestmark = pytest.mark.lab


def test_banner_chatty_shell_and_umask_do_not_matter_to_ops_with_sudo(fresh: MakeHosts, make_stack: MakeStack) -> None:
    hosts = fresh(2)
    for host, umask in zip(hosts, ("000", "077"), strict=True):
        chatter = f"umask {umask}\necho begin-of-chatter; echo more >&2; printf 'no end of line'\n"
        for file in ("/root/.bashrc", "/home/ops/.bashrc", "/etc/profile"):
            host.run('{ cat; cat "$1" 2>/dev/null || :; } >"$1.new"; mv "$1.new" "$1"', stdin=chatter, args=[file])
        host.run("printf 'Authorised use only.\\n' >/etc/issue.net")
        host.run("echo 'Banner /etc/issue.net' >/etc/ssh/sshd_config.d/banner.conf; systemctl restart ssh")
        host.wait_for_ssh()
    stack = make_stack(hosts)
    stack.config["ssh"]["user"] = "ops"
    stack.up()
    assert [member["healthy"] for member in stack.output("members")] == [True, True]
    assert stack.preview("--expect-no-changes").returncode == 0
    for folder in ("/etc/etcd", "/opt/etcd"):
        one, other = (
            {" ".join(line.split()[1:]) for line in tree(host, folder)}
            | {line for line in tree(host, folder) if "/" not in line.split()[0]}
            for host in hosts
        )
        assert one == other
    for host in hosts:
        lines = tree(host, "/etc/etcd") | tree(host, "/opt/etcd")
        assert not [line for line in lines if line.split()[-4] != "l" and line.split()[-3][-1] not in "045"], lines
        assert host.run("stat -c '%a %U' /var/lib/etcd").stdout == "700 etcd\n"
        keys = host.run("stat -c '%a %U %G' /etc/etcd/certificates/*/*-key.pem").stdout.splitlines()
        assert set(keys) == {"640 root etcd"}
    stack.destroy()


def test_a_host_that_only_the_bastion_reaches(fresh: MakeHosts, make_stack: MakeStack) -> None:
    target, bastion = fresh(2)
    gateway = target.addresses.gateway
    target.run(
        "nft add table inet fence; nft add chain inet fence in '{ type filter hook input priority 0; }';"
        'nft add rule inet fence in ip saddr "$1" tcp dport 22 drop',
        args=[gateway],
    )
    stack = make_stack([target])
    stack.config["deadlines"] = {"connect": 4}
    assert "etcd-1: cannot connect" in stack.refused()
    stack.config["ssh"]["bastion"] = {"host": bastion.address, "user": "plain"}
    stack.up()
    assert stack.output("members")[0]["healthy"]
    assert stack.preview("--expect-no-changes").returncode == 0
    stack.config["ssh"]["bastion"]["user"] = "nobody-there"
    said = stack.refused()
    assert "etcd-1 (bastion): " in said
    assert "refused the key" in said


def test_hosts_with_ipv6_addresses_only(fresh: MakeHosts, make_stack: MakeStack, tools: Path) -> None:
    hosts = fresh(2)
    stack = make_stack(hosts)
    for host in hosts:
        host.run("ip -4 address flush dev eth0")
    stack.config["nodes"] = {node: {"address": host.address6} for node, host in stack.hosts.items()}
    # the release server has an IPv4 address only
    stack.config["binaries"]["source"] = "push"
    stack.config["binaries"]["archive_dir"] = str(_archives())
    stack.up()
    outputs = stack.outputs()
    assert outputs["endpoints"] == [f"https://[{host.address6}]:2379" for host in hosts]
    assert [member["healthy"] for member in outputs["members"]] == [True, True]
    client = Client(stack, tools)
    client.put("six", "yes")
    assert client.get("six") == "yes"
    with urllib.request.urlopen(f"{outputs['endpoints'][0]}/version", timeout=5, context=client.tls()) as answer:
        assert b"3.6.16" in answer.read()
    assert stack.preview("--expect-no-changes").returncode == 0


def _archives() -> Path:
    from dev import releases

    return releases.archive("3.6.16").parent


def test_pushed_archives_need_no_way_out_of_the_host(fresh: MakeHosts, make_stack: MakeStack) -> None:
    (host,) = fresh(1)
    host.run("rm /usr/bin/curl")
    stack = make_stack([host])
    said = stack.refused()
    assert "etcd-1: it has neither curl nor wget" in said
    stack.config["binaries"]["source"] = "push"
    stack.config["binaries"]["archive_dir"] = str(_archives())
    stack.up()
    assert stack.output("members")[0]["healthy"]
    requests = stack.lab.requests_log
    assert not requests.exists() or host.address not in requests.read_text()
    assert host.run("ls -A /opt/etcd").stdout == "v3.6.16\n"
    assert stack.preview("--expect-no-changes").returncode == 0
    assert len(max((path.read_bytes() for path in stack.state_files), key=len)) < 2_000_000


def test_a_server_name_of_the_users_own_is_in_the_certificates(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path
) -> None:
    (host,) = fresh(1)
    stack = make_stack([host])
    stack.config["certificates"] = {"extra_names": ["etcd.example.com"], "algorithm": "RSA"}
    stack.up()
    context = Client(stack, tools).tls()
    with (
        socket.create_connection((host.address, 2379), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="etcd.example.com") as link,
    ):
        assert link.version() == "TLSv1.3"
