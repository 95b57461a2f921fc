"""What came of a question to a member, from what etcdctl 3.6.16 printed."""

import json

import pytest

from etcd_cluster.observation.query import Call, Query, failed, outcome, words

_DEADLINE = "Failed to get the status of endpoint https://127.0.0.1:2379 (context deadline exceeded)\n"


def logged(error: str) -> str:
    """Return what etcdctl prints on stderr when its connection came to nothing."""
    entry = {
        "level": "warn",
        "ts": "2026-11-28T11:36:24.777744Z",
        "logger": "etcd-client",
        "msg": "retrying of unary invoker failed",
        "target": "etcd-endpoints://0x3973c30e4f00/127.0.0.1:2379",
        "method": "/etcdserverpb.Maintenance/Status",
        "attempt": 0,
        "error": f"rpc error: code = DeadlineExceeded desc = {error}",
    }
    return f"{json.dumps(entry)}\n{_DEADLINE}"


def balancer(reason: str) -> str:
    return logged(f'latest balancer error: connection error: desc = "{reason}"')


UNKNOWN_CA = "error reading server preface: remote error: tls: unknown certificate authority"
UNVERIFIED = (
    "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by"
)
PLAIN = "transport: authentication handshake failed: tls: first record does not look like a TLS handshake"
CONFLICT = json.dumps(
    {
        "level": "fatal",
        "caller": "flags/flag.go:86",
        "msg": "conflicting environment variable is shadowed by corresponding command-line flag",
        "environment-variable": "ETCDCTL_ENDPOINTS",
        "stacktrace": "go.etcd.io/etcd/pkg/v3/flags.verifyEnv",
    }
)
REFUSED = "transport: Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused"


@pytest.mark.parametrize(
    ("call", "query", "said"),
    [
        (Call(1, balancer(UNKNOWN_CA)), Query.CANNOT_ASK, UNKNOWN_CA),
        (Call(1, balancer(UNVERIFIED)), Query.CANNOT_ASK, UNVERIFIED),
        (Call(1, balancer(PLAIN)), Query.CANNOT_ASK, PLAIN),
        (
            Call(1, logged("latest balancer error: write tcp 127.0.0.1:4->127.0.0.1:2: write: broken pipe")),
            Query.CANNOT_ASK,
            "write tcp 127.0.0.1:4->127.0.0.1:2: write: broken pipe",
        ),
        (
            Call(1, CONFLICT),
            Query.CANNOT_ASK,
            "conflicting environment variable is shadowed by corresponding command-line flag (ETCDCTL_ENDPOINTS)",
        ),
        (
            Call(128, "Error: open /etc/etcd/current/client-ca.pem: no such file or directory\n"),
            Query.CANNOT_ASK,
            "open /etc/etcd/current/client-ca.pem: no such file or directory",
        ),
        (
            Call(127, "timeout: failed to run command '/opt/etcd/v3.6.16/etcdctl': No such file or directory\n"),
            Query.CANNOT_ASK,
            "timeout: failed to run command '/opt/etcd/v3.6.16/etcdctl': No such file or directory",
        ),
        (Call(1, ""), Query.CANNOT_ASK, ""),
        (Call(1, balancer(REFUSED)), Query.SILENT, REFUSED),
        (
            Call(1, logged("context deadline exceeded while waiting for connections to become ready")),
            Query.SILENT,
            "context deadline exceeded while waiting for connections to become ready",
        ),
        (
            Call(1, balancer("transport: authentication handshake failed: context deadline exceeded")),
            Query.SILENT,
            "transport: authentication handshake failed: context deadline exceeded",
        ),
        (Call(124, ""), Query.SILENT, ""),
        (Call(1, "Error: etcdserver: permission denied\n"), Query.ERROR, "etcdserver: permission denied"),
    ],
)
def test_a_question_without_an_answer_says_whether_it_reached_the_member(call: Call, query: Query, said: str) -> None:
    assert (failed(call), words(call.stderr)) == (query, said)


def test_a_log_line_that_was_cut_off_is_told_as_it_is() -> None:
    assert words('{"level":"fatal","msg":"conflicting') == '{"level":"fatal","msg":"conflicting'


def test_a_member_that_tells_its_status_answered_even_where_the_read_did_not_go_through() -> None:
    assert outcome(Call(0, ""), True, True, True, "") == (Query.SERVES, "")
    assert outcome(Call(0, ""), True, False, False, "context deadline exceeded") == (Query.ERROR, "it has no leader")
    learner = "etcdserver: rpc not supported for learner"
    assert outcome(Call(0, ""), True, True, False, learner) == (Query.ERROR, learner)


def test_a_look_that_asks_nothing_says_so() -> None:
    assert outcome(None, False, False, False, "") == (Query.NOT_ASKED, "")


def test_etcdctl_that_ended_without_a_word_is_told_with_its_status() -> None:
    assert outcome(Call(9, ""), False, False, False, "") == (Query.CANNOT_ASK, "etcdctl ended with exit status 9")
