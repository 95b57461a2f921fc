"""The one entry to the settings."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from etcd_cluster.settings import checks, ec2_defaults, files, structure
from etcd_cluster.settings.model import Settings
from etcd_cluster.settings.problems import SettingsError, drop_dependent, wrong_keys
from etcd_cluster.settings.secrets import redact, redact_problems, secrets


def load(
    raw: Mapping[str, Any], secret_keys: Collection[str] = (), base: Path | None = None
) -> tuple[Settings, list[str]]:
    """Return the settings that `raw` describes, complete, and warnings of one line each.

    `raw` has the keys without their namespace; objects may be maps or JSON text. Values below `secret_keys` are not
    shown in messages. Relative paths start at `base`, by default the working directory. The files that the settings
    name are read, and their content stands in the result. Raises SettingsError with all problems at once.
    """
    draft, problems = structure.parse(raw, secret_keys)
    hidden = secrets(structure.decoded(raw), secret_keys)
    # The number of nodes is a fault of its own: each of them is checked all the same.
    wrong = wrong_keys(problem for problem in problems if problem.key != ("nodes",) or not draft.nodes)
    settings, found = files.read(ec2_defaults.complete(draft), (base or Path.cwd()).absolute())
    problems += drop_dependent(found, wrong)
    wrong += wrong_keys(found)
    problems += drop_dependent(checks.run(settings), wrong)
    if problems:
        raise SettingsError(*redact_problems(problems, secret_keys, hidden))
    return settings, [redact(hidden, warning) for warning in checks.warnings(settings)]
