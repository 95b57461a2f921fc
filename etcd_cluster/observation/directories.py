"""How the directories of a host stand to the account that etcd runs as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from etcd_cluster.reasons import Reason

_ALL = 7
_PASS = 1
# stat's word for a number that is no account's.
_NUMBER = "UNKNOWN"
# What etcd's data never belongs to: root, and an account that is gone.
_NOBODYS = ("root", _NUMBER)


@dataclass(frozen=True)
class Access:
    """Who may do what with a directory: its owner, its group, and its mode in octal, as stat prints it."""

    owner: str
    group: str
    mode: str

    @classmethod
    def parse(cls, text: str) -> "Access":
        """Read `OWNER GROUP MODE`."""
        owner, group, mode = (*text.split(), "", "", "")[:3]
        return cls(owner, group, mode)

    @property
    def _bits(self) -> tuple[int, int, int]:
        digits = self.mode.zfill(3)[-3:]
        return int(digits[0], 8), int(digits[1], 8), int(digits[2], 8)

    def lets_pass(self, user: str, group: str) -> bool:
        """Tell whether an account may go through to what lies in the directory."""
        own, groups, others = self._bits
        bits = own if user == self.owner else groups if group == self.group else others
        return bool(bits & _PASS)

    @property
    def owner_has_all(self) -> bool:
        """Whether the owner may read, write and pass."""
        return self._bits[0] == _ALL


@dataclass(frozen=True)
class DataDirectory:
    """A directory for data or the WAL: where it really lies, whose it is, and what is in it.

    `content` is one name in it beside lost+found, empty without any; `within` are the owners of etcd's files there.
    """

    path: str
    real: str
    access: Access | None
    content: str
    within: tuple[str, ...] = ()


@dataclass(frozen=True)
class Closed:
    """A directory on the way to `path` that not every account may pass."""

    directory: str
    access: Access
    path: str


def data_directory(values: Mapping[str, Sequence[str]], word: str) -> DataDirectory | None:
    """Read what `directories.sh` tells of one directory, None where it is not there."""

    def one(key: str) -> str:
        return (values.get(f"{word}_{key}") or [""])[-1]

    if not one("path"):
        return None
    access = Access.parse(one("access")) if one("access") else None
    return DataDirectory(one("path"), one("real"), access, one("content"), tuple(values.get(f"{word}_within", ())))


def closed(line: str) -> Closed:
    """Read one `closed=` line."""
    owner, group, mode, directory, path = line.split(" ", 4)
    return Closed(directory, Access(owner, group, mode), path)


Finding = tuple[Reason, str, str]


def findings(
    directory: DataDirectory, setting: str, user: str, group: str, former: str | None, *, is_new: bool
) -> list[Finding]:
    """Return why etcd could not use a data or WAL directory, each with what to do.

    `former` is the account of a member that was set up here before; `is_new` says that this program has nothing on
    the host yet. A directory that is missing or empty is made etcd's before its first start.
    """
    name = "data directory" if setting == "data_dir" else "WAL directory"
    if directory.access is None:
        return [
            (
                Reason.DIRECTORY_INVALID,
                f"its {name} {directory.path} is no directory",
                f"Name another one in `paths.{setting}`",
            )
        ]
    if is_new and directory.real != directory.path:
        return [
            (
                Reason.DIRECTORY_INVALID,
                (
                    f"its {name} {directory.path} leads to {directory.real} by a link; systemd waits for the mounts "
                    "of the path that it gets, so etcd could start before its disk is there"
                ),
                f"Set `paths.{setting}` to {directory.real}",
            )
        ]
    if not directory.content:
        return []
    if is_new and {directory.access.owner, *directory.within} == {_NUMBER} and directory.within:
        return []  # the disk of another host; claim.sh gives the account that is made here this number
    accounts = {user, former} - {None}
    others = sorted({directory.access.owner, *directory.within} - accounts)
    if not is_new:  # a change of the account may have been interrupted, and goes on by itself
        others = [account for account in others if account in _NOBODYS]
    if others and not directory.within:
        return [
            (
                Reason.DIRECTORY_NOT_OWNED,
                (
                    f"its {name} {directory.path} belongs to {others[0]}, is not empty ({directory.content}) and "
                    f"holds no data of etcd; etcd runs as {user} and could not write there"
                ),
                f"Name an empty directory or a new one in `paths.{setting}`, or clear this one if nobody needs it",
            )
        ]
    if others:
        where = directory.path if directory.access.owner not in accounts else f"{directory.path}, or a part of it,"
        return [
            (
                Reason.DIRECTORY_NOT_OWNED,
                f"its {name} {where} belongs to {others[0]}; etcd runs as {user} and could not open its data",
                (
                    "If etcd is to use this data, give it to that account on the host (make the account first where "
                    f"it is not there): `chown -R {user}:{group} {directory.path}`; otherwise name another directory "
                    f"in `paths.{setting}`"
                ),
            )
        ]
    if not directory.access.owner_has_all:
        return [
            (
                Reason.DIRECTORY_INACCESSIBLE,
                f"its {name} {directory.path} has mode {directory.access.mode}, so its owner {user} may not use it",
                f"Run `chmod 700 {directory.path}` on the host",
            )
        ]
    return []
