"""The words of problems, where they quote somebody else's."""

import errno
import socket

from etcd_cluster.errors import Problem
from etcd_cluster.reasons import Reason
from etcd_cluster.ssh import login


def test_a_problem_is_one_line() -> None:
    assert str(Problem(Reason.HOST_UNREACHABLE, "a", "it is off", "Start it")) == "a: it is off. Start it."


def test_what_to_do_follows_quoted_log_lines_on_a_line_of_its_own() -> None:
    problem = Problem(Reason.START_FAILED, "a", "etcd ended. Last log lines:\nbind: no such address\n", "Correct it")
    assert str(problem) == "a: etcd ended. Last log lines:\nbind: no such address\nCorrect it."


def test_a_host_without_a_route_is_told_in_the_systems_words() -> None:
    error = OSError(errno.EHOSTUNREACH, "Connect call failed ('192.0.2.1', 22)")
    assert login._words(error) == "no route to host"


def test_a_name_that_does_not_resolve_keeps_the_resolvers_words() -> None:
    assert login._words(socket.gaierror(-2, "Name or service not known")) == "name or service not known"
