"""Private keys for logging in over SSH."""

import asyncssh

from etcd_cluster.settings.model.connection import Bastion, Ssh
from etcd_cluster.settings.problems import SECRET, Path, display_value, invalid, missing, problem
from etcd_cluster.settings.reading import Reader

ALLOWED = "a private key as ssh-keygen writes it"


def complete(ssh: Ssh, reader: Reader, *, generated: bool = False) -> Ssh:
    """Return the settings with the texts of the private keys filled in and checked.

    `generated` says that the program makes the key of the hosts itself.
    """
    has_key = ssh.private_key is not None or ssh.private_key_file is not None
    if generated:
        _check_generated_key(ssh, reader, has_key=has_key)
    elif ssh.agent and has_key:
        reader.report(
            problem(
                ("ssh", "agent"),
                "cannot be set together with a private key",
                "With a key, the agent is never asked.",
                "Remove ssh.agent or the key.",
            )
        )
    elif not ssh.agent and not has_key:
        reader.report(
            missing(
                ("ssh", "private_key_file"),
                "one of ssh.private_key_file, ssh.private_key and ssh.agent",
                "Hosts are logged in to with a key, never with a password.",
                "Set ssh.private_key_file to the file of the key.",
                involves=(("ssh",),),
            )
        )
    update: dict[str, object] = {
        "private_key": _private_key(ssh, ("ssh",), reader),
        "agent_key": _agent_key(ssh, reader),
    }
    if ssh.bastion is not None:
        own = ssh.bastion.private_key is not None or ssh.bastion.private_key_file is not None
        update["bastion"] = ssh.bastion.model_copy(
            update={
                "user": ssh.bastion.user or ssh.user,
                "private_key": _private_key(ssh.bastion, ("ssh", "bastion"), reader) if own else update["private_key"],
                "passphrase": ssh.bastion.passphrase if own else ssh.passphrase,
            }
        )
    return ssh.model_copy(update=update)


def _check_generated_key(ssh: Ssh, reader: Reader, *, has_key: bool) -> None:
    if has_key or ssh.agent:
        reader.report(
            problem(
                ("ssh", "agent" if ssh.agent else "private_key_file" if ssh.private_key_file else "private_key"),
                "must not be set without ec2.key_name",
                "Without an existing key pair, a key is generated for the instances, and no other opens them.",
                "Set ec2.key_name to the key pair in EC2 that this key belongs to, or remove the key.",
                involves=(("ec2",),),
            )
        )
    bastion = ssh.bastion
    if bastion is not None and bastion.private_key is None and bastion.private_key_file is None:
        reader.report(
            missing(
                ("ssh", "bastion", "private_key_file"),
                "a key for the bastion",
                "The generated key opens only the instances.",
                "Set it, or use an existing key pair for all with ec2.key_name.",
                involves=(("ssh", "bastion"), ("ec2",)),
            )
        )


def _agent_key(ssh: Ssh, reader: Reader) -> str | None:
    """Return `type base64` of the key that the agent is asked for."""
    text = reader.one_of(("ssh",), ssh.agent_key, ssh.agent_key_file, "agent_key", "a public key")
    if text is None:
        return None
    key = ("ssh", "agent_key" if ssh.agent_key is not None else "agent_key_file")
    got = text if ssh.agent_key is not None else str(ssh.agent_key_file)
    if not ssh.agent:
        reader.report(
            problem(
                key,
                "must not be set without ssh.agent",
                "It selects a key of the agent.",
                "Set ssh.agent to true, or remove it.",
                involves=(("ssh", "agent"),),
            )
        )
        return None
    private = "PRIVATE KEY" in text
    try:
        found = None if private else asyncssh.import_public_key(text.strip())
    except (asyncssh.KeyImportError, ValueError):
        found = None
    if found is None:
        reader.report(
            invalid(
                key,
                SECRET if private else display_value(key, got),
                "a public key, such as ssh-ed25519 AAAA…",
                "It is a private key." if private else "It is not a public key.",
                "Give the file that ends in .pub, or a line of ssh-add -L.",
            )
        )
        return None
    return " ".join(found.export_public_key().decode().split()[:2])


def _private_key(part: Ssh | Bastion, key: Path, reader: Reader) -> str | None:
    text = reader.one_of(key, part.private_key, part.private_key_file, "private_key", "a private key")
    if text is None:
        return None
    where = (*key, "private_key") if part.private_key is not None else (*key, "private_key_file")
    got = SECRET if part.private_key is not None else display_value(where, str(part.private_key_file))
    if "BEGIN ENCRYPTED PRIVATE KEY" in text:
        reader.report(
            invalid(
                where,
                got,
                ALLOWED,
                "Keys encrypted as PKCS#8 cannot be read.",
                "Convert it: ssh-keygen -p -f FILE.",
            )
        )
        return None
    try:
        asyncssh.import_private_key(text, part.passphrase)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        passphrase = ".".join((*key, "passphrase"))
        if "bcrypt" in str(error):
            why, do = (
                "A key in OpenSSH's format with a passphrase needs the Python package bcrypt.",
                "Install bcrypt.",
            )
        elif part.passphrase is None and "assphrase" in str(error):
            why, do = "The key is encrypted.", f"Set {passphrase}, or use an agent with ssh.agent: true."
        elif part.passphrase is not None and ("assphrase" in str(error) or "decrypt" in str(error)):
            reader.report(
                invalid((*key, "passphrase"), SECRET, "the passphrase of the key", "It does not open the key.")
            )
            return None
        else:
            why, do = (
                "The text is not a private key, or of an unsupported kind.",
                "Check the setting.",
            )
        reader.report(invalid(where, got, ALLOWED, why, do))
        return None
    return text
