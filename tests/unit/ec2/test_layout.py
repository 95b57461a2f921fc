"""What cannot change under an instance that stays."""

from etcd_cluster.ec2.layout import NodeVolume, exchanged, moved, other_hosts, other_vpc, remounted

DATA = {"data": "/var/lib/etcd"}
BOTH = {**DATA, "wal": "/var/lib/etcd-wal"}


def test_the_same_volumes_are_no_problem() -> None:
    assert moved("a", BOTH, BOTH) == moved("a", DATA, DATA) == []
    assert remounted("a", ["/x", "/y"], ["/y", "/x"]) == []
    assert exchanged("a", {"data": NodeVolume("/x", "")}, {"data": NodeVolume("/y", "")}, 1) == []


def test_each_change_says_what_to_put_back() -> None:
    assert [problem.action.partition(";")[0] for problem in moved("a", DATA, BOTH)] == [
        "Take `ec2.wal_volume` out again"
    ]
    assert [problem.action.partition(";")[0] for problem in moved("a", BOTH, DATA)] == ["Put `ec2.wal_volume` back"]
    assert [problem.action.partition(";")[0] for problem in moved("a", BOTH, {"data": "/d", "wal": "/w"})] == [
        "Set it to /var/lib/etcd",
        "Set it to /var/lib/etcd-wal",
    ]
    [problem] = remounted("a", ["/var/lib/etcd"], ["/srv"])
    assert str(problem).startswith("a: its volumes are mounted at /var/lib/etcd and cannot move to /srv. Set ")


def test_another_volume_wants_the_next_generation() -> None:
    [problem] = exchanged("a", {"data": NodeVolume("/x", "vol-1")}, {"data": NodeVolume("/x", "")}, 4)
    assert "cannot become a volume of its own while its instance stays (now: vol-1)" in problem.what
    assert "raise `nodes.a.ec2.generation` to 5 too" in problem.action


def test_only_a_vpc_of_its_own_has_a_network_to_keep() -> None:
    assert other_vpc("", "10.0.0.0/16") == other_vpc("10.0.0.0/16", "") == []
    assert len(other_vpc("10.0.0.0/16", "10.1.0.0/16")) == 1


def test_hosts_that_the_stack_made_stay_its_own() -> None:
    assert "would terminate all instances at once" in str(other_hosts("ec2", "ssh"))
    assert other_hosts("ec2", "ec2") is other_hosts("", "ec2") is other_hosts("ssh", "ec2") is None
