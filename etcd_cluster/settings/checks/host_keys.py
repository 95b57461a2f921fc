"""The keys hosts are known by."""

import asyncssh

from etcd_cluster.settings import locations
from etcd_cluster.settings.model import Node, Settings
from etcd_cluster.settings.model.connection import NodeSsh
from etcd_cluster.settings.problems import Path, display_value, invalid, missing, problem
from etcd_cluster.settings.reading import Reader

# In order of preference. RSA keys are missing because the command plugin offers the host only ssh-rsa signatures,
# which servers refuse: https://github.com/pulumi/pulumi-command/issues/755
USABLE = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
ALLOWED = "an ed25519 or ecdsa host key, such as ssh-ed25519 AAAA…"
NOT_RSA = "RSA host keys cannot be pinned: the plugin that runs commands accepts only their old ssh-rsa signatures."

WHY_PINNED = "Without its key, any machine that answers at a host's address could pass for it."
ACCEPT = "set ssh.host_key_policy to accept-new to trust a host's first key"


def complete(settings: Settings, reader: Reader) -> Settings:
    """Return the settings with each node's and the bastion's SSH address, account and host key filled in."""
    ssh = settings.ssh
    known: asyncssh.SSHKnownHosts | None = None
    if ssh.known_hosts_file is not None:
        text = reader.text(("ssh", "known_hosts_file"), ssh.known_hosts_file, "host keys in known_hosts format")
        if text is not None:
            try:
                known = asyncssh.import_known_hosts(text)
            except ValueError as error:
                key = ("ssh", "known_hosts_file")
                reader.report(
                    invalid(
                        key, display_value(key, str(ssh.known_hosts_file)), "a file in known_hosts format", f"{error}."
                    )
                )

    pinned = ssh.host_key_policy == "pinned"

    def host_key(key: Path, line: str | None, host: str, port: int) -> str | None:
        if line is not None:
            return _from_settings(key, line, reader)
        return None if known is None else _known(key, known, host, port, reader, required=pinned)

    nodes: dict[str, Node] = {}
    for name, node in settings.nodes.items():
        host, port = node.ssh.host or node.address, node.ssh.port or ssh.port
        complete_ssh = NodeSsh.model_construct(
            host=host,
            port=port,
            user=node.ssh.user or ssh.user,
            # A host that is yet to be made gets its key with it.
            host_key=host_key(("nodes", name, "ssh", "host_key"), node.ssh.host_key, host, port) if host else None,
        )
        nodes[name] = node.model_copy(update={"ssh": complete_ssh})
    update: dict[str, object] = {"nodes": nodes}
    if ssh.bastion is not None:
        bastion = ssh.bastion
        found = host_key(("ssh", "bastion", "host_key"), bastion.host_key, bastion.host, bastion.port)
        update["ssh"] = ssh.model_copy(update={"bastion": bastion.model_copy(update={"host_key": found})})
    if pinned and ssh.known_hosts_file is None:
        _without_file(settings, reader)
    return settings.model_copy(update=update)


def _without_file(settings: Settings, reader: Reader) -> None:
    unknown = [
        f"nodes.{name}"
        for name, node in settings.nodes.items()
        if node.ssh.host_key is None and settings.hosts == "ssh"
    ]
    if settings.ssh.bastion is not None and settings.ssh.bastion.host_key is None:
        unknown.append("ssh.bastion")
    if unknown:
        reader.report(
            missing(
                ("ssh", "known_hosts_file"),
                "a file in known_hosts format, or host_key for " + ", ".join(unknown),
                WHY_PINNED,
                f"Name a file that ssh-keyscan -t ed25519 made and you compared, or {ACCEPT}.",
                involves=(("ssh", "host_key_policy"),),
            )
        )


def _from_settings(key: Path, line: str, reader: Reader) -> str | None:
    """Return `type base64` of a host key, which may have a host before and a comment behind."""
    words = line.split()
    start = next((index for index, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-", "sk-"))), None)
    bare = " ".join(words[start : start + 2]) if start is not None else ""
    try:
        algorithm = asyncssh.import_public_key(bare).get_algorithm()
    except (asyncssh.KeyImportError, ValueError):
        reader.report(
            invalid(
                key, display_value(key, line), ALLOWED, "It is not a public key.", "Take it from ssh-keyscan's output."
            )
        )
        return None
    if algorithm not in USABLE or len(line.strip().splitlines()) > 1:
        why = NOT_RSA if "rsa" in algorithm else "Only one key of these kinds can be pinned."
        reader.report(
            invalid(key, algorithm, ALLOWED, why, "Give the host's ed25519 or ecdsa key: ssh-keyscan -t ed25519 HOST.")
        )
        return None
    return bare


def _known(
    key: Path, known: asyncssh.SSHKnownHosts, host: str, port: int, reader: Reader, *, required: bool
) -> str | None:
    """Return the best key known_hosts has for a host; None without any if none is `required`."""
    where = f"{locations.url_host(host)}:{port}"
    found: list[asyncssh.SSHKey] = []
    # ssh-keyscan writes an IPv4 address as such, also where the settings have it in the form of an IPv6 address.
    for spelling in dict.fromkeys((host, locations.same_address(host) if locations.is_ip(host) else host)):
        host_keys, _, revoked, *_ = known.match(spelling, spelling if locations.is_ip(spelling) else "", port)
        found += [each for each in host_keys if each not in revoked]
    by_algorithm = {each.get_algorithm(): each for each in found}
    for algorithm in USABLE:
        if algorithm in by_algorithm:
            return " ".join(by_algorithm[algorithm].export_public_key().decode().split()[:2])
    if found:
        reader.report(
            problem(
                key,
                f"ssh.known_hosts_file has only {', '.join(sorted(by_algorithm))} for {where}; expected {ALLOWED}",
                NOT_RSA if "ssh-rsa" in by_algorithm else "Only these kinds can be pinned.",
                f"Add the host's ed25519 or ecdsa key: ssh-keyscan -t ed25519 -p {port} {host}.",
            )
        )
    elif required:
        reader.report(
            missing(
                key,
                f"{ALLOWED}, or a line for {where} in ssh.known_hosts_file",
                WHY_PINNED,
                f"Add the line of ssh-keyscan -t ed25519 -p {port} {host} after comparing it with the host's own,"
                f" or {ACCEPT}.",
                involves=(("ssh", "known_hosts_file"), ("ssh", "port"), ("ssh", "host_key_policy")),
            )
        )
    return None
