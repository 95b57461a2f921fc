"""Which change of the authorities is safe for clients: a table of the phases and the jumps."""

import pytest

from etcd import rotation
from etcd.settings import Authority


def _described(generation: int, *trusted: int) -> dict[str, dict[str, object]]:
    return {"peer": rotation.described(Authority(generation=generation, trust_generations=trusted))}


@pytest.mark.parametrize(
    ("before", "after"),
    [((1,), (1,)), ((1,), (1, 1, 2)), ((1, 1, 2), (2, 1, 2)), ((2, 1, 2), (2,)), ((2, 1, 2), (1, 1, 2))],
)
def test_each_phase_and_each_way_back_is_allowed(before: tuple[int, ...], after: tuple[int, ...]) -> None:
    assert rotation.problems(_described(*before), _described(*after)) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((1,), (2,), "generation 2 is to issue, but was not trusted"),
        ((1,), (2, 1, 2), "generation 2 is to issue, but was not trusted"),
        ((1, 1, 2), (2,), "generation 1 is no longer trusted"),
    ],
)
def test_each_jump_is_refused(before: tuple[int, ...], after: tuple[int, ...], words: str) -> None:
    (problem,) = rotation.problems(_described(*before), _described(*after))
    assert problem.where == "ca.peer"
    assert words in problem.what
