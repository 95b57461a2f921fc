"""Which change of the authorities is safe for clients: a table of the phases and the jumps."""

import pytest

from etcd_cluster.certificates import rotation
from etcd_cluster.reasons import Reason
from etcd_cluster.settings import Authority


def _described(generation: int, *trusted: int) -> dict[str, dict[str, object]]:
    return {"peer": rotation.described(Authority(generation=generation, trust_generations=trusted))}


@pytest.mark.parametrize(
    ("before", "after"),
    [((1,), (1,)), ((1,), (1, 1, 2)), ((1, 1, 2), (2, 1, 2)), ((2, 1, 2), (2,)), ((2, 1, 2), (1, 1, 2))],
)
def test_each_phase_and_each_way_back_is_allowed(before: tuple[int, ...], after: tuple[int, ...]) -> None:
    assert rotation.problems(_described(*before), _described(*after)) == []


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ((1,), (2,), Reason.CA_NOT_YET_TRUSTED),
        ((1,), (2, 1, 2), Reason.CA_NOT_YET_TRUSTED),
        ((1, 1, 2), (2,), Reason.CA_STILL_IN_USE),
    ],
)
def test_each_jump_is_refused(before: tuple[int, ...], after: tuple[int, ...], reason: Reason) -> None:
    (problem,) = rotation.problems(_described(*before), _described(*after))
    assert problem.identity == (reason, "ca.peer")
