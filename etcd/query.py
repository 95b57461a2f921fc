"""What came of a question to a member: an answer, an error, no answer, or a question that could not be asked."""

from enum import Enum


class Query(Enum):
    """Five outcomes that call for different things; only a stopped process may be started."""

    NOT_ASKED = "not asked"
    """No process runs, or the look asked nothing."""
    SERVES = "serves"
    """The member gave a linearizable answer."""
    ERROR = "error"
    """The member answered with an error of its own: no leader, NOSPACE, a learner, a refused user."""
    SILENT = "silent"
    """Nothing answered in time, or nothing listened."""
    CANNOT_ASK = "cannot ask"
    """The question never reached the member's service: etcdctl failed by itself, a proxy stood in between, the
    member refused our client certificate or we its certificate. It tells nothing of the member's health."""
