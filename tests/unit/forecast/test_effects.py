"""What a preview foresees of each step."""

from dataclasses import replace

from etcd_cluster.forecast.forecast import forecast
from etcd_cluster.planning import Restart
from etcd_cluster.rendering.revision import environment, environment_text
from tests.unit.samples import member, serving, target


def test_a_new_peer_port_is_foreseen_for_every_member() -> None:
    wanted = target(revision="r2")
    moved = {name: replace(each, member=replace(each.member, peer_port=12380)) for name, each in wanted.members.items()}
    observed = {name: serving(name, active_environment=environment_text(environment(member(name)))) for name in "abc"}
    foreseen = forecast(observed, replace(wanted, members=moved))
    assert foreseen.ends is None
    restarts = [step for step in foreseen.steps if isinstance(step, Restart)]
    assert [(step.name, bool(step.moves)) for step in restarts] == [("b", True), ("c", True), ("a", True)]
