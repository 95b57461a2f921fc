"""The files that are staged for a member, as text, and the revision that names them."""

import hashlib
import io
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from etcd_cluster.rendering import unset
from etcd_cluster.specs import member as members

_UNIT = Template((Path(__file__).parent / "templates" / "etcd.service").read_text())
# Not ETCD_…: etcd warns about each variable of that prefix that it does not know.
REVISION_VARIABLE = "MEMBER_REVISION"
_NAME_LENGTH = 16
# What ProtectHome= hides; a path may stand inside an option's value, as the keys of a token do
_AT_HOME = re.compile(r"(?:^|[=,])/(?:home|root|run/user)/")
_LOCKED_MEMORY = ("memory-mlock", "experimental-memory-mlock")


@dataclass(frozen=True)
class StagedFile:
    """One file of a staged directory; `private` files are for root and etcd's group only."""

    text: str
    private: bool = False


def option_variable(option: str) -> str:
    """Return the environment variable of an etcd option: `wal-dir` is `ETCD_WAL_DIR`."""
    return unset.variable(option)


def quoted(value: str) -> str:
    """Return a value as systemd's EnvironmentFile= reads it (systemd.exec(5)): in double quotes, escaped."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    return f'"{escaped}"'


def environment_text(variables: Mapping[str, str]) -> str:
    """Return an environment file with one variable a line."""
    return "".join(f"{name}={quoted(value)}\n" for name, value in variables.items())


def environment(member: members.Member) -> dict[str, str]:
    """Return the variables of a member's `etcd.env`.

    `initial-cluster-state` is always `existing`: with an empty directory that is fatal, with data it is ignored.
    Without it a member whose disk is not mounted would start as a healthy new cluster of one.
    """
    layout = member.layout
    leaves = layout.active_certificates
    bundles = f"{layout.active_revision}"
    listen = members.listen_host(member.address)
    # Which of the former addresses the host still has is not known here; Go listens on IPv6 with this as well.
    client_listen = "0.0.0.0" if member.former_addresses else listen
    client_listeners = [f"https://{client_listen}:{member.client_port}"]
    if client_listen != "0.0.0.0":
        client_listeners.append(member.local_url)
    options = {
        "name": member.name,
        "data-dir": layout.data_dir,
        **({"wal-dir": layout.wal} if layout.wal_dir else {}),
        "listen-peer-urls": f"https://{listen}:{member.peer_port}",
        "listen-client-urls": ",".join(client_listeners),
        "initial-advertise-peer-urls": member.peer_url,
        "advertise-client-urls": member.client_url,
        "initial-cluster-state": "existing",
        "cert-file": f"{leaves}/server.pem",
        "key-file": f"{leaves}/server-key.pem",
        "client-cert-auth": "true",
        "trusted-ca-file": f"{bundles}/client-ca.pem",
        "peer-cert-file": f"{leaves}/peer.pem",
        "peer-key-file": f"{leaves}/peer-key.pem",
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": f"{bundles}/peer-ca.pem",
        **dict(sorted(member.options.items())),
    }
    return {option_variable(name): value for name, value in options.items()}


def bootstrap_variables(state: str, cluster: str, token: str) -> dict[str, str]:
    """Return the variables of `bootstrap.env`."""
    return {
        option_variable("initial-cluster-state"): state,
        option_variable("initial-cluster"): cluster,
        option_variable("initial-cluster-token"): token,
    }


def bootstrap_environment(state: str, cluster: str, token: str) -> str:
    """Return `bootstrap.env`: the only file that may say `new`, or list the members of a join."""
    return environment_text(bootstrap_variables(state, cluster, token))


def unit(member: members.Member) -> str:
    """Return the systemd unit; it is the same on all nodes that have the same paths and set the same options."""
    layout = member.layout
    directories = [layout.data_dir, *([layout.wal_dir] if layout.wal_dir else [])]
    locks = any(member.options.get(option) == "true" for option in _LOCKED_MEMORY)
    limits = ["LimitNOFILE=65536", *(["LimitMEMLOCK=infinity"] if locks else [])]
    return _UNIT.substitute(
        user=member.user,
        group=member.group,
        data_dir=layout.data_dir,
        directories=" ".join(directories),
        environment=layout.environment,
        bootstrap_environment=layout.bootstrap_environment,
        bin_dir=layout.bin_dir,
        service_start=str(member.service_start),
        protect_home=_protect_home(member, directories),
        limits="\n".join(limits),
        unset=unset.directives(environment(member).keys()),
    )


def _protect_home(member: members.Member, written: list[str]) -> str:
    """Return as much of `ProtectHome=` as leaves etcd what it reads and writes."""
    layout = member.layout
    if any(_AT_HOME.match(f"{path}/") for path in written):
        return "false"
    read = [layout.config_dir, layout.bin_dir, layout.install_dir, *member.options.values()]
    return "read-only" if any(_AT_HOME.search(f"{text}/") for text in read) else "true"


def revision(member: members.Member, client_ca: str, peer_ca: str) -> tuple[str, dict[str, StagedFile]]:
    """Return the name and the files of all that takes a restart to change.

    The name is a hash of the files. It stands in the environment too, so what runs is read from the process.
    """
    files = {
        "etcd.service": StagedFile(unit(member)),
        "client-ca.pem": StagedFile(client_ca),
        "peer-ca.pem": StagedFile(peer_ca),
        "version": StagedFile(f"{member.version}\n"),
    }
    variables = environment(member)
    name = digest({**files, "etcd.env": StagedFile(environment_text(variables))})
    files["etcd.env"] = StagedFile(environment_text({**variables, REVISION_VARIABLE: name}))
    return name, files


def certificate_set(leaves: Mapping[str, str], keys: Mapping[str, str]) -> tuple[str, dict[str, StagedFile]]:
    """Return the name and the files of the leaf certificates, which take effect without a restart."""
    files = {
        **{f"{name}.pem": StagedFile(text, private=True) for name, text in leaves.items()},
        **{f"{name}-key.pem": StagedFile(text, private=True) for name, text in keys.items()},
    }
    return digest(files), files


def digest(files: Mapping[str, StagedFile]) -> str:
    """Return a name for a set of files: the start of the SHA-256 of their names and texts."""
    total = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name].text.encode()):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:_NAME_LENGTH]


def archive(files: Mapping[str, StagedFile]) -> bytes:
    """Return the files as a tar archive, with a `SHA256SUMS` that tells later whether one was touched."""
    sums = "".join(f"{hashlib.sha256(files[name].text.encode()).hexdigest()}  {name}\n" for name in sorted(files))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, staged in {**files, "SHA256SUMS": StagedFile(sums)}.items():
            content = staged.text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o640 if staged.private else 0o644
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
