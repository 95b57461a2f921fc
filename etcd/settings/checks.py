"""What takes more than one setting to judge."""

from etcd.settings.model import Settings
from etcd.settings.problems import Problem


def run(settings: Settings) -> tuple[list[Problem], list[str]]:
    """Return what is wrong with the settings together, and warnings."""
    return [], []
