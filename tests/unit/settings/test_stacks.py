"""The stacks in the repository, and the page about the settings."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcd_cluster.settings import KEYS, Settings, load
from etcd_cluster.settings.documentation import BEGIN, rewritten
from tests.unit.settings.settings_samples import HOST_KEY, LOGIN_KEY

ROOT = Path(__file__).parents[3]
PROJECT = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())


def stack(name: str) -> dict[str, Any]:
    """Return the settings of a stack as the program reads them."""
    config = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    assert all(key.startswith(f"{PROJECT['name']}:") for key in config)
    return {key.partition(":")[2]: value for key, value in config.items()}


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files that the stacks name, which is the home folder too."""
    addresses = ["198.18.0.11", "198.18.0.12", "198.18.0.13", "172.31.39.151", "172.31.32.72"]
    addresses += ["192.0.2.11", "192.0.2.12", "192.0.2.13"]
    for folder in (".lab", ".ssh"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "id_ed25519").write_text(LOGIN_KEY)
        (tmp_path / folder / "known_hosts").write_text("".join(f"{address} {HOST_KEY}\n" for address in addresses))
    (tmp_path / ".lab/checksums.yaml").write_text(f"amd64:\n  3.6.16: {'a' * 64}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def loaded(name: str, base: Path) -> tuple[Settings, list[str]]:
    return load(stack(name), base=base)


def test_the_labs_stack_is_right(base: Path) -> None:
    settings, warnings = loaded("dev", base)
    assert list(settings.nodes) == ["etcd-1", "etcd-2", "etcd-3"]
    assert settings.version == "3.6.16"
    assert settings.binaries.url == "http://198.18.0.1:8080"
    assert not settings.protect_cluster
    assert warnings == []


def test_the_seeds_stack_has_all_that_the_guide_sets(base: Path) -> None:
    settings, warnings = loaded("seed", base)
    assert {name: node.address for name, node in settings.nodes.items()} == {
        "k8s-01": "172.31.39.151",
        "k8s-02": "172.31.32.72",
    }
    paths = settings.paths
    assert (paths.bin_dir, paths.config_dir) == ("/opt/k8s/bin", "/etc/etcd")
    assert (paths.data_dir, paths.wal_dir) == ("/data/k8s/etcd/data", "/data/k8s/etcd/wal")
    assert settings.ca.shared
    assert (settings.certificates.algorithm, settings.certificates.rsa_bits) == ("RSA", 2048)
    subject = settings.certificates.subject
    assert (subject.country, subject.province, subject.locality) == ("KR", "Seoul", "Seoul")
    assert (subject.organization, subject.organizational_unit, subject.common_name) == ("k8s", "bare-k8s", "etcd")
    assert settings.etcd == {
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1",
        "max-request-bytes": "33554432",
        "quota-backend-bytes": "6442450944",
        "heartbeat-interval": "250",
        "election-timeout": "2000",
    }
    assert settings.version == "3.6.14"
    assert [warning.partition(":")[0] for warning in warnings] == ["nodes"]


def test_the_example_is_right(base: Path) -> None:
    settings, warnings = loaded("example", base)
    assert settings.protect_cluster
    assert settings.connection("etcd-1").sudo
    assert warnings == []


def test_the_examples_comments_are_right_too(base: Path) -> None:
    text = (ROOT / "Pulumi.example.yaml").read_text()
    # Commented settings stand behind a # and one space, at the place they would have.
    text = re.sub(r"^(\s*)# (etcd-cluster:paths:|  (?:data_dir|wal_dir):.*)$", r"\1\2", text, flags=re.MULTILINE)
    config = yaml.safe_load(text)["config"]
    settings, _ = load({key.partition(":")[2]: value for key, value in config.items()}, base=base)
    assert settings.paths.wal_dir == "/srv/etcd/wal"


def test_the_stack_on_ec2_is_right(base: Path) -> None:
    settings, warnings = loaded("ec2", base)
    assert settings.hosts == "ec2" and settings.protect_cluster
    assert settings.ssh.user == "admin" and len(settings.nodes) == 3
    assert warnings == []


def test_what_the_stack_on_ec2_leaves_out_is_right_too(base: Path) -> None:
    text = (ROOT / "Pulumi.ec2.yaml").read_text()
    names = "wal_volume|snapshots|route53"
    pattern = rf"^(    )# ((?:{names}):|  (?:size|role_arn|every_hours|keep|zone_id|domain): .*)$"
    config = yaml.safe_load(re.sub(pattern, r"\1\2", text, flags=re.MULTILINE))["config"]
    settings, _ = load({key.partition(":")[2]: value for key, value in config.items()}, base=base)
    assert settings.ec2 is not None and settings.ec2.wal_volume is not None
    assert settings.ec2.snapshots is not None and settings.ec2.route53 is not None
    # A VPC takes the place of the subnets.
    vpc = re.sub(r"^(    )# (vpc:|  (?:cidr|zones): .*)$", r"\1\2", text, flags=re.MULTILINE)
    vpc = re.sub(r"^    subnet_ids:\n(?:      - .*\n)*", "", vpc, flags=re.MULTILINE)
    config = yaml.safe_load(vpc.replace("address: private", "address: public"))["config"]
    settings, _ = load({key.partition(":")[2]: value for key, value in config.items()}, base=base)
    assert settings.ec2 is not None and settings.ec2.vpc is not None


def test_what_costs_money_on_ec2_is_named() -> None:
    text = (ROOT / "Pulumi.ec2.yaml").read_text()
    for setting in ("nodes:", "subnet_ids:", "address:", "data_volume:", "wal_volume:", "snapshots:", "route53:"):
        above = text[: text.index(setting)].splitlines()[-4:]
        assert any("COSTS" in line for line in above), setting


def test_the_project_declares_only_what_is_required() -> None:
    required = {name for name, field in Settings.model_fields.items() if field.is_required()}
    assert PROJECT["config"].keys() == required
    for name, declared in PROJECT["config"].items():
        assert declared["type"] == KEYS[name].kind
        assert "default" not in declared


def test_the_page_has_the_tables_of_the_models() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    assert BEGIN in page
    assert page == rewritten(page), "run python -m etcd_cluster.settings.documentation docs/settings.md"
    assert "`deadlines.bootstrap`" in page
    assert "`ssh.bastion.host`" in page


def test_every_setting_says_what_it_means() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \|.*\| (.*) \|$", page, flags=re.MULTILINE)
    assert len(rows) > 80
    assert [name for name, meaning in rows if not meaning.endswith(".")] == []
