"""Settings that stand below another name than the project's, where nobody reads them."""

import difflib
from collections.abc import Iterable

from etcd.settings.keys import KEYS
from etcd.settings.problems import Problem

# Providers that this program uses, and Pulumi itself; others' configuration is their own.
PROVIDERS = frozenset({"aws", "command", "pulumi", "pulumi-python", "tls"})


def misplaced(project: str, keys: Iterable[str]) -> tuple[list[Problem], list[str], dict[str, str]]:
    """Return problems and warnings with keys outside `project`, and which setting each refused one is meant for.

    `keys` carry their namespaces, as `project:name`. Refused is what looks like a setting of this program, by its
    namespace or by its name; of the rest nobody here can tell whether it does something, so it is warned of.
    """
    problems: list[Problem] = []
    warnings: list[str] = []
    meant: dict[str, str] = {}
    for key in sorted(keys):
        namespace, _, name = key.partition(":")
        if namespace in (project, *PROVIDERS):
            continue
        top = name.partition(".")[0].partition("[")[0]
        setting = _nearest(top)
        if not _near(namespace, project) and top not in KEYS:
            warnings.append(
                f"{key}: nothing in this program reads the namespace {namespace}. "
                f"A setting of the cluster stands below {project}."
            )
            continue
        problems.append(
            Problem(
                (f"{namespace}:{top}",),
                "",
                f"{project}:{setting or 'SETTING'}",
                f"Nothing reads the namespace {namespace}, so the value would be ignored.",
                "Correct the name.",
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
