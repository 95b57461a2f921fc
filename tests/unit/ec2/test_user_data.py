"""The cloud-config of an instance."""

import shlex
import subprocess
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_cluster import scripts
from etcd_cluster.ec2 import user_data
from etcd_cluster.ec2.user_data import Volume, render

KEY = asyncssh.generate_private_key("ssh-ed25519")
PRIVATE = KEY.export_private_key("openssh").decode()
PUBLIC = KEY.export_public_key("openssh").decode()
DATA, WAL = Volume("vol-0123456789abcdef0", "/var/lib/etcd"), Volume("vol-0fedcba9876543210", "/var/lib/etcd-wal")


def rendered(**changes: Any) -> str:
    values: dict[str, Any] = {
        "node": "etcd-1",
        "generation": 1,
        "first_private_key": PRIVATE,
        "first_public_key": PUBLIC,
        "volumes": [DATA, WAL],
        "image": "debian-12",
    }
    return render(**{**values, **changes})


def test_it_is_a_cloud_config_that_names_node_and_generation() -> None:
    head, name, *_ = rendered().splitlines()
    assert (head, name) == ("#cloud-config", "# etcd-1, generation 1")
    assert rendered(generation=2) != rendered()


def test_the_host_key_is_the_one_given_and_no_other_stays() -> None:
    config = yaml.safe_load(rendered())
    assert config["ssh_deletekeys"] is True
    assert set(config["ssh_keys"]) == {"ed25519_private", "ed25519_public"}
    read = asyncssh.import_private_key(config["ssh_keys"]["ed25519_private"])
    assert read.export_public_key() == KEY.export_public_key()
    assert config["ssh_keys"]["ed25519_public"] == PUBLIC.strip()


@pytest.mark.parametrize(("image", "upgrades"), [("debian-12", None), ("amazon-linux-2023", "none"), ("ami-0a", None)])
def test_nothing_is_upgraded_at_the_first_boot(image: str, upgrades: str | None) -> None:
    config = yaml.safe_load(rendered(image=image))
    assert (config["package_update"], config["package_upgrade"]) == (False, False)
    assert config.get("repo_upgrade") == upgrades


def test_the_scripts_are_written_for_root_alone() -> None:
    files = {each["path"]: each for each in yaml.safe_load(rendered())["write_files"]}
    assert set(files) == {f"{user_data.FOLDER}/{name}.sh" for name in ("clock", "volumes", "prepare")}
    for name in ("clock", "volumes"):
        assert files[f"{user_data.FOLDER}/{name}.sh"]["content"] == scripts.source(name).text
    assert {(file["owner"], file["permissions"]) for file in files.values()} == {("root:root", "0700")}


def test_the_one_command_ends_as_the_volumes_script_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_data, "FOLDER", str(tmp_path))
    config = yaml.safe_load(rendered())
    (tmp_path / "prepare.sh").write_text(config["write_files"][-1]["content"])
    (tmp_path / "clock.sh").write_text("echo clock; exit 1\n")
    (tmp_path / "volumes.sh").write_text('echo "volumes $*"; exit 7\n')
    [command] = config["runcmd"]
    # cloud-init quotes each word for the shell (cloudinit/util.py, shellify)
    done = subprocess.run(["sh", "-c", shlex.join(command)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout == f"clock\nvolumes 900 {DATA.id} /var/lib/etcd {WAL.id} /var/lib/etcd-wal\n"


def test_all_of_it_is_less_than_ec2_takes() -> None:
    assert len(rendered().encode()) < user_data.MOST_BYTES - 4096, "the room for a longer key or path"
    with pytest.raises(ValueError, match="more than 16384 bytes"):
        rendered(first_private_key="x" * 16384)


@pytest.mark.parametrize(
    "volume",
    [
        Volume("vol-1; rm -rf /", "/var/lib/etcd"),
        Volume("", "/var/lib/etcd"),
        Volume(DATA.id, "var/lib/etcd"),
        Volume(DATA.id, "/var/lib etcd"),
        Volume(DATA.id, "/"),
    ],
)
def test_what_is_no_volume_is_refused(volume: Volume) -> None:
    with pytest.raises(ValueError, match="not a volume and its mount point"):
        rendered(volumes=[volume])


@settings(deadline=None, max_examples=20)
@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1))
def test_no_node_name_changes_what_is_read(name: str) -> None:
    assert yaml.safe_load(rendered(node=name)) == yaml.safe_load(rendered())
