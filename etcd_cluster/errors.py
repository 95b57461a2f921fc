"""The errors that reach a user: each names what is wrong, why, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from etcd_cluster.reasons import Reason


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    `reason` is what code goes by. `where` names the node or setting, `what` says what was found and why it matters,
    `action` what to do, empty where that is clear. A `what` that quotes lines of a log ends in a newline.
    """

    reason: Reason
    where: str
    what: str
    action: str

    @property
    def identity(self) -> tuple[Reason, str]:
        """What makes two problems the same one, whatever their texts: the reason, and where it was found."""
        return self.reason, self.where

    def __str__(self) -> str:
        parts = [sentence(part) for part in (self.what, self.action) if part]
        return f"{self.where}: " + "".join(part if part.endswith("\n") else f"{part} " for part in parts).rstrip()


def sentence(text: str) -> str:
    """Return the text with a full stop, unless it ends in a mark or a line of its own."""
    return text if text.endswith((".", "?", "…", "\n")) else f"{text}."


class ClusterError(Exception):
    """A failure to tell the user, made of one or more problems; `str()` has one line for each."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems: Sequence[Problem] = problems

    @property
    def identity(self) -> frozenset[tuple[Reason, str]]:
        """What makes two errors the same one, whatever their texts."""
        return frozenset(problem.identity for problem in self.problems)

    @classmethod
    def of(cls, reason: Reason, where: str, what: str, action: str) -> Self:
        """Return an error of one problem."""
        return cls(Problem(reason, where, what, action))


class Unreachable(ClusterError):
    """A host that no connection could be made to, or whose connection broke."""


class WrongHostKey(ClusterError):
    """A host that shows another key than the one that is pinned."""


class Cancelled(ClusterError):
    """The user, or the end of the engine, stopped the work after the step in hand."""
