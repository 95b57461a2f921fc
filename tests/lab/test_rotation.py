"""Another CA for clients or peers, while a client that trusts what was published writes from outside."""

from pathlib import Path
from typing import Any

import pytest

from tests.lab.authorities import Authority
from tests.lab.conftest import MakeHosts, MakeStack, Measure
from tests.lab.harness import Stack
from tests.lab.outside import Client, Writer, served

pytestmark = [pytest.mark.lab, pytest.mark.long]

# Each phase, and whether the members restart for it: trust 2 too, let 2 issue, take that back, do it again, drop 1.
PHASES: list[tuple[dict[str, Any], bool]] = [
    ({"trust_generations": [1, 2]}, True),
    ({"generation": 2, "trust_generations": [1, 2]}, False),
    ({"trust_generations": [1, 2]}, False),
    ({"generation": 2, "trust_generations": [1, 2]}, False),
    ({"generation": 2}, True),
]
PORTS = {"client": 2379, "peer": 2380}


def _issuer(address: str, port: int) -> str:
    """Return who issued the certificate that a new connection is shown."""
    return served(address, port).issuer.rfc4514_string()


def _restarted(stack: Stack, pids: dict[str, int]) -> list[str]:
    after = stack.pids()
    assert 0 not in after.values()
    return sorted(node for node in pids if after[node] != pids[node])


def _issuers(stack: Stack, purpose: str) -> set[str]:
    return {_issuer(host.address, PORTS[purpose]) for host in stack.hosts.values()}


def _rotate(stack: Stack, tools: Path, purpose: str, measure: Measure) -> None:
    """Go through all phases; after each, the client uses what was published with it."""
    with Writer(Client(stack, tools)) as writer:
        for settings, restarts in PHASES:
            pids = stack.pids()
            stack.config.setdefault("ca", {})[purpose] = settings
            said = stack.up().stdout
            measure(f"ca.{purpose}: {settings}", writer)
            assert _restarted(stack, pids) == (sorted(stack.hosts) if restarts else [])
            (issuer,) = _issuers(stack, purpose)
            assert f"{purpose} CA etcd-{purpose}-ca-{settings.get('generation', 1)}" in issuer
            assert ("trusted beside" in said) == ("trust_generations" in settings)
            assert [each["healthy"] for each in stack.output("members")] == [True] * 3
            client = Client(stack, tools)
            writer.follow(client)
    writer.served_all(client)
    assert stack.preview("--expect-no-changes").returncode == 0


@pytest.fixture(scope="module")
def stack(fresh_for_module: MakeHosts, make_module_stack: MakeStack) -> Stack:
    made = make_module_stack(fresh_for_module(3))
    made.up()
    return made


def test_a_jump_to_another_ca_is_refused(stack: Stack) -> None:
    pids = stack.pids()
    for purpose in ("client", "peer"):
        stack.config["ca"] = {purpose: {"generation": 2}}
        assert f"ca.{purpose}: generation 2 is to issue, but was not trusted by the last `up`" in stack.refused()
    del stack.config["ca"]
    assert stack.preview("--expect-no-changes").returncode == 0
    assert stack.pids() == pids


def test_the_peers_ca_is_rotated(stack: Stack, tools: Path, measure: Measure) -> None:
    _rotate(stack, tools, "peer", measure)


def test_the_clients_ca_is_rotated_and_the_old_one_is_of_no_use(stack: Stack, tools: Path, measure: Measure) -> None:
    first = Client(stack, tools)
    _rotate(stack, tools, "client", measure)
    assert first.run("get", "any", check=False).returncode != 0
    (first.folder / "ca.pem").write_text(stack.output("ca_certificate"))
    assert first.run("get", "any", check=False).returncode != 0


def test_authorities_of_ones_own_are_rotated_and_renewed(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, tmp_path: Path, measure: Measure
) -> None:
    old = {purpose: Authority(f"our first CA for {purpose}s") for purpose in PORTS}
    new = {purpose: Authority(f"our second CA for {purpose}s") for purpose in PORTS}
    again = {purpose: new[purpose].renewed() for purpose in PORTS}

    def settings(issuing: dict[str, Authority], trusted: dict[str, Authority] | None = None) -> dict[str, Any]:
        return {
            purpose: {
                "certificate": issuing[purpose].pair.certificate,
                "private_key_file": str(issuing[purpose].write_key(tmp_path / f"{purpose}-key.pem")),
                **({"trust_certificates": trusted[purpose].pair.certificate} if trusted else {}),
            }
            for purpose in PORTS
        }

    stack = make_stack(fresh(3), ca=settings(old))
    stack.up()
    steps: list[tuple[str, dict[str, Any], dict[str, Authority], bool]] = [
        ("the new one is trusted", settings(old, new), old, True),
        ("the new one issues", settings(new, old), new, False),
        ("the old one is dropped", settings(new), new, True),
        ("the new one is renewed with its key", settings(again), again, True),
    ]
    with Writer(Client(stack, tools)) as writer:
        for what, ca, issuing, restarts in steps:
            pids = stack.pids()
            for purpose in PORTS:
                issuing[purpose].write_key(tmp_path / f"{purpose}-key.pem")
            stack.config["ca"] = ca
            stack.up()
            measure(f"own CAs: {what}", writer)
            assert _restarted(stack, pids) == (sorted(stack.hosts) if restarts else [])
            for purpose in PORTS:
                assert _issuers(stack, purpose) == {f"CN={issuing[purpose].name}"}
            client = Client(stack, tools)
            writer.follow(client)
    writer.served_all(client)
    assert stack.output("ca_certificate").strip() == again["client"].pair.certificate.strip()
    assert stack.preview("--expect-no-changes").returncode == 0
