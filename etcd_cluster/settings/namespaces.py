"""Settings in another namespace than the project's, where nothing reads them."""

import difflib
from collections.abc import Iterable

from etcd_cluster.settings.problems import SettingProblem, unknown
from etcd_cluster.settings.schema import KEYS

# Providers that this program uses, and Pulumi itself; others' configuration is their own.
PROVIDERS = frozenset({"aws", "command", "pulumi", "pulumi-python", "tls"})


def misplaced(project: str, keys: Iterable[str]) -> tuple[list[SettingProblem], list[str], dict[str, str]]:
    """Return problems and warnings with keys outside `project`, and which setting each refused one is meant for.

    `keys` carry their namespaces, as `project:name`. Refused is what looks like a setting of this program, by its
    namespace or by its name; of the rest nobody here can tell whether it does something, so it is warned of.
    """
    problems: list[SettingProblem] = []
    warnings: list[str] = []
    meant: dict[str, str] = {}
    for key in sorted(keys):
        namespace, _, name = key.partition(":")
        if namespace in (project, *PROVIDERS):
            continue
        top = name.partition(".")[0].partition("[")[0]
        setting = _nearest(top)
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
    return plain == project.lower() or bool(difflib.get_close_matches(plain, [project.lower()], n=1, cutoff=0.75))


def _nearest(name: str) -> str | None:
    near = difflib.get_close_matches(name.lower().replace("-", "_"), list(KEYS), n=1, cutoff=0.75)
    return name if name in KEYS else near[0] if near else None
