"""The one entry to the settings, and the check of namespaces."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from etcd_cluster.settings import checks, structure
from etcd_cluster.settings.checks import authorities, host_keys, login, releases
from etcd_cluster.settings.model import Settings
from etcd_cluster.settings.model.ec2 import LOGIN_USERS
from etcd_cluster.settings.problems import (
    SettingProblem,
    SettingsError,
    drop_dependent,
    nearest,
    redact,
    redact_problems,
    secrets,
    unknown,
    wrong_keys,
)
from etcd_cluster.settings.reading import Reader
from etcd_cluster.settings.schema import KEYS

WAL_DIR = "/var/lib/etcd-wal"
# Providers that this program uses, and Pulumi itself; others' configuration is their own.
PROVIDERS = frozenset({"aws", "command", "pulumi", "pulumi-python", "tls"})


def load(
    raw: Mapping[str, Any], secret_keys: Collection[str] = (), base: Path | None = None
) -> tuple[Settings, list[str]]:
    """Return the settings that `raw` describes, complete, and warnings of one line each.

    `raw` has the keys without their namespace; objects may be maps or JSON text. Values below `secret_keys` are not
    shown in messages. Relative paths start at `base`, by default the working directory. The files that the settings
    name are read, and their content is in the result. Raises SettingsError with all problems at once.
    """
    draft, problems = structure.parse(raw, secret_keys)
    hidden = secrets(structure.decoded(raw), secret_keys)
    # The number of nodes is a fault of its own: each of them is checked all the same.
    wrong = wrong_keys(problem for problem in problems if problem.key != ("nodes",) or not draft.nodes)
    settings, found = _read_files(_with_ec2_defaults(draft), (base or Path.cwd()).absolute())
    problems += drop_dependent(found, wrong)
    wrong += wrong_keys(found)
    problems += drop_dependent(checks.run(settings), wrong)
    if problems:
        raise SettingsError(*redact_problems(problems, secret_keys, hidden))
    return settings, [redact(hidden, warning) for warning in checks.warnings(settings)]


def _read_files(settings: Settings, base: Path) -> tuple[Settings, list[SettingProblem]]:
    """Return the settings with the content of all files filled in, and what is wrong with them."""
    reader = Reader(base)
    generated = settings.hosts == "ec2" and (settings.ec2 is None or settings.ec2.key_name is None)
    settings = settings.model_copy(update={"ssh": login.complete(settings.ssh, reader, generated=generated)})
    settings = host_keys.complete(settings, reader)
    settings = releases.complete(settings, reader)
    settings = authorities.complete(settings, reader)
    return settings, reader.problems


def _with_ec2_defaults(settings: Settings) -> Settings:
    """Return the settings with the image's account, the WAL volume's directory and each node's architecture."""
    ec2 = settings.ec2
    if settings.hosts != "ec2" or ec2 is None:
        return settings
    update: dict[str, object] = {}
    if "user" not in settings.ssh.model_fields_set and ec2.image in LOGIN_USERS:
        update["ssh"] = settings.ssh.model_copy(update={"user": LOGIN_USERS[ec2.image]})
    if ec2.wal_volume is not None and settings.paths.wal_dir is None:
        update["paths"] = settings.paths.model_copy(update={"wal_dir": WAL_DIR})
    update["nodes"] = {
        name: node.model_copy(update={"architecture": node.architecture or ec2.architecture})
        for name, node in settings.nodes.items()
    }
    return settings.model_copy(update=update)


def misplaced(project: str, keys: Iterable[str]) -> tuple[list[SettingProblem], list[str], dict[str, str]]:
    """Return problems and warnings with keys outside `project`, and which setting each refused one is meant for.

    `keys` carry their namespaces, as `project:name`. Refused is what looks like a setting of this program, by its
    namespace or by its name; what the rest does is not known here, so it draws a warning.
    """
    problems: list[SettingProblem] = []
    warnings: list[str] = []
    meant: dict[str, str] = {}
    for key in sorted(keys):
        namespace, _, name = key.partition(":")
        if namespace in (project, *PROVIDERS):
            continue
        top = name.partition(".")[0].partition("[")[0]
        setting = _nearest_setting(top)
        near = f"{project}:{setting}" if setting else project
        if not _near(namespace, project) and top not in KEYS:
            warnings.append(
                f"{key}: unknown namespace; neither this program nor its providers read {namespace}. "
                f"Settings of the cluster begin with {project}:."
            )
            continue
        problems.append(
            unknown(
                (f"{namespace}:{top}",),
                "namespace",
                f"Nothing reads {namespace}, so the value would be ignored.",
                near=near,
            )
        )
        if setting:
            meant[key] = setting
    return problems, warnings, meant


def _near(namespace: str, project: str) -> bool:
    plain = namespace.lower().replace("_", "-")
    return plain == project.lower() or nearest(plain, [project.lower()], 0.75) is not None


def _nearest_setting(name: str) -> str | None:
    return name if name in KEYS else nearest(name.lower().replace("-", "_"), KEYS, 0.75)
