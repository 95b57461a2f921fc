"""What the settings' files hold, put into the settings."""

from pathlib import Path

from etcd_cluster.settings import archives, authorities, host_keys, login
from etcd_cluster.settings.model import Settings
from etcd_cluster.settings.problems import SettingProblem
from etcd_cluster.settings.reading import Reader


def read(settings: Settings, base: Path) -> tuple[Settings, list[SettingProblem]]:
    """Return the settings with the content of all files filled in, and what is wrong with them."""
    reader = Reader(base)
    generated = settings.hosts == "ec2" and (settings.ec2 is None or settings.ec2.key_name is None)
    settings = settings.model_copy(update={"ssh": login.complete(settings.ssh, reader, generated=generated)})
    settings = host_keys.complete(settings, reader)
    settings = archives.complete(settings, reader)
    settings = authorities.complete(settings, reader)
    return settings, reader.problems
