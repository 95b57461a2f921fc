"""What a joining member is told about those that are listed."""

from etcd_cluster.execution.members import listed_urls
from etcd_cluster.observation.facts import ListedMember

WANTED = {"etcd-1": "https://10.0.0.1:2380", "etcd-2": "https://10.0.0.9:2380"}


def listed(name: str, member_id: str, url: str) -> ListedMember:
    return ListedMember(member_id=member_id, name=name, peer_urls=(url,), client_urls=(), is_learner=False)


def test_an_unstarted_entry_has_the_name_of_its_node() -> None:
    members = [listed("etcd-1", "a1", WANTED["etcd-1"]), listed("", "b2", WANTED["etcd-2"])]
    assert listed_urls(members, WANTED) == WANTED


def test_a_member_that_leaves_does_not_take_the_name_of_the_one_in_its_place() -> None:
    leaving = listed("etcd-2", "c3", "https://10.0.0.2:2380")
    members = [listed("etcd-1", "a1", WANTED["etcd-1"]), listed("", "b2", WANTED["etcd-2"]), leaving]
    assert listed_urls(members, WANTED) == WANTED | {"c3": "https://10.0.0.2:2380"}
    assert listed_urls(list(reversed(members)), WANTED) == listed_urls(members, WANTED)


def test_members_of_other_nodes_count_too() -> None:
    members = [
        listed("etcd-2", "b2", WANTED["etcd-2"]),
        listed("other", "d4", "https://10.0.0.4:2380"),
        listed("", "e5", "https://10.0.0.5:2380"),
    ]
    assert listed_urls(members, WANTED) == {
        "etcd-2": WANTED["etcd-2"],
        "other": "https://10.0.0.4:2380",
        "e5": "https://10.0.0.5:2380",
    }
