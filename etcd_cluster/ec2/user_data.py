"""What an instance does at its first boot, as cloud-init reads it."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from etcd_cluster import scripts
from etcd_cluster.ssh import commands

FOLDER = "/var/lib/etcd-cluster-boot"
ATTACH_SECONDS = 900
# EC2 takes no more (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html)
MOST_BYTES = 16384
_VOLUME_ID = re.compile(r"vol-[0-9a-f]+")
_AMAZON = "amazon-linux-"


@dataclass(frozen=True)
class Volume:
    """An EBS volume (`vol-…`), and the absolute path where it is mounted."""

    id: str
    mount_point: str


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as it is, so that a person can read it on the host."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent)


def volume_arguments(volumes: Sequence[Volume]) -> list[str]:
    """Return the arguments of `volumes.sh` after the seconds; raises `ValueError` for what cannot be a volume."""
    for volume in volumes:
        if not _VOLUME_ID.fullmatch(volume.id) or not re.fullmatch(r"/\S*[^/\s]", volume.mount_point):
            raise ValueError(f"not a volume and its mount point: {volume.id} at {volume.mount_point}")
    return [word for volume in volumes for word in (volume.id, volume.mount_point)]


def render(
    *,
    node: str,
    generation: int,
    first_private_key: str,
    first_public_key: str,
    volumes: Sequence[Volume],
    image: str,
) -> str:
    """Return the cloud-config of one instance; it holds `first_private_key` (OpenSSH) and is as secret as that.

    `image` is the setting of that name. The first line names node and generation, so that another generation is
    another text. Every process on the host can read user data, so `first_private_key` proves the host only until the
    first login has replaced it.
    """
    config: dict[str, Any] = {
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": _lines(first_private_key), "ed25519_public": first_public_key.strip()},
        "package_update": False,
        "package_upgrade": False,
    }
    if image.startswith(_AMAZON):
        # Amazon Linux otherwise installs security updates at the first boot.
        config["repo_upgrade"] = "none"
    config["write_files"] = [_file(name, scripts.source(name).text) for name in ("clock", "volumes")]
    # One command, since cloud-init reports only the exit status of the last; the first login may run it again.
    words = shlex.join(volume_arguments(volumes))
    prepare = f'sh -eu {FOLDER}/clock.sh || :\nexec sh -eu {FOLDER}/volumes.sh "$1" {words}\n'
    config["write_files"].append(_file("prepare", prepare))
    config["runcmd"] = [[*commands.CLEARED, "sh", "-eu", f"{FOLDER}/prepare.sh", str(ATTACH_SECONDS)]]
    body = yaml.dump(config, Dumper=_Dumper, sort_keys=False, width=1000)
    text = f"#cloud-config\n# {node}, generation {generation}\n{body}"
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"the user data of {node} has more than {MOST_BYTES} bytes")
    return text


def _file(name: str, content: str) -> dict[str, str]:
    return {"path": f"{FOLDER}/{name}.sh", "owner": "root:root", "permissions": "0700", "content": content}


def _lines(text: str) -> str:
    return text.strip() + "\n"
