"""Places, pinned values and the look before an instance is replaced."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from etcd_cluster.convergence.unobserved_members import Answers
from etcd_cluster.errors import Cancelled, ClusterError, Problem, Unreachable
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Result
from provider.resource import Context
from provider.resources import instance_preflight
from provider.resources.instance_preflight import InstancePreflight
from provider.resources.pinned import Pinned
from provider.resources.placement import Placement
from provider.values import UNKNOWN
from tests.unit.provider.provider_calls import Engine
from tests.unit.samples import down, empty, member, serving, silent, stopped
from tests.unit.sent_scripts import sent


@dataclass
class Hosts(Context):
    """A context whose hosts are what the test says; `runs` are the scripts' arguments by node."""

    seen: dict[str, HostFacts | ClusterError] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    runs: list[tuple[str, ...]] = field(default_factory=list)

    async def session(self, node: str, connection: Mapping[str, Any]) -> Any:
        async def run(script: str, *arguments: str, **_: Any) -> Result:
            call = sent(script)
            self.runs.append((node, call.name or arguments[0], *arguments[1:], *call.variables.values()))
            return Result(0, "", "")

        return SimpleNamespace(run=run, node=node)

    async def look(self, node: str, connection: Mapping[str, Any], member: Member, seconds: int) -> HostFacts:
        self.asked.append((node, connection["host"]))
        seen = self.seen[node]
        if isinstance(seen, ClusterError):
            raise seen
        return seen

    @property
    def told(self) -> list[str]:
        return [message for _, message in self.engine.told]  # type: ignore[attr-defined]


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    made = Hosts(Engine())  # type: ignore[arg-type]

    @contextlib.asynccontextmanager
    async def held(sessions: Mapping[str, Any], count: int, holder: str, _seconds: int) -> AsyncIterator[Any]:
        made.runs.append(("lease", *sorted(sessions), str(count)))
        yield SimpleNamespace(check=lambda: None, holder=holder)

    async def alive(*_: Any) -> Answers:
        return Answers()

    monkeypatch.setattr(instance_preflight.lease, "held", held)
    monkeypatch.setattr(instance_preflight, "ask_unobserved_members", alive)
    return made


# Placement


def placed(hosts: Hosts, old: dict[str, Any], **new: Any) -> tuple[dict[str, Any], Any]:
    inputs = {"nodes": ["a", "b"], "places": ["s1", "s2"], "given": {}, **new}
    return asyncio.run(Placement(hosts).check("urn", old, inputs))


def test_places_are_kept_in_the_state(hosts: Hosts) -> None:
    inputs, failures = placed(hosts, {})
    assert (inputs["assigned"], failures) == ({"a": "s1", "b": "s2"}, ())
    again, _ = placed(hosts, inputs, nodes=["c", "b"], places=["s1", "s2"])
    assert again["assigned"] == {"c": "s1", "b": "s2"}
    assert asyncio.run(Placement(hosts).create("urn", inputs)) == ("placement", inputs)
    assert asyncio.run(Placement(hosts).diff(inputs, inputs)) == []


def test_a_place_that_is_gone_fails_the_check(hosts: Hosts) -> None:
    inputs, _ = placed(hosts, {})
    kept, [failure] = placed(hosts, inputs, places=["s1"])
    assert failure.reason.startswith("b: it stands in s2, which is no longer among")
    assert kept["assigned"] == inputs["assigned"]


def test_unknown_places_leave_only_new_nodes_open(hosts: Hosts) -> None:
    before, _ = placed(hosts, {})
    inputs, failures = placed(hosts, before, nodes=["a", "c"], places=UNKNOWN)
    assert (inputs["assigned"], failures) == ({"a": "s1", "c": UNKNOWN}, ())


# Pinned


PIN: dict[str, Any] = {
    "node": "a",
    "setting": "nodes.a.ec2.generation",
    "generation": 1,
    "values": {"ami": "ami-1", "instance_type": "m6i.large"},
    "secrets": {"user_data": "secret 1"},
    "in_use": ["i-1"],
    "forever": False,
}


def pinned(hosts: Hosts, old: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], Any]:
    return asyncio.run(Pinned(hosts).check("urn", old, {**PIN, **changes}))


NEW = {"values": {"ami": "ami-2", "instance_type": "m6i.large"}, "secrets": {"user_data": "secret 2"}}


def test_the_values_stay_while_the_generation_does(hosts: Hosts) -> None:
    assert pinned(hosts, {}) == (PIN, ())
    assert pinned(hosts, PIN, **NEW) == (PIN, ())
    [warning] = hosts.told
    assert "a keeps ami ami-1 (settings: ami-2) as of generation 1; raise `nodes.a.ec2.generation` to 2" in warning
    assert "secret" not in warning
    assert "instance_type" not in warning


def test_a_raised_generation_takes_the_new_values(hosts: Hosts) -> None:
    assert pinned(hosts, PIN, generation=2, **NEW) == ({**PIN, "generation": 2, **NEW}, ())
    assert hosts.told == []


def test_a_lowered_generation_is_refused(hosts: Hosts) -> None:
    old = {**PIN, "generation": 3}
    _, [failure] = pinned(hosts, old, generation=2)
    assert failure.reason.startswith("a: `nodes.a.ec2.generation` was 3 and cannot become 2. Set it to 3, or to 4")


@pytest.mark.parametrize("unknown", [UNKNOWN, {"ami": UNKNOWN, "instance_type": UNKNOWN}])
def test_values_that_a_preview_does_not_know_are_kept_without_a_word(hosts: Hosts, unknown: Any) -> None:
    assert pinned(hosts, PIN, values=unknown)[0]["values"] == PIN["values"]
    assert hosts.told == []


def test_a_value_that_the_state_lacks_is_taken_and_one_that_is_no_longer_asked_for_goes(hosts: Hosts) -> None:
    inputs, _ = pinned(hosts, PIN, values={"ami": "ami-2", "profile": "p"})
    assert inputs["values"] == {"ami": "ami-1", "profile": "p"}


def test_values_on_which_nothing_stands_follow_the_settings(hosts: Hosts) -> None:
    old = {**PIN, "in_use": []}
    assert pinned(hosts, old, in_use=[], **NEW)[0]["values"] == NEW["values"]
    assert pinned(hosts, PIN, in_use=[], **NEW)[0]["values"] == NEW["values"], "a lost instance is made as wanted now"
    assert pinned(hosts, old, in_use=["i-2"], **NEW)[0]["values"] == PIN["values"]
    assert pinned(hosts, old, in_use=UNKNOWN, **NEW)[0]["values"] == PIN["values"]


def test_values_that_hold_volumes_are_kept_when_the_instance_is_lost(hosts: Hosts) -> None:
    old = {**PIN, "forever": True}
    kept, _ = pinned(hosts, old, in_use=[], forever=True, **NEW)
    assert (kept["values"], kept["in_use"]) == (PIN["values"], ["i-1"])
    never, _ = pinned(hosts, {**old, "in_use": []}, in_use=[], forever=True, **NEW)
    assert never["values"] == NEW["values"]


def test_the_state_of_an_earlier_version_keeps_its_values_for_a_run_and_shows_no_change(hosts: Hosts) -> None:
    old = {key: value for key, value in PIN.items() if key not in ("in_use", "forever")}
    kept, _ = pinned(hosts, old, in_use=[], **NEW)
    assert kept["values"] == PIN["values"]
    assert asyncio.run(Pinned(hosts).diff(old, pinned(hosts, old)[0])) == []


def test_what_is_pinned_in_secret_is_a_secret_in_the_state(hosts: Hosts) -> None:
    assert "secrets" in Pinned.secrets
    assert asyncio.run(Pinned(hosts).create("urn", PIN)) == ("a", PIN)


# InstancePreflight


def inputs(names: str = "abc", **generations: list[int]) -> dict[str, Any]:
    return {
        "generations": {name: generations.get(name, [1, 1]) for name in names},
        "connections": {
            name: {"host": member(name).address, "port": 22, "user": "root", "host_key": name, "connect_seconds": 5}
            for name in names
        },
        "members": {name: member(name).inputs() for name in names},
        "command_seconds": 60,
        "shutdown_seconds": 90,
        "instances": {name: [f"i-{name}"] for name in names},
        "volumes": {name: {"data": {"mount_point": "/var/lib/etcd", "volume_id": ""}} for name in names},
        "vpc_cidr": "",
    }


def with_wal(given: dict[str, Any], mount_point: str = "/var/lib/etcd-wal") -> dict[str, Any]:
    for volumes in given["volumes"].values():
        volumes["wal"] = {"mount_point": mount_point, "volume_id": ""}
    return given


def checked(hosts: Hosts, new: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    _, failures = asyncio.run(InstancePreflight(hosts).check("urn", old if old is not None else inputs(), new))
    return [failure.reason for failure in failures]


def unreachable(name: str) -> Unreachable:
    return Unreachable(down(name))


def test_nothing_is_asked_while_no_instance_is_replaced(hosts: Hosts) -> None:
    assert checked(hosts, inputs(), {}) == []
    assert checked(hosts, inputs()) == []
    assert checked(hosts, inputs("ab")) == []
    assert checked(hosts, inputs("abcd")) == []
    assert hosts.asked == []


def test_one_member_of_a_healthy_cluster_may_be_replaced(hosts: Hosts) -> None:
    hosts.seen = {name: serving(name) for name in "abc"}
    assert checked(hosts, inputs(b=[1, 2])) == []
    assert hosts.told == []


def test_two_at_once_are_refused_without_a_look(hosts: Hosts) -> None:
    both = inputs(b=[1, 2], c=[2, 1])
    # The engine's maps have no order.
    both["generations"] = dict(reversed(both["generations"].items()))
    [reason] = checked(hosts, both)
    assert "the instances of b, c would be replaced in one run" in reason
    assert hosts.asked == []


@pytest.mark.parametrize("lower", [[1, 1], [1, 3]])
def test_a_lower_generation_is_refused(hosts: Hosts, lower: list[int]) -> None:
    [reason] = checked(hosts, inputs(b=lower), inputs(b=[2, 1]))
    assert reason.startswith("b: its generations (volumes, instance) were 2 and 1 and cannot become")


@pytest.mark.parametrize("sick", [silent("c"), stopped("c"), unreachable("c")])
def test_a_member_that_serves_waits_for_the_others(hosts: Hosts, sick: HostFacts | ClusterError) -> None:
    hosts.seen = {"a": serving("a"), "b": serving("b"), "c": sick}
    [reason] = checked(hosts, inputs(b=[1, 2]))
    assert reason.startswith("b: its instance is not replaced, since member c does not answer. Repair c first")


def test_a_member_that_serves_behind_a_broken_way_is_no_reason(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    async def alive(*_: Any) -> Answers:
        return Answers(frozenset({stopped("c").wal.member_id}))  # type: ignore[union-attr]

    monkeypatch.setattr(instance_preflight, "ask_unobserved_members", alive)
    hosts.seen = {"a": serving("a"), "b": serving("b"), "c": unreachable("c")}
    assert checked(hosts, inputs(b=[1, 2])) == []
    assert checked(hosts, inputs(c=[1, 2])) == []
    assert hosts.told == ["c serves, but SSH does not reach its host; its member is cut off, not stopped"]


def test_a_member_that_refuses_us_is_not_taken_for_dead(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    async def alive(*_: Any) -> Answers:
        return Answers(unclear={stopped("c").wal.member_id: "tls: bad certificate"})  # type: ignore[union-attr]

    monkeypatch.setattr(instance_preflight, "ask_unobserved_members", alive)
    hosts.seen = {"a": serving("a"), "b": silent("b"), "c": unreachable("c")}
    [reason] = checked(hosts, inputs(c=[1, 2]))
    assert reason.startswith("c: its instance is not replaced, since member b does not answer")
    hosts.seen = {"a": serving("a"), "b": serving("b"), "c": unreachable("c")}
    [reason] = checked(hosts, inputs(b=[1, 2]))
    assert reason.startswith("b: its instance is not replaced, since member c does not answer")


BROKEN = [
    unreachable("b"),
    ClusterError(Problem(Reason.HOST_KEY_MISMATCH, "b", "another key", "Look")),
    stopped("b"),
    silent("b"),
    empty(),
]


@pytest.mark.parametrize("own", BROKEN)
def test_a_dead_member_may_be_replaced_whatever_the_others_do(hosts: Hosts, own: HostFacts | ClusterError) -> None:
    hosts.seen = {"a": serving("a"), "b": own, "c": unreachable("c")}
    assert checked(hosts, inputs(b=[1, 2])) == []
    hosts.seen = {"a": silent("a"), "b": own, "c": unreachable("c")}
    assert checked(hosts, inputs(b=[1, 2])) == []
    assert "No member serves" in hosts.told[0]


def test_hosts_that_were_never_a_cluster_are_no_reason(hosts: Hosts) -> None:
    hosts.seen = {"a": empty(), "b": unreachable("b"), "c": empty()}
    assert checked(hosts, inputs(b=[1, 2])) == []
    assert hosts.told == []


def test_not_one_host_that_answers_is_a_refusal(hosts: Hosts) -> None:
    hosts.seen = {name: unreachable(name) for name in "abc"}
    reasons = checked(hosts, inputs(b=[1, 2]))
    assert "not one host answers" in reasons[0]
    assert len(reasons) == 4
    hosts.seen = {"a": unreachable("a")}
    assert checked(hosts, inputs("a", a=[1, 2]), inputs("a")) == [], "a single dead member is the repair"


@pytest.mark.parametrize("names", ["a", "ab"])
def test_an_outage_is_told(hosts: Hosts, names: str) -> None:
    hosts.seen = {name: serving(name, names=names) for name in names}
    assert checked(hosts, inputs(names, a=[1, 2]), inputs(names)) == []
    assert hosts.told == [f"With {len(names)} member(s), replacing the instance of a is an outage until it is back"]


def test_another_host_key_of_another_node_stops_it(hosts: Hosts) -> None:
    hosts.seen = {
        "a": ClusterError(Problem(Reason.HOST_KEY_MISMATCH, "a", "another key", "Look")),
        "b": serving("b"),
        "c": serving("c"),
    }
    assert checked(hosts, inputs(b=[1, 2])) == ["a: another key. Look."]


def test_the_hosts_of_before_are_looked_at(hosts: Hosts) -> None:
    hosts.seen = {name: serving(name) for name in "abc"}
    new = inputs(b=[2, 1])
    new["connections"]["b"]["host"] = UNKNOWN
    new["connections"]["c"]["user"] = "admin"
    assert checked(hosts, new) == []
    new["connections"]["b"]["host"] = "192.0.2.99"
    assert checked(hosts, new) == []
    assert {host for node, host in hosts.asked if node == "b"} == {"192.0.2.2"}


def updated(hosts: Hosts, new: dict[str, Any]) -> dict[str, Any]:
    return asyncio.run(InstancePreflight(hosts).update("urn", inputs(), new))


def test_a_member_whose_volumes_move_along_is_stopped_first(hosts: Hosts) -> None:
    hosts.seen = {name: serving(name) for name in "abc"}
    new = inputs(b=[1, 2])
    assert updated(hosts, new) == new
    assert hosts.runs == [("lease", "a", "b", "c", "3"), ("b", "stop", "/etc/etcd", "host-b")]


def test_a_leader_hands_over_before_it_is_stopped(hosts: Hosts) -> None:
    hosts.seen = {name: serving(name) for name in "abc"}
    updated(hosts, inputs(a=[1, 2]))
    assert [run[0] for run in hosts.runs] == ["lease", "a", "a"]
    assert "move-leader" in " ".join(hosts.runs[1])
    assert hosts.runs[2][1] == "stop"
    assert "Moving the leadership from a to b" in hosts.told


@pytest.mark.parametrize("own", [stopped("b"), unreachable("b"), empty()])
def test_a_member_that_does_not_run_is_not_stopped_again(hosts: Hosts, own: HostFacts | ClusterError) -> None:
    hosts.seen = {"a": serving("a"), "b": own, "c": serving("c")}
    updated(hosts, inputs(b=[1, 2]))
    assert hosts.runs == []


def test_a_member_that_gets_new_volumes_runs_on(hosts: Hosts) -> None:
    hosts.seen = {name: serving(name) for name in "abc"}
    updated(hosts, inputs(b=[2, 1]))
    assert hosts.runs == []


def test_a_host_with_a_stranger_on_it_is_not_stopped(hosts: Hosts) -> None:
    hosts.seen = {name: serving(name) for name in "abc"}
    hosts.seen["b"] = serving("b", stamp=None)
    updated(hosts, inputs(b=[1, 2]))
    assert [run[0] for run in hosts.runs] == ["lease"]


def test_what_went_wrong_since_the_preview_still_refuses(hosts: Hosts) -> None:
    hosts.seen = {"a": serving("a"), "b": serving("b"), "c": unreachable("c")}
    with pytest.raises(ClusterError, match="member c does not answer"):
        updated(hosts, inputs(b=[1, 2]))
    assert hosts.runs == []


def test_it_stops_nobody_when_asked_to_end(hosts: Hosts) -> None:
    hosts.seen = {name: serving(name) for name in "abc"}
    hosts.cancelled.set()
    with pytest.raises(Cancelled):
        updated(hosts, inputs(b=[1, 2]))
    assert hosts.runs == []


def test_a_change_of_the_way_to_the_hosts_touches_none(hosts: Hosts) -> None:
    new = {**inputs(), "command_seconds": 90}
    assert updated(hosts, new) == new
    assert (hosts.asked, hosts.runs) == ([], [])


# volumes, and instances that never were


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (with_wal(inputs()), inputs(), "`ec2.wal_volume` cannot be taken out: its log lies there"),
        (inputs(), with_wal(inputs()), "`ec2.wal_volume` cannot be added"),
        (
            with_wal(inputs()),
            with_wal(inputs(), "/wal"),
            "`paths.wal_dir` cannot become /wal: its volume is mounted at",
        ),
    ],
)
def test_no_volume_comes_goes_or_moves_under_an_instance(
    hosts: Hosts, old: dict[str, Any], new: dict[str, Any], words: str
) -> None:
    reasons = checked(hosts, new, old)
    assert [reason[0] for reason in reasons] == ["a", "b", "c"]
    assert all(words in reason for reason in reasons)
    raised = {**new, "generations": {**new["generations"], "b": [1, 2]}}
    assert len(checked(hosts, raised, old)) == 3, "a new instance on the same volumes follows no other layout"
    assert hosts.asked == []


def test_another_data_volume_waits_for_a_generation(hosts: Hosts) -> None:
    hosts.seen = {name: serving(name) for name in "abc"}
    new = inputs()
    new["volumes"]["b"]["data"]["volume_id"] = "vol-00000001"
    [reason] = checked(hosts, new)
    assert "its data volume cannot become vol-00000001 while its instance stays (now: a volume of its own)" in reason
    assert "raise `nodes.b.ec2.generation` to 2 too" in reason
    new["generations"]["b"] = [1, 2]
    assert checked(hosts, new) == []
    new["generations"]["b"] = [2, 1]
    assert checked(hosts, new) == []


def test_the_network_of_the_own_vpc_stays(hosts: Hosts) -> None:
    old, new = {**inputs(), "vpc_cidr": "10.60.0.0/16"}, {**inputs(), "vpc_cidr": "10.61.0.0/16"}
    [reason] = checked(hosts, new, old)
    assert reason.startswith("ec2.vpc.cidr: it was 10.60.0.0/16 and cannot become 10.61.0.0/16")


def test_nodes_that_never_had_an_instance_may_change_in_any_way(hosts: Hosts) -> None:
    nobody: dict[str, Any] = {name: [] for name in "abc"}
    old = {**inputs(), "instances": nobody}
    new = {**with_wal(inputs(a=[1, 2], b=[1, 2], c=[2, 1])), "instances": nobody}
    assert checked(hosts, new, old) == []
    assert asyncio.run(InstancePreflight(hosts).update("urn", old, new)) == new
    assert (hosts.asked, hosts.runs) == ([], [])


def test_a_lost_instance_was_there_once(hosts: Hosts) -> None:
    hosts.seen = {"a": serving("a"), "b": unreachable("b"), "c": serving("c")}
    kept, failures = asyncio.run(
        InstancePreflight(hosts).check("urn", inputs(), {**inputs(b=[1, 2]), "instances": {"a": ["i-a"], "b": []}})
    )
    assert (kept["instances"], failures) == ({"a": ["i-a"], "b": ["i-b"], "c": ["i-c"]}, [])
    assert hosts.asked


def test_the_first_run_after_an_earlier_version_replaces_nothing(hosts: Hosts) -> None:
    old = {key: value for key, value in inputs().items() if key not in ("instances", "volumes", "vpc_cidr")}
    assert checked(hosts, inputs(), old) == []
    assert asyncio.run(InstancePreflight(hosts).diff(old, inputs())) == []
    [reason] = checked(hosts, inputs(b=[1, 2]), old)
    assert reason.startswith("b: its instance is not replaced in the first run of this version")
    assert hosts.asked == []
