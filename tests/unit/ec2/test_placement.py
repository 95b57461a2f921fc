"""Where instances stand: a node that stays never moves, whatever happens to the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_cluster.ec2.placement import assign
from etcd_cluster.errors import ClusterError

PLACES = ["subnet-a", "subnet-b", "subnet-c"]
NAMES = st.lists(st.sampled_from([f"etcd-{number}" for number in range(1, 10)]), unique=True, max_size=9)
SOME_PLACES = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, min_size=1)


def test_nodes_go_round_the_places_in_their_order() -> None:
    assert assign(["n1", "n2", "n3", "n4"], PLACES, {}, {}) == {
        "n1": "subnet-a",
        "n2": "subnet-b",
        "n3": "subnet-c",
        "n4": "subnet-a",
    }


def test_a_new_node_goes_where_the_fewest_are() -> None:
    before = {"n1": "subnet-a", "n2": "subnet-b", "n3": "subnet-c"}
    assert assign(["n4", "n1", "n3"], PLACES, {}, before)["n4"] == "subnet-b"


def test_a_given_place_counts_and_may_be_any() -> None:
    assert assign(["n1", "n2"], PLACES, {"n2": "subnet-a"}, {}) == {"n1": "subnet-b", "n2": "subnet-a"}
    assert assign(["n1"], [], {"n1": "subnet-z"}, {}) == {"n1": "subnet-z"}


def test_a_place_that_disappears_under_a_node_is_an_error() -> None:
    before = {"n1": "subnet-a", "n2": "subnet-b"}
    with pytest.raises(ClusterError, match="n2: it stands in subnet-b, which is no longer among the places") as error:
        assign(["n1", "n2"], ["subnet-a", "subnet-c"], {}, before)
    assert len(error.value.problems) == 1
    assert assign(["n1"], ["subnet-a"], {}, before) == {"n1": "subnet-a"}, "it may go once its node is gone"


def test_no_place_at_all_is_an_error() -> None:
    with pytest.raises(ClusterError, match="there is no place for an instance"):
        assign(["n1"], [], {}, {})


@given(SOME_PLACES, NAMES, NAMES)
def test_a_change_of_the_node_list_touches_the_changed_nodes_only(
    places: list[str], first: list[str], second: list[str]
) -> None:
    before = assign(first, places, {}, {})
    after = assign(second, places, {}, before)
    assert list(after) == second
    assert {name: after[name] for name in second if name in before} == {
        name: before[name] for name in second if name in before
    }


@given(SOME_PLACES, NAMES)
def test_a_new_cluster_is_balanced(places: list[str], names: list[str]) -> None:
    counts = [list(assign(names, places, {}, {}).values()).count(place) for place in places]
    assert max(counts) - min(counts) <= 1


@given(SOME_PLACES, NAMES, NAMES)
def test_a_node_that_joins_never_makes_the_fullest_place_fuller(
    places: list[str], first: list[str], added: list[str]
) -> None:
    before = assign(first, places, {}, {})
    after = list(assign([*first, *(name for name in added if name not in first)], places, {}, before).values())
    for position in range(len(first), len(after)):
        there = after[:position]
        assert there.count(after[position]) == min(there.count(place) for place in places)
