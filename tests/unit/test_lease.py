"""The right to change a cluster, from the answers of its hosts."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from etcd_cluster import lease
from etcd_cluster.errors import ClusterError, Problem, Unreachable
from etcd_cluster.lease import held, needed
from etcd_cluster.reasons import Reason
from etcd_cluster.ssh.session import Result
from tests.unit.samples import because
from tests.unit.sent_scripts import sent


class Host:
    """A host that answers as lease.sh does; `answer` may be replaced, and what it raises is raised."""

    def __init__(self, answer: Callable[[str], str] = lambda _: "granted") -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def run(self, script: str, **_: Any) -> Result:
        """Answer."""
        self.asked.append(sent(script).variables["action"])
        return Result(0, f"{self.answer(self.asked[-1])}\n", "")


class Hanging(Host):
    """A host that answers only while it is `awake`."""

    def __init__(self) -> None:
        super().__init__()
        self.awake = asyncio.Event()
        self.awake.set()

    async def run(self, script: str, **_: Any) -> Result:
        """Answer, or hang."""
        await self.awake.wait()
        return await super().run(script)


def unreachable(_action: str) -> str:
    raise Unreachable(Problem(Reason.HOST_UNREACHABLE, "a", "off", "Turn it on"))


def taken(action: str) -> str:
    return "granted" if action == "release" else "held run-other 30"


async def hold(hosts: dict[str, Host], of: int, seconds: int = 0) -> list[str]:
    """Hold the lease and return what the hosts were asked."""
    async with held(hosts, of, "run-1", seconds) as one:  # type: ignore[arg-type]
        one.check()
    return [f"{name} {action}" for name, host in hosts.items() for action in host.asked]


@pytest.mark.parametrize(("hosts", "grants"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_a_majority_must_grant_and_all_of_one_or_two(hosts: int, grants: int) -> None:
    assert needed(hosts) == grants


def test_a_lease_is_taken_on_all_hosts_and_given_back() -> None:
    asked = asyncio.run(hold({name: Host() for name in "abc"}, 3))
    assert asked == [f"{name} {action}" for name in "abc" for action in ("acquire", "release")]


def test_one_host_of_three_may_be_down() -> None:
    assert "a acquire" in asyncio.run(hold({"a": Host(), "b": Host(), "c": Host(unreachable)}, 3))


def test_a_host_that_is_not_even_connected_counts_against_the_majority() -> None:
    with pytest.raises(ClusterError, check=because(Reason.LEASE_WITHOUT_MAJORITY, "cluster")):
        asyncio.run(hold({"a": Host()}, 3))


def test_with_two_hosts_both_must_answer() -> None:
    with pytest.raises(ClusterError, check=because(Reason.LEASE_WITHOUT_MAJORITY, "cluster")):
        asyncio.run(hold({"a": Host(), "b": Host(unreachable)}, 2))


def test_another_run_is_named_and_its_hosts_are_given_back() -> None:
    hosts = {"a": Host(taken), "b": Host(taken), "c": Host()}
    with pytest.raises(
        ClusterError, match=r"another run \(run-other\) is changing this cluster; its hold ends in 30 s"
    ):
        asyncio.run(hold(hosts, 3, seconds=-1))
    assert hosts["c"].asked[-1] == "release", "a lease on a minority blocks nobody"


def test_a_majority_is_not_enough_while_another_run_goes_on_elsewhere() -> None:
    hosts = {"old": Host(taken), **{name: Host() for name in "bcde"}}
    with pytest.raises(ClusterError, check=because(Reason.LEASE_HELD, "old")):
        asyncio.run(hold(hosts, 5, seconds=-1))
    assert [host.asked[-1] for host in hosts.values()] == ["release"] * 5


def test_a_host_that_a_killed_run_still_holds_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RETRY_SECONDS", 0)
    answers = iter(["held run-killed 2", "held run-killed 1"])
    late = Host(lambda action: next(answers, "granted") if action == "acquire" else "granted")

    told: list[str] = []

    async def say(message: str) -> None:
        told.append(message)

    async def granted() -> int:
        async with held({"a": Host(), "b": Host(), "c": late}, 3, "run-1", 60, say):  # type: ignore[dict-item]
            return len(late.asked)

    assert asyncio.run(granted()) == 3, "no step may meet a host that would refuse it"
    assert told == ["Waiting for another run's hold on c to end"], "once"


def test_a_lease_is_given_back_after_a_failure_too() -> None:
    host = Host()

    async def fail() -> None:
        async with held({"a": host}, 1, "run-1", 0):  # type: ignore[dict-item]
            raise ClusterError.of(Reason.STEP_FAILED, "a", "it failed", "Fix it")

    with pytest.raises(ClusterError, check=because(Reason.STEP_FAILED, "a")):
        asyncio.run(fail())
    assert host.asked[-1] == "release"


def test_a_host_that_hangs_does_not_cost_a_majority_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0.02)
    hanging = Hanging()
    hosts = {"a": Host(), "b": Host(), "c": hanging}

    async def renewed() -> None:
        async with held(hosts, 3, "run-1", 0) as one:  # type: ignore[arg-type]
            hanging.awake.clear()
            granted = one.granted_at
            while one.granted_at == granted:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            hanging.awake.set()
            one.check()

    asyncio.run(asyncio.wait_for(renewed(), 10))


def test_a_lease_that_ended_while_one_host_was_busy_is_renewed_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "clock_gettime", lambda _: clock[0])

    def busy(action: str) -> str:
        clock[0] += 120 if action == "acquire" else 0
        return "" if action == "acquire" else "gone"

    hosts = {"a": Host(), "b": Host(), "c": Host(busy)}
    assert "a renew" in asyncio.run(hold(hosts, 3)), "a step of a killed run was still under way on c"


def test_a_lease_that_another_run_took_meanwhile_on_any_host_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "clock_gettime", lambda _: clock[0])

    def slow(_action: str) -> str:
        clock[0] += 120
        return "granted"

    seized = Host(lambda action: "held run-other 30" if action == "renew" else "granted")
    hosts = {"a": Host(), "b": seized, "c": Host(slow)}
    with pytest.raises(ClusterError, check=because(Reason.LEASE_HELD, "b")):
        asyncio.run(hold(hosts, 3))
    assert [host.asked[-1] for host in hosts.values()] == ["release"] * 3


def test_a_run_whose_machine_slept_past_its_lease_takes_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep() -> None:
        async with held({"a": Host()}, 1, "run-1", 0) as one:  # type: ignore[dict-item]
            woken = time.clock_gettime(time.CLOCK_BOOTTIME) + lease.SECONDS + 1
            monkeypatch.setattr(time, "clock_gettime", lambda _: woken)
            one.check()

    with pytest.raises(ClusterError, check=because(Reason.LEASE_LOST, "cluster")):
        asyncio.run(sleep())


def test_a_run_that_lost_its_lease_is_told_at_its_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0)
    host = Host()

    async def lose() -> None:
        async with held({"a": host}, 1, "run-1", 0) as one:  # type: ignore[dict-item]
            host.answer = taken
            while one.lost is None:  # noqa: ASYNC110
                await asyncio.sleep(0)
            one.check()

    with pytest.raises(ClusterError, match="another run"):
        asyncio.run(asyncio.wait_for(lose(), 10))


def test_a_lease_that_ended_while_the_run_slept_is_not_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0)
    hosts = {name: Host() for name in "abc"}

    async def sleep() -> None:
        async with held(hosts, 3, "run-1", 0) as one:  # type: ignore[arg-type]
            for host in hosts.values():
                host.answer = lambda action: "gone" if action == "renew" else "granted"
            while one.lost is None:  # noqa: ASYNC110
                await asyncio.sleep(0)
            one.check()

    with pytest.raises(ClusterError, check=because(Reason.LEASE_LOST, "cluster")):
        asyncio.run(asyncio.wait_for(sleep(), 10))
    assert "acquire" not in [action for host in hosts.values() for action in host.asked[1:]]


def test_renewals_that_fail_for_too_long_cost_the_lease_which_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0)
    monkeypatch.setattr(lease, "_RETRY_SECONDS", 0)
    host = Host()

    def slow(action: str) -> str:
        if action == "renew":
            raise ClusterError.of(
                Reason.COMMAND_TIMED_OUT, "a", "a command on the host did not finish within 150 s", "Look at its load"
            )
        return "granted"

    async def lose() -> None:
        async with held({"a": host}, 1, "run-1", 0) as one:  # type: ignore[dict-item]
            await renewals(host, 3, slow)
            one.check()
            late = one.granted_at + lease.SECONDS + 1
            monkeypatch.setattr(time, "clock_gettime", lambda _: late)
            one.check()

    with pytest.raises(ClusterError, check=because(Reason.LEASE_LOST, "cluster")):
        asyncio.run(asyncio.wait_for(lose(), 10))
    assert host.asked[-1] == "release"


async def renewals(host: Host, count: int, answer: Callable[[str], str]) -> None:
    """Answer so from now on, and wait until so many more renewals were asked for."""
    asked, host.answer = len(host.asked), answer
    while len(host.asked) < asked + count:  # noqa: ASYNC110
        await asyncio.sleep(0)


def test_a_renewal_that_nobody_answered_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0)
    monkeypatch.setattr(lease, "_RETRY_SECONDS", 0)
    host = Host()

    async def hold_on() -> None:
        async with held({"a": host}, 1, "run-1", 0) as one:  # type: ignore[dict-item]
            granted = one.granted_at
            await renewals(host, 2, unreachable)
            await renewals(host, 2, lambda _: "granted")
            one.check()
            assert one.granted_at > granted

    asyncio.run(asyncio.wait_for(hold_on(), 10))


@pytest.mark.parametrize("hosts", [1, 3])
def test_a_step_that_a_killed_run_left_behind_is_named(hosts: int) -> None:
    busy = Host(lambda action: "granted" if action == "release" else "busy")
    others = {name: Host() for name in "bc"[: hosts - 1]}
    with pytest.raises(ClusterError, check=because(Reason.LEASE_HELD, "a")):
        asyncio.run(hold({"a": busy, **others}, hosts, seconds=-1))
