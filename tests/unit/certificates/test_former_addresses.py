"""Which former addresses members keep, and until when."""

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.certificates.former_addresses import with_former, without_empty
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.rendering import revision
from etcd_cluster.specs.member import Member
from tests.unit import samples as core_samples

OLD, NEW = "192.0.2.1", "2001:db8::1"
BORN = ("a", "b")


def member(name: str, address: str, **changes: Any) -> Member:
    return replace(core_samples.member(name), address=address, **changes)


def running(of: Member) -> HostFacts:
    """Return a host whose member runs with these settings."""
    environment = revision.environment_text(revision.environment(of))
    return core_samples.serving(of.name, active_environment=environment, active_unit=revision.unit(of))


def state(*members: Member) -> dict[str, Any]:
    return {each.name: each.inputs() for each in members}


def kept(
    before: dict[str, Any], wanted: list[Member], facts: dict[str, HostFacts], bootstrapped: tuple[str, ...] = BORN
) -> dict[str, tuple[str, ...]]:
    result = with_former(before, {each.name: each for each in wanted}, facts, bootstrapped)
    return {name: each.former_addresses for name, each in result.items() if each.former_addresses}


A, B = member("a", OLD), member("b", "192.0.2.2")
MOVED = replace(A, address=NEW)
BOTH = replace(MOVED, former_addresses=(OLD,))
RUNNING = {"a": running(A), "b": running(B)}


def test_without_a_move_there_are_none() -> None:
    assert kept(state(A, B), [A, B], RUNNING) == {}
    assert kept({}, [A, B], RUNNING) == {}
    assert kept(state(A, B), [replace(A, client_port=12379), B], RUNNING) == {}, "a port is no address"
    assert "former_addresses" not in A.inputs(), "what is in a state already stays as it is"


def test_a_member_that_moves_keeps_its_former_address() -> None:
    assert kept(state(A, B), [MOVED, B], RUNNING) == {"a": (OLD,)}
    assert kept({}, [MOVED, B], RUNNING) == {"a": (OLD,)}, "also where the state was lost: the host tells"
    assert kept(state(A, B), [MOVED, B], {"b": RUNNING["b"]}) == {"a": (OLD,)}, "also where its host is down"


def test_it_keeps_it_while_others_move_and_after_an_interruption() -> None:
    here = {**RUNNING, "a": running(BOTH)}
    others = [MOVED, replace(B, address="2001:db8::2")]
    assert kept(state(BOTH, B), others, here) == {"a": (OLD,), "b": ("192.0.2.2",)}
    both = state(BOTH, replace(others[1], former_addresses=("192.0.2.2",)))
    assert kept(both, others, here) == {"a": (OLD,), "b": ("192.0.2.2",)}, "b runs on the old one"
    changed = [replace(each, options={"heartbeat-interval": "200"}) for each in others]
    assert kept(both, changed, here) == {"a": (OLD,), "b": ("192.0.2.2",)}


def test_nothing_restarts_only_to_forget_it() -> None:
    assert kept(state(BOTH, B), [MOVED, B], {**RUNNING, "a": running(BOTH)}) == {"a": (OLD,)}


def test_a_later_change_that_restarts_the_member_drops_it() -> None:
    here = {**RUNNING, "a": running(BOTH)}
    changed = replace(MOVED, options={"heartbeat-interval": "200"})
    assert kept(state(BOTH, B), [changed, B], here) == {}
    assert kept(state(BOTH, B), [MOVED, replace(B, options={"heartbeat-interval": "200"})], here) == {"a": (OLD,)}
    assert kept(state(BOTH, B), [changed, B], {"a": here["a"]}) == {"a": (OLD,)}, "a host that is down may lag behind"


def test_a_move_back_keeps_the_address_in_between() -> None:
    assert kept(state(BOTH, B), [A, B], {**RUNNING, "a": running(BOTH)}) == {"a": (NEW,)}


@pytest.mark.parametrize("bootstrapped", [(), ("b",)])
def test_nobody_knows_an_address_at_which_no_member_ever_served(bootstrapped: tuple[str, ...]) -> None:
    assert kept(state(A, B), [MOVED, B], RUNNING, bootstrapped) == {}
    assert kept(state(A, B), [MOVED, B], {**RUNNING, "a": core_samples.empty()}) == {}, "another, new host"


def test_clients_reach_a_member_at_old_and_new_addresses() -> None:
    environment = revision.environment(BOTH)
    assert environment["ETCD_LISTEN_CLIENT_URLS"] == "https://0.0.0.0:2379"
    assert environment["ETCD_LISTEN_PEER_URLS"] == "https://[2001:db8::1]:2380", "peers learn the new one"
    assert environment["ETCD_ADVERTISE_CLIENT_URLS"] == "https://[2001:db8::1]:2379"
    assert Member.from_inputs(BOTH.inputs()) == BOTH


def test_members_without_any_are_as_former_versions_noted_them() -> None:
    assert without_empty({"a": {**A.inputs(), "former_addresses": []}, "b": BOTH.inputs()}) == {
        "a": A.inputs(),
        "b": BOTH.inputs(),
    }
