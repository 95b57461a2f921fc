"""Settings that name files: keys, known hosts, sums, archives and CAs."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from etcd_cluster.settings import load
from tests.unit.settings.settings_samples import (
    HOST_KEY,
    LOGIN_KEY,
    RSA_HOST_KEY,
    authority,
    loaded,
    login_key,
    nodes,
    problems,
    warnings,
)

ONE = nodes("192.0.2.1")
KEY = " ".join(HOST_KEY.split()[:2])


def ssh(**given: Any) -> dict[str, Any]:
    """Return settings of one node with these of SSH and no others."""
    return {"nodes": ONE, "ssh": given}


def said(base: Path, given: dict[str, Any]) -> list[str]:
    try:
        load(given, base=base)
    except Exception as error:  # noqa: BLE001 - any other error shows in the text
        return str(error).splitlines()
    return []


def test_a_key_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(LOGIN_KEY)
    settings, _ = load(ssh(private_key_file="key", host_key_policy="accept-new"), base=tmp_path)
    assert settings.ssh.private_key == LOGIN_KEY


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    assert said(tmp_path, ssh(private_key_file="key", host_key_policy="accept-new")) == [
        (
            f'ssh.private_key_file: invalid value "key"; expected a readable file with a private key.'
            f' "{tmp_path}/key" cannot be'
            " read: No such file or directory. Correct the path or the file."
        )
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"\xff\xfe", "is not a text file."), (b"a" * (1 << 20) + b"a", "has more than 1048576 bytes.")],
)
def test_a_file_that_is_no_text_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "key").write_bytes(content)
    (found,) = said(tmp_path, ssh(private_key_file="key", host_key_policy="accept-new"))
    assert why in found


def test_a_folder_as_key_file_is_named(tmp_path: Path) -> None:
    (found,) = said(tmp_path, ssh(private_key_file=".", host_key_policy="accept-new"))
    assert "cannot be read: Is a directory." in found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "ssh.private_key_file: missing; expected one of ssh.private_key_file, ssh.private_key and ssh.agent."),
        ({"private_key": LOGIN_KEY, "agent": True}, "With a key, the agent is never asked."),
        (
            {"private_key": LOGIN_KEY, "private_key_file": "key"},
            "ssh.private_key: cannot be set together with private_key_file.",
        ),
        (
            {"private_key": "garbage"},
            "ssh.private_key: invalid value [secret]; expected a private key as ssh-keygen writes it.",
        ),
        ({"private_key_file": LOGIN_KEY}, "ssh.private_key_file: invalid value [secret]; expected the path of a file"),
    ],
)
def test_a_login_that_cannot_work_is_refused(tmp_path: Path, given: dict[str, Any], expected: str) -> None:
    found = said(tmp_path, ssh(host_key_policy="accept-new", **given))
    assert len(found) == 1, found
    assert expected in found[0]


@pytest.mark.parametrize("comment", ["", " me@laptop\n"])
def test_the_key_of_an_agent_is_chosen_by_its_public_half(tmp_path: Path, comment: str) -> None:
    (tmp_path / "id.pub").write_text(KEY + comment)
    for chosen in ({"agent_key": KEY + comment}, {"agent_key_file": "id.pub"}):
        settings, _ = load(ssh(agent=True, host_key_policy="accept-new", **chosen), base=tmp_path)
        assert settings.ssh.agent_key == KEY


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"private_key": LOGIN_KEY, "agent_key": KEY}, "must not be set without ssh.agent. It selects a key of the"),
        ({"agent": True, "agent_key": "garbage"}, "ssh.agent_key: invalid value "),
        ({"agent": True, "agent_key": LOGIN_KEY}, "ssh.agent_key: invalid value [secret]; expected a public key"),
        (
            {"agent": True, "agent_key": KEY, "agent_key_file": "x"},
            "ssh.agent_key: cannot be set together with agent_key_file.",
        ),
        (
            {"agent": True, "agent_key_file": "gone.pub"},
            'ssh.agent_key_file: invalid value "gone.pub"; expected a readable file',
        ),
    ],
)
def test_a_chosen_key_that_cannot_be_is_refused(tmp_path: Path, given: dict[str, Any], expected: str) -> None:
    (found,) = said(tmp_path, ssh(host_key_policy="accept-new", **given))
    assert expected in found and "PRIVATE" not in found


def test_a_misspelt_key_file_is_not_also_a_missing_key(tmp_path: Path) -> None:
    (found,) = said(tmp_path, ssh(private_key_flie="key", host_key_policy="accept-new"))
    assert 'did you mean "ssh.private_key_file"?' in found


def encrypted(folder: Path, passphrase: str, *options: str) -> str:
    """Return the text of a new key that ssh-keygen encrypted."""
    path = folder / "encrypted"
    command = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", passphrase, *options, "-f", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path.read_text()


def test_an_encrypted_key_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    key = encrypted(tmp_path, "open sesame", "-m", "PEM")
    common: dict[str, Any] = {"private_key": key, "host_key_policy": "accept-new"}
    settings, _ = load(ssh(passphrase="open sesame", **common))
    assert settings.ssh.private_key == key
    assert said(tmp_path, ssh(**common)) == [
        (
            "ssh.private_key: invalid value [secret]; expected a private key as ssh-keygen writes it."
            " The key is encrypted."
            " Set ssh.passphrase, or use an agent with ssh.agent: true."
        )
    ]
    assert said(tmp_path, ssh(passphrase="close sesame", **common)) == [
        "ssh.passphrase: invalid value [secret]; expected the passphrase of the key. It does not open the key."
    ]


def test_an_encrypted_key_in_opensshs_format_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    pytest.importorskip("bcrypt")
    key = encrypted(tmp_path, "open sesame")
    common: dict[str, Any] = {"private_key": key, "host_key_policy": "accept-new"}
    assert load(ssh(passphrase="open sesame", **common))[0].ssh.passphrase == "open sesame"
    assert said(tmp_path, ssh(passphrase="close sesame", **common)) == [
        "ssh.passphrase: invalid value [secret]; expected the passphrase of the key. It does not open the key."
    ]


def test_a_key_encrypted_as_pkcs8_is_refused_with_how_to_convert_it() -> None:
    key = login_key(format_name="pkcs8-pem", passphrase="open sesame")
    (found,) = problems(ssh={"private_key": key, "passphrase": "open sesame"})
    assert "Convert it: ssh-keygen -p -f FILE." in found


def known_hosts(folder: Path, *lines: str) -> dict[str, Any]:
    """Return settings of SSH with a known_hosts file of these lines."""
    (folder / "known_hosts").write_text("".join(f"{line}\n" for line in lines))
    return {"known_hosts_file": "known_hosts", "host_key_policy": "pinned"}


def test_a_node_is_completed_with_the_settings_for_all(tmp_path: Path) -> None:
    given = {"n1": {"address": "192.0.2.1", "ssh": {"host": "203.0.113.1", "user": "ops"}}, **nodes()}
    settings = loaded(
        tmp_path, nodes=given, ssh={**known_hosts(tmp_path, f"[203.0.113.1]:2222 {HOST_KEY}"), "port": 2222}
    )
    node = settings.nodes["n1"].ssh
    assert (node.host, node.port, node.user, node.host_key) == ("203.0.113.1", 2222, "ops", KEY)
    connection = settings.connection("n1")
    assert (connection.host, connection.port, connection.user, connection.host_key) == ("203.0.113.1", 2222, "ops", KEY)
    assert connection.sudo
    assert connection.private_key == LOGIN_KEY


@pytest.mark.parametrize(("user", "sudo", "used"), [("root", None, False), ("ops", None, True), ("root", True, True)])
def test_sudo_is_used_unless_the_account_is_root(user: str, sudo: bool | None, used: bool) -> None:
    given = {"user": user} if sudo is None else {"user": user, "sudo": sudo}
    assert loaded(ssh=given).connection("a").sudo is used


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "etcd.example"])
def test_a_known_host_is_found(tmp_path: Path, address: str) -> None:
    settings = loaded(tmp_path, nodes=nodes(address), ssh=known_hosts(tmp_path, f"{address} {HOST_KEY}"))
    assert settings.nodes["n1"].ssh.host_key == KEY


def test_an_ipv4_address_in_the_form_of_an_ipv6_one_is_known_too(tmp_path: Path) -> None:
    given = known_hosts(tmp_path, f"192.0.2.1 {HOST_KEY}")
    settings = loaded(tmp_path, nodes=nodes("::ffff:192.0.2.1"), ssh=given)
    assert settings.nodes["n1"].ssh.host_key == HOST_KEY


def test_a_hashed_known_host_is_found(tmp_path: Path) -> None:
    given = known_hosts(tmp_path, f"192.0.2.1 {HOST_KEY}", f"[192.0.2.2]:2222 {HOST_KEY}")
    command = ["ssh-keygen", "-q", "-H", "-f", str(tmp_path / "known_hosts")]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert "192.0.2" not in (tmp_path / "known_hosts").read_text()
    hosts: dict[str, Any] = nodes("192.0.2.1", "192.0.2.2", "192.0.2.3")
    hosts["n2"]["ssh"] = {"port": 2222}
    hosts["n3"]["ssh"] = {"host_key": HOST_KEY}
    settings = loaded(tmp_path, nodes=hosts, ssh=given)
    assert [node.ssh.host_key for node in settings.nodes.values()] == [KEY] * 3


def test_an_unknown_host_is_told_with_what_to_do(tmp_path: Path) -> None:
    assert problems(tmp_path, nodes=ONE, ssh=known_hosts(tmp_path, f"192.0.2.9 {HOST_KEY}")) == [
        (
            "nodes.n1.ssh.host_key: missing; expected an ed25519 or ecdsa host key, such as ssh-ed25519 AAAA…, or a"
            " line for 192.0.2.1:22 in ssh.known_hosts_file. Without its key, any machine that answers at a host's"
            " address could pass for it. Add the line of ssh-keyscan -t ed25519 -p 22 192.0.2.1 after"
            " comparing it with the host's own, or set ssh.host_key_policy to accept-new to trust a host's first key."
        )
    ]


def test_hosts_without_any_key_are_told_in_one_line() -> None:
    (found,) = problems(ssh={"host_key_policy": "pinned"})
    assert found.startswith(
        "ssh.known_hosts_file: missing; expected a file in known_hosts format, or host_key for nodes.a, nodes.b,"
        " nodes.c. Without"
    )


def test_a_revoked_host_key_is_not_used(tmp_path: Path) -> None:
    lines = (f"192.0.2.1 {HOST_KEY}", f"@revoked 192.0.2.1 {HOST_KEY}")
    (found,) = problems(tmp_path, nodes=ONE, ssh=known_hosts(tmp_path, *lines))
    assert "or a line for 192.0.2.1:22 in ssh.known_hosts_file" in found


def test_an_rsa_host_key_is_refused_with_the_reason(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, nodes=ONE, ssh=known_hosts(tmp_path, f"192.0.2.1 {RSA_HOST_KEY}"))
    reason = "RSA host keys cannot be pinned: the plugin that runs commands accepts only their old ssh-rsa signatures."
    assert "ssh.known_hosts_file has only ssh-rsa for 192.0.2.1:22; expected an ed25519" in found
    assert reason in found
    (found,) = problems(nodes={"n1": {"address": "192.0.2.1", "ssh": {"host_key": RSA_HOST_KEY}}})
    assert found.startswith("nodes.n1.ssh.host_key: invalid value ssh-rsa; expected an ed25519 or ecdsa host key")
    assert reason in found


def test_an_ed25519_key_is_preferred_to_an_rsa_one(tmp_path: Path) -> None:
    given = known_hosts(tmp_path, f"192.0.2.1 {RSA_HOST_KEY}", f"192.0.2.1 {HOST_KEY}")
    assert loaded(tmp_path, nodes=ONE, ssh=given).nodes["n1"].ssh.host_key == KEY


@pytest.mark.parametrize(
    "line", [HOST_KEY, f"192.0.2.1 {HOST_KEY}", f"{KEY} a comment"], ids=["key", "known-hosts", "comment"]
)
def test_a_given_host_key_is_reduced_to_type_and_key(line: str) -> None:
    given = {"n1": {"address": "192.0.2.1", "ssh": {"host_key": line}}}
    assert loaded(nodes=given, ssh={"host_key_policy": "pinned"}).nodes["n1"].ssh.host_key == KEY


@pytest.mark.parametrize("line", ["ssh-ed25519", "ssh-ed25519 AAAA", "nonsense"])
def test_a_given_host_key_that_is_none_is_refused(line: str) -> None:
    (found,) = problems(nodes={"n1": {"address": "192.0.2.1", "ssh": {"host_key": line}}})
    assert "such as ssh-ed25519 AAAA… It is not a public key. Take it from ssh-keyscan's output." in found


def test_a_bastion_is_completed_and_its_host_key_demanded(tmp_path: Path) -> None:
    given = known_hosts(tmp_path, f"192.0.2.1 {HOST_KEY}", f"203.0.113.1 {HOST_KEY}")
    bastion = loaded(tmp_path, nodes=ONE, ssh={**given, "bastion": {"host": "203.0.113.1"}}).ssh.bastion
    assert bastion is not None
    assert (bastion.user, bastion.port, bastion.host_key) == ("root", 22, KEY)
    assert bastion.private_key == LOGIN_KEY
    (found,) = problems(tmp_path, nodes=ONE, ssh={**given, "bastion": {"host": "203.0.113.2"}})
    assert found.startswith("ssh.bastion.host_key: missing; expected an ed25519")
    assert "or a line for 203.0.113.2:22 in ssh.known_hosts_file" in found


def test_sums_come_from_the_settings_then_their_file_then_the_repository(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"amd64:\n  3.6.14: {'a' * 64}\n  3.6.20: {'b' * 64}\n")
    given = {"checksums_file": "sums", "checksums": {"v3.6.20": {"amd64": "c" * 64}}}
    settings = loaded(tmp_path, version="3.6.20", binaries=given)
    assert settings.checksum("3.6.20", "amd64") == "c" * 64
    assert settings.checksum("3.6.14", "amd64") == "a" * 64
    assert settings.checksum("3.6.14", "arm64") == "fa1b80565ee6fc2df1ae6f57a508b221f3ecc7d591c317c581cd8281b0842b3e"
    assert settings.checksum("3.6.20", "arm64") is None


def test_a_file_of_sums_may_begin_with_the_version(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"3.6.20:\n  arm64: {'b' * 64}\n")
    assert loaded(tmp_path, binaries={"checksums_file": "sums"}).checksum("3.6.20", "arm64") == "b" * 64


@pytest.mark.parametrize("content", ["", "- a", "a: b", "amd64: {3.6.14: abc}", "3.6.14: {riscv: x}", "{"])
def test_a_file_of_sums_in_another_form_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "sums").write_text(content)
    (found,) = problems(tmp_path, binaries={"checksums_file": "sums"})
    assert found.startswith('binaries.checksums_file: invalid value "sums"; expected YAML of architectures')


def test_a_named_architecture_needs_its_own_sum() -> None:
    given = {"n1": {"address": "192.0.2.1", "architecture": "arm64"}}
    sums = {"3.6.20": {"amd64": "0" * 64}}
    (found,) = problems(nodes=given, version="3.6.20", binaries={"checksums": sums})
    assert found.startswith('binaries.checksums["3.6.20"].arm64: missing')


@pytest.mark.parametrize(
    ("binaries", "expected"),
    [
        ({"source": "push"}, "expected the folder with the archives, as binaries.source is push."),
        ({"source": "push", "archive_dir": "none"}, "There is no such folder."),
        ({"source": "push", "archive_dir": "."}, "expected a folder with etcd-v3.6.14-linux-amd64.tar.gz."),
        ({"checksums": {"3.6.14": {"amd64": "xyz"}}}, "expected a SHA-256 sum: 64 lower-case hexadecimal digits."),
        ({"checksums": {"3.6.14": {"mips": "0" * 64}}}, "expected amd64 or arm64."),
        ({"ca_certificate": "garbage"}, "expected PEM certificates, got text. It cannot be read as certificates."),
    ],
)
def test_binaries_that_cannot_be_had_are_refused(tmp_path: Path, binaries: dict[str, Any], expected: str) -> None:
    (found,) = problems(tmp_path, binaries=binaries)
    assert expected in found


def test_the_certificate_of_a_mirrors_ca_is_read(tmp_path: Path) -> None:
    certificate, _ = authority()
    (tmp_path / "ca.pem").write_text(certificate)
    assert loaded(tmp_path, binaries={"ca_file": "ca.pem"}).binaries.ca_certificate == certificate


def test_a_password_in_a_url_is_not_shown() -> None:
    (found,) = problems(binaries={"http_proxy": "socks://user:hunter2@proxy"})
    assert "hunter2" not in found
    assert 'invalid value "socks://[secret]@proxy"' in found


def test_a_provided_ca_is_read_from_its_files(tmp_path: Path) -> None:
    certificate, key = authority()
    (tmp_path / "ca.pem").write_text(certificate)
    (tmp_path / "ca-key.pem").write_text(key)
    given = {"certificate_file": "ca.pem", "private_key_file": "ca-key.pem"}
    client = loaded(tmp_path, ca={"shared": True, "client": given}).ca.client
    assert client is not None
    assert (client.certificate, client.private_key, client.generation) == (certificate, key, 1)


CERTIFICATE, CA_KEY = authority()
EXPIRED, EXPIRED_KEY = authority(days=10, begins=-20)
FUTURE, FUTURE_KEY = authority(begins=5)
LEAF, LEAF_KEY = authority(ca=False)
UNSIGNING, UNSIGNING_KEY = authority(signs=False)


@pytest.mark.parametrize(
    ("ca", "expected"),
    [
        ({"certificate": CERTIFICATE, "private_key": EXPIRED_KEY}, "It belongs to another certificate"),
        ({"certificate": EXPIRED, "private_key": EXPIRED_KEY}, "It expired on "),
        ({"certificate": FUTURE, "private_key": FUTURE_KEY}, "It is valid only from "),
        ({"certificate": LEAF, "private_key": LEAF_KEY}, "Its basic constraints do not say CA."),
        ({"certificate": UNSIGNING, "private_key": UNSIGNING_KEY}, "Its key usage does not allow signing"),
        ({"certificate": CERTIFICATE}, "ca.client.private_key: missing; expected private_key or private_key_file."),
        ({"private_key": CA_KEY}, "ca.client.certificate: missing;"),
        ({"certificate": "garbage", "private_key": CA_KEY}, "It cannot be read as a certificate."),
        (
            {"certificate": CERTIFICATE + EXPIRED, "private_key": CA_KEY},
            "2 certificates; expected one PEM certificate of a CA. It is not clear which of them signs.",
        ),
        (
            {"certificate": CERTIFICATE, "private_key": "garbage"},
            "ca.client.private_key: invalid value [secret]; expected",
        ),
        ({"certificate": CERTIFICATE, "private_key_file": "none"}, "cannot be read: No such file or directory."),
    ],
)
def test_a_provided_ca_that_cannot_sign_is_refused(ca: dict[str, Any], expected: str) -> None:
    (found,) = problems(ca={"client": ca})
    assert expected in found


def test_a_ca_without_key_usage_may_sign() -> None:
    certificate, key = authority(signs=None)
    loaded(ca={"peer": {"certificate": certificate, "private_key": key}})


def test_a_peer_ca_beside_a_shared_one_is_refused() -> None:
    given = {"certificate": CERTIFICATE, "private_key": CA_KEY}
    (found,) = problems(ca={"shared": True, "peer": given})
    assert found.startswith("ca.peer: must not be set while ca.shared is true.")


def test_one_ca_given_twice_is_refused() -> None:
    given = {"certificate": CERTIFICATE, "private_key": CA_KEY}
    (found,) = problems(ca={"client": given, "peer": given})
    assert "Remove ca.peer and set ca.shared to true, which checks them." in found


@pytest.mark.parametrize(("days", "said"), [(200, "before certificates of 365 days made today would"), (366, "")])
def test_a_ca_that_ends_before_its_certificates_is_warned_of(days: int, said: str) -> None:
    certificate, key = authority(days=days + 1)
    found = warnings(ca={"client": {"certificate": certificate, "private_key": key}})
    assert [said in line for line in found] == ([True] if said else [])


def test_a_ca_that_ends_within_a_year_is_warned_of() -> None:
    certificate, key = authority(days=300)
    given = {"client": {"certificate": certificate, "private_key": key}}
    (found,) = warnings(ca=given, certificates={"validity_days": 90})
    assert "in less than a year. Prepare its successor." in found


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"certificates": {"validity_days": 30}},
            "renew_before_days: invalid value 30; expected fewer days than certificates.validity_days, which is 30.",
        ),
        (
            {"clients": {"admin": {"validity_days": 7}}},
            "expected fewer days than clients.admin.validity_days, which is 7.",
        ),
        (
            {"certificates": {"ca_validity_days": 365}},
            "ca_validity_days: invalid value 365; expected more days than certificates.validity_days, which is 365.",
        ),
        ({"clients": {"An Admin": {}}}, "It becomes part of resource names."),
        (
            {"clients": {"admin": {"common_name": "etcd"}}, "ca": {"shared": True}},
            "Under a shared CA, this name marks the peers",
        ),
    ],
)
def test_certificates_that_cannot_work_are_refused(settings: dict[str, Any], expected: str) -> None:
    (found,) = problems(**settings)
    assert expected in found


@pytest.mark.parametrize("spelled", ["\r\n", "\n  ", "  \n", "\r"])
def test_a_ca_is_the_same_in_every_spelling(spelled: str) -> None:
    certificate, key = authority()
    plain = {"certificate": certificate, "private_key": key, "trust_certificates": certificate + CERTIFICATE}
    other = {name: f"# ours\n{text}".replace("\n", spelled).rstrip() for name, text in plain.items()}
    assert other["certificate"] != certificate
    assert loaded(ca={"client": other}).ca == loaded(ca={"client": plain}).ca
    assert loaded(ca={"client": plain}).ca.client.certificate == certificate


def test_one_ca_in_two_spellings_is_not_two() -> None:
    certificate, key = authority()
    given = {"certificate": certificate, "private_key": key}
    spelled = {"certificate": certificate.replace("\n", "\r\n"), "private_key": key}
    (problem,) = problems(ca={"client": given, "peer": spelled})
    assert "ca.peer" in problem and "set ca.shared to true" in problem
