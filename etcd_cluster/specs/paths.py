"""Every path that the program uses on a host, derived from the `paths` settings in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

UNIT = "etcd.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"


@dataclass(frozen=True)
class Layout:
    """The directories of one host; all are absolute and normalized.

    `config_dir` belongs to root and holds what is staged, what is active and the markers; `data_dir` and `wal_dir`
    belong to etcd and are never written by root.
    """

    bin_dir: str
    install_dir: str
    config_dir: str
    data_dir: str
    wal_dir: str | None

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any]) -> Self:
        """Read the shape that `inputs` writes."""
        return cls(
            bin_dir=inputs["bin_dir"],
            install_dir=inputs["install_dir"],
            config_dir=inputs["config_dir"],
            data_dir=inputs["data_dir"],
            wal_dir=inputs.get("wal_dir"),
        )

    def inputs(self) -> dict[str, str | None]:
        """Return the paths as resource inputs."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def wal(self) -> str:
        """The directory that holds the WAL files, etcd's `wal-dir`.

        It lies inside `wal_dir`, which may be a mount point: etcd makes the directory by renaming a temporary one
        beside it (storage/wal/wal.go, Create), which a mount point and a parent of root's do not allow.
        """
        return f"{self.wal_dir}/wal" if self.wal_dir else f"{self.data_dir}/member/wal"

    @property
    def own_wal(self) -> str:
        """What `wal-dir` is set to; empty where the WAL stays inside the data directory."""
        return self.wal if self.wal_dir else ""

    @property
    def environment(self) -> str:
        """The environment file that the unit reads first; a link into the active revision."""
        return f"{self.config_dir}/etcd.env"

    @property
    def bootstrap_environment(self) -> str:
        """The environment file that may say `new` or list a join; there only until the member has served."""
        return f"{self.config_dir}/bootstrap.env"

    @property
    def active_revision(self) -> str:
        """The link to the revision that a (re)start uses."""
        return f"{self.config_dir}/current"

    @property
    def active_certificates(self) -> str:
        """The link to the leaf certificates in use; etcd reads them at each new connection."""
        return f"{self.config_dir}/certificates/current"

    def version_dir(self, version: str) -> str:
        """Return the directory of one version's binaries."""
        return f"{self.install_dir}/v{version}"
