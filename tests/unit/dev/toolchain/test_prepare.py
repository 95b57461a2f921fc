"""The toolchain is found, or made once, and says what it is."""

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dev import cache
from dev.toolchain import ToolchainError, cli, environment, plugins, prepare, versions
from dev.toolchain.cli import Cli

CHECKOUT = Path(__file__).parents[4]


def executable(file: Path, text: str = "exit 0") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def ignore(_line: str) -> None:
    pass


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of its own, no network, no Pulumi of the user's."""
    monkeypatch.setenv("ETCD_CLUSTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(cli, "PROBE_URL", "http://127.0.0.1:1/")
    for name in list(os.environ):
        if name.startswith("PULUMI_") or name == "ETCD_CLUSTER_PLUGINS":
            monkeypatch.delenv(name)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A CLI that an earlier run built, with all that is built beside it."""
    folder = tmp_path / "cache" / "toolchain" / f"cli-{versions.CLI}"
    executable(folder / versions.YAML_HOST)
    executable(folder / "built" / versions.SDKS)
    return executable(folder / "pulumi")


@pytest.mark.parametrize(
    ("version", "fit"),
    [
        ("v3.258.0", True),
        ("3.258.1", True),
        ("v3.300.0-alpha.12+dirty", True),
        ("v3.257.9", False),
        ("v2.300.0", False),
        ("v4.0.0", False),
        ("unknown", False),
    ],
)
def test_versions_from_the_pinned_one_on_are_fit(version: str, fit: bool) -> None:
    assert versions.is_fit(version) is fit


def test_a_fit_pulumi_on_path_is_used(tmp_path: Path) -> None:
    binary = executable(tmp_path / "pulumi" / "pulumi", "echo v3.259.0")
    executable(binary.parent / versions.LANGUAGE_HOST)
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "pulumi").symlink_to(binary)
    found = cli.on_path(str(tmp_path / "link"))
    assert isinstance(found, Cli)
    assert (found.binary, found.official) == (binary, True)


@pytest.mark.parametrize(
    ("version", "host", "reason"),
    [
        ("echo v3.100.0", True, "is v3.100.0, not 3.x from 3.258.0 on"),
        ("echo v3.258.0", False, "has no pulumi-language-python beside it"),
        ("exit 1", True, "does not run"),
    ],
)
def test_an_unfit_pulumi_on_path_is_left_and_the_reason_kept(
    tmp_path: Path, version: str, host: bool, reason: str
) -> None:
    executable(tmp_path / "pulumi", version)
    if host:
        executable(tmp_path / versions.LANGUAGE_HOST)
    found = cli.on_path(str(tmp_path))
    assert isinstance(found, str) and reason in found


def test_a_closed_network_is_given_up_on(tmp_path: Path) -> None:
    found = cli.downloaded(tmp_path / "official", ignore)
    assert isinstance(found, str) and "cannot be reached" in found


def test_without_any_way_one_message_names_them_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match=r"no pulumi on PATH; .*cannot be reached.*no Go on PATH.*Install"):
        prepare(ignore)


def test_a_failed_build_shows_the_end_of_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executable(tmp_path / "go", "echo first; echo 'go: no such module' >&2; exit 3")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ToolchainError, match=r"building pulumi failed with status 3.*:\nfirst\ngo: no such module"):
        cli.built(tmp_path / "cli", ignore, [])
    assert not (tmp_path / "cli" / "pulumi").exists()


def test_a_build_is_pinned_and_takes_its_place_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What an earlier run built stays; the language host for YAML is built beside a CLI from before there was one."""
    text = 'printf "%s\\n" "$@" >>args; cat go.mod >seen; [ -s go.sum ]; for package; do :; done; echo $package >"$5"'
    executable(tmp_path / "go", text)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    folder = tmp_path / "cli"
    for _ in range(2):
        cli.built(folder, ignore, [])
        assert (folder / "pulumi").read_text().strip() == versions.CLI_PACKAGE
        assert (folder / versions.YAML_HOST).read_text().strip() == versions.YAML_PACKAGE
        assert (folder / "built" / versions.SDKS).read_text().strip() == f"./{versions.SDKS}"
        arguments = (folder / "args").read_text()
        (folder / versions.YAML_HOST).unlink()
    assert f"pulumi/pkg/v3 v{versions.CLI}\n" in (folder / "seen").read_text()
    assert f"pulumi-yaml v{versions.YAML}\n" in (folder / "seen").read_text()
    assert f"Version=v{versions.CLI}" in arguments and f"Version=v{versions.YAML}" in arguments
    assert arguments.splitlines().count(versions.CLI_PACKAGE) == 1
    assert arguments.splitlines().count(versions.YAML_PACKAGE) == 2
    assert (folder / versions.SDKS / "main.go").exists()


@pytest.mark.usefixtures("built")
def test_stand_ins_lie_where_the_cli_finds_them() -> None:
    made = prepare(ignore)
    assert made.standins == ["language-python", "pulumi-python", "aws", "command", "tls"]
    assert made.description == (
        "Pulumi CLI: built from its Go module v3.258.0; plugins: stand-ins of the lab for language-python, "
        "pulumi-python, aws, command, tls"
    )
    binaries, home = Path(made.binaries), Path(made.home)
    hosts = {versions.LANGUAGE_HOST, versions.YAML_HOST, versions.DYNAMIC_PROVIDERS}
    assert {file.name for file in binaries.iterdir()} == {"pulumi", versions.SDKS, *hosts}
    assert not (binaries / "pulumi").is_symlink()
    for name, version in versions.RESOURCE_PLUGINS.items():
        launcher = home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"
        assert os.access(launcher, os.X_OK)
        assert str(CHECKOUT) in launcher.read_text()


@pytest.mark.usefixtures("built")
def test_a_launcher_starts_its_stand_in() -> None:
    launcher = Path(prepare(ignore).home) / "plugins" / "resource-tls-v5.6.2" / "pulumi-resource-tls"
    process = subprocess.Popen([launcher, "127.0.0.1:1"], cwd="/", stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert int(process.stdout.readline()) > 0
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()


def test_it_is_made_once_however_many_ask_at_once(monkeypatch: pytest.MonkeyPatch, built: Path) -> None:
    lay = plugins.lay
    calls = []

    def counted(*arguments: object) -> object:
        calls.append(arguments)
        return lay(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(plugins, "lay", counted)
    found = []
    threads = [threading.Thread(target=lambda: found.append(prepare(ignore))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(calls) == 1
    assert len(found) == 5 and len({made.home for made in found}) == 1
    assert built.exists()


@pytest.mark.usefixtures("built")
def test_a_broken_attempt_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "lay", lambda *_arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(ignore)
    assert list((cache.toolchain() / "environments").iterdir()) == []


@pytest.mark.usefixtures("built")
def test_a_folder_of_real_plugins_takes_the_place_of_stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = executable(tmp_path / "real" / "resource-tls-v5.6.2" / "pulumi-resource-tls")
    executable(tmp_path / "real" / versions.LANGUAGE_HOST)
    executable(tmp_path / "real" / f"{versions.LANGUAGE_HOST}-exec")
    monkeypatch.setenv("ETCD_CLUSTER_PLUGINS", str(tmp_path / "real"))
    made = prepare(ignore)
    assert made.standins == ["pulumi-python", "aws", "command"]
    assert f"{tmp_path / 'real'} for language-python, tls" in made.description
    assert (Path(made.home) / "plugins" / "resource-tls-v5.6.2" / "pulumi-resource-tls").resolve() == real
    monkeypatch.delenv("ETCD_CLUSTER_PLUGINS")
    assert len(prepare(ignore).standins) == 5


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (Path.exists, "is not a folder"),
        (lambda folder: folder.mkdir(), "has none of the plugins: resource-aws-v7.51.1, resource-command-v1.2.1"),
        (lambda folder: executable(folder / versions.LANGUAGE_HOST), "needs pulumi-language-python-exec beside it"),
    ],
)
def test_a_folder_that_cannot_serve_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fill: Callable[[Path], object], message: str
) -> None:
    fill(tmp_path / "real")
    monkeypatch.setenv("ETCD_CLUSTER_PLUGINS", str(tmp_path / "real"))
    with pytest.raises(ToolchainError, match=message):
        prepare(ignore)


@pytest.mark.usefixtures("built")
def test_the_environment_is_the_users_with_the_toolchain_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/some/agent")
    found = environment()
    made = prepare(ignore)
    assert found["PATH"] == f"{made.binaries}:/usr/bin:/bin"
    assert found["PULUMI_HOME"] == made.home
    assert found["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/cache/state"
    assert found["PULUMI_SKIP_UPDATE_CHECK"] == "1"
    assert found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert found["SSH_AUTH_SOCK"] == "/some/agent"
    # Within `run`, PATH starts with the toolchain already; it is still the same toolchain, entered once.
    monkeypatch.setenv("PATH", found["PATH"])
    assert environment()["PATH"] == found["PATH"]


@pytest.mark.usefixtures("built")
def test_the_passphrase_is_random_private_kept_and_not_beside_the_state(tmp_path: Path) -> None:
    file = Path(environment()["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    text = file.read_text()
    assert len(text) >= 40
    assert Path(environment()["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text() == text
    assert file.parent not in (tmp_path / "cache" / "state").parents
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_the_users_passphrase_is_left_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    found = environment()
    assert [key for key in found if "PASSPHRASE" in key] == [name]


@pytest.mark.usefixtures("built")
def test_the_users_backend_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    found = environment()
    assert found["PULUMI_BACKEND_URL"] == "s3://bucket"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in found


@pytest.mark.usefixtures("built")
def test_the_users_login_is_left_alone_and_found(tmp_path: Path) -> None:
    own = tmp_path / "home" / ".pulumi"
    own.mkdir(parents=True)
    (own / "credentials.json").write_text(json.dumps({"current": "https://api.pulumi.com"}))
    found = environment()
    assert "PULUMI_BACKEND_URL" not in found and "PULUMI_CONFIG_PASSPHRASE_FILE" not in found
    assert found["PULUMI_CREDENTIALS_PATH"] == str(own)
