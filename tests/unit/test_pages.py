"""The pages: their links lead somewhere, and the files and tests that they name are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "dev/README.md"])
_FOLDERS = ("components", "dev", "docs", "etcd_cluster", "provider", "tests")
_FENCES = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """Return a page without its blocks of code and output."""
    return _FENCES.sub("", page.read_text())


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@cache
def functions_in(file: Path) -> set[str]:
    """Return the names of the functions and tests in a file."""
    found = ast.walk(ast.parse(file.read_text()))
    return {each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", prose(page))
    broken = []
    for target, anchor in links:
        other = (page.parent / target).resolve() if target else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_file_and_test_that_a_page_names_is_there(page: Path) -> None:
    names = re.findall(rf"`((?:{'|'.join(_FOLDERS)})/[\w./-]*)(?:::(\w+))?`", prose(page))
    missing = []
    for name, test in names:
        if not (ROOT / name).exists() or (test and test not in functions_in(ROOT / name)):
            missing.append(f"{name}::{test}" if test else name)
    assert missing == []
