"""The preview lists the steps that the run takes, with what is made only in the run said as such."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.certificates import pem
from etcd_cluster.convergence.unobserved_members import Answers
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.rendering import revision as render
from etcd_cluster.specs.member import INPUT_KEYS
from provider import preview
from provider.resources.rollout import Rollout
from provider.values import UNKNOWN
from tests.unit import samples as core_samples
from tests.unit.provider.test_adoption import authority, certificate
from tests.unit.provider.test_resources import BARE, CONNECTION, ROLLOUT, Hosts, hosts, unreachable

__all__ = ["hosts"]

URN = "urn:pulumi:dev::project::etcd:index:Cluster$etcd:index:Rollout::etcd-rollout"
SERVICE_URN = "urn:pulumi:dev::project::etcd:index:Cluster$etcd:index:Node$etcd:index:Service::etcd-{}-service"
CA = authority("first")[1]
BOTH = CA + authority("second")[1]


def leaf(issuer: str) -> str:
    return certificate("leaf", authority("a leaf")[0], issuer, authority(issuer)[0])


@pytest.fixture(autouse=True)
def _nobody_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: Any) -> Answers:
        return Answers()

    monkeypatch.setattr(preview, "ask_unobserved_members", nobody)


def seen(name: str, **changes: Any) -> HostFacts:
    """Return a host whose member serves with what is active."""
    member = core_samples.member(name)
    loaded = pem.trust(CA, CA, leaf("first"), leaf("first"))
    text = render.environment_text(render.environment(member))
    return core_samples.serving(name, loaded_trust=loaded, active_environment=text, fetch_tool="curl", **changes)


def inputs(names: str = "abc", revision: Any = "r1", certificates: Any = "c1") -> dict[str, Any]:
    """Return Rollout's inputs for these members."""
    members = {
        name: {**core_samples.member(name).inputs(), "revision": revision, "certificates": certificates}
        for name in names
    }
    connections = {name: {**CONNECTION, "host": f"192.0.2.{ord(name) - 96}"} for name in names}
    return {**ROLLOUT, "members": members, "connections": connections, "host_ids": {}}


def told(hosts: Hosts, old: dict[str, Any], new: dict[str, Any], ca: Any = CA, leaves: Any = None) -> list[str]:
    """Return what the check of a Rollout tells."""
    for name in new["members"]:
        hosts.run.checked[SERVICE_URN.format(name)] = {
            "member": new["members"][name],
            "client_ca": ca,
            "peer_ca": ca,
            "leafs": leaves or {"server": leaf("first"), "peer": leaf("first")},
        }
    _, failures = asyncio.run(Rollout(hosts).check(URN, old, new))
    return [*hosts.told, *(failure.reason for failure in failures)]


def test_a_ca_that_is_made_in_this_run_restarts_all_members(hosts: Hosts) -> None:
    hosts.seen = {name: seen(name) for name in "abc"}
    why = "(the CAs that are trusted for clients; the CAs that are trusted for peers)"
    assert told(hosts, inputs(), inputs(revision=UNKNOWN), ca=UNKNOWN) == [
        (
            "Steps that are due:\n  a CA is made in this run; then:\n"
            f"  1. restart b {why}\n  2. restart c {why}\n  3. restart a, which leads, after it has handed over {why}"
        )
    ]


def test_a_ca_file_that_is_known_names_its_restarts(hosts: Hosts) -> None:
    hosts.seen = {name: seen(name) for name in "abc"}
    (text,) = told(hosts, inputs(), inputs(revision="r2"), ca=BOTH)
    assert text.count("restart") == 3 and "the CAs that are trusted for peers" in text


UNKNOWN_LEAFS = {"server": UNKNOWN, "peer": UNKNOWN}


def test_renewed_certificates_restart_nobody(hosts: Hosts) -> None:
    hosts.seen = {name: seen(name) for name in "abc"}
    assert told(hosts, inputs(), inputs(certificates=UNKNOWN), leaves=UNKNOWN_LEAFS) == [
        (
            "Steps that are due:\n  certificates are issued in this run; then:\n"
            "  1. put new certificates into use on a, b, c, without a restart"
        )
    ]


def test_a_renewal_beside_a_new_ca_comes_before_the_restarts(hosts: Hosts) -> None:
    hosts.seen = {name: seen(name) for name in "abc"}
    new = inputs(revision=UNKNOWN, certificates=UNKNOWN)
    (text,) = told(hosts, inputs(), new, ca=UNKNOWN, leaves=UNKNOWN_LEAFS)
    assert "a CA is made and certificates are issued in this run; then:\n  1. put new certificates" in text
    hosts.engine.told.clear()  # type: ignore[attr-defined]
    (text,) = told(hosts, {}, new, ca=UNKNOWN, leaves=UNKNOWN_LEAFS)
    assert text.index("restart b") < text.index("put new certificates"), "in a new stack nobody trusts the CA yet"


def test_a_new_cluster_and_a_replaced_host_are_listed_whole(hosts: Hosts) -> None:
    hosts.seen = dict.fromkeys("abc", BARE)
    new = inputs(revision=UNKNOWN, certificates=UNKNOWN)
    (text,) = told(hosts, {}, new, ca=UNKNOWN, leaves=UNKNOWN_LEAFS)
    assert text.endswith("then:\n  1. start a new cluster of a, b, c")
    hosts.engine.told.clear()  # type: ignore[attr-defined]
    hosts.seen = {"a": seen("a"), "b": seen("b"), "d": BARE}
    old = inputs()
    hosts.run.read[URN] = {**old, "cluster_id": core_samples.CLUSTER, "running": {}}
    replaced = {
        **inputs("abd"),
        "members": {**inputs("ab")["members"], "c": inputs("d")["members"]["d"] | {"name": "c"}},
    }
    replaced["connections"] = {**inputs("ab")["connections"], "c": inputs("d")["connections"]["d"]}
    hosts.seen["c"] = hosts.seen.pop("d")
    (text,) = told(hosts, old, replaced)
    assert [line.split(". ", 1)[1] for line in text.splitlines()[1:]] == [
        f"remove member c ({core_samples.member_id('c')})",
        "add c as a learner",
        "start c, which joins with an empty data directory",
        "promote c once it has caught up",
        "record that c serves",
    ]


@pytest.mark.parametrize("unknown", ["connections", "members"])
def test_what_is_due_on_hosts_that_do_not_exist_yet_follows(hosts: Hosts, unknown: str) -> None:
    new = {**inputs(), unknown: UNKNOWN}
    _, failures = asyncio.run(Rollout(hosts).check(URN, {}, new))
    assert (failures, hosts.told) == ((), ["The steps follow once the hosts exist"])
    assert hosts.looks == 0


def test_nothing_is_listed_and_nobody_is_asked_where_the_run_will_do_nothing(hosts: Hosts) -> None:
    hosts.run.read[URN] = {**inputs(), "running": {n: {"revision": "r1", "certificates": "c1"} for n in "abc"}}
    assert told(hosts, inputs(), {**inputs(), "valid_from": UNKNOWN}) == []
    assert hosts.looks == 0


def test_a_refusal_of_the_run_is_one_of_the_preview(hosts: Hosts) -> None:
    hosts.seen = {"a": seen("a"), "b": seen("b"), "c": unreachable("c")}
    (text,) = told(hosts, inputs(), inputs(revision="r2"))
    assert text.startswith("c: cannot connect to it, and a and b must restart for the changed settings")


def test_a_run_that_will_be_refused_on_the_way_says_where(hosts: Hosts) -> None:
    hosts.seen = {"a": replace(seen("a"), bootstrapped=None), "b": seen("b"), "c": unreachable("c")}
    (text,) = told(hosts, inputs(), inputs(revision="r2"))
    first, ends = text.splitlines()[1:]
    assert first == "  1. record that a serves"
    assert ends.startswith(
        "  Then it stops: c: cannot connect to it, and a and b must restart for the changed settings."
    )


def test_a_rollout_is_told_all_that_a_member_is() -> None:
    assert set(INPUT_KEYS) == set(core_samples.member().inputs())


def test_a_single_member_is_told_to_be_out_for_a_moment(hosts: Hosts) -> None:
    hosts.seen = {"a": replace(seen("a"), members=(core_samples.listed("a"),))}
    assert told(hosts, inputs("a"), inputs("a", revision="r2"))[1:] == [
        "With 1 member(s), each restart is a brief outage"
    ]
