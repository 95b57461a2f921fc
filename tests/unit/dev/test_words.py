"""Words that nobody would search for are found in code and prose, and what must keep its name is left alone."""

import pytest

from dev import words


@pytest.mark.parametrize(
    "line",
    [
        "        leafs = certificates(inputs)",
        "async def restart(hands: Hands, step: Restart) -> None:",
        '    "Mend it on the host and run `pulumi up` again"',
        "The cluster is told its new peer URL.",
        "Its last words: none.",
    ],
)
def test_a_banned_word_is_found_with_its_place(line: str) -> None:
    (found, *_) = words.findings("docs/page.md", f"fine\n{line}\n")
    assert found.startswith("docs/page.md:2: '")


@pytest.mark.parametrize("line", ['leaves = inputs["leafs"]', "$data/unborn-2026", "etcd hands over the leadership."])
def test_what_keeps_its_name_is_no_finding(line: str) -> None:
    assert words.findings("provider/resources/service.py", line) == []
