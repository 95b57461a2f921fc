"""Each script says in its header what it needs, gets exactly that, and fits on a command line."""

import ast
import hashlib
import re
from pathlib import Path

import pytest

from etcd_cluster import scripts
from etcd_cluster.ec2 import user_data
from etcd_cluster.observation import etcdctl
from etcd_cluster.specs.paths import Layout
from etcd_cluster.ssh import commands
from tests.unit.sent_scripts import sent

NAMES = sorted(path.stem for path in scripts.FOLDER.glob("*.sh"))
PARTS = sorted(path.stem for path in (scripts.FOLDER / "parts").glob("*.sh"))
# cloud-init runs these as files of their own, with arguments.
FILES_ON_THE_HOST = ("clock", "volumes")
# A changed value runs the install again.
READ_BY_NOBODY = {("install", "damage")}
CHECKOUT = Path(__file__).parents[3]
PATH_MAX = 4096


def sample(name: str, value: str = "x") -> dict[str, str | int]:
    return dict.fromkeys(scripts.source(name).variables, value)


def reads(text: str) -> set[str]:
    code = re.sub(r"(^|\s)#.*", r"\1", text, flags=re.MULTILINE)
    sums = " ".join(re.findall(r"\$\(\((.*?)\)\)", code))
    return set(re.findall(r"\$\{?([a-z_]\w*)", code)) | set(re.findall(r"[a-z_]\w*", sums))


def calls(text: str) -> set[str]:
    """Return the words that stand where a command begins, but for the functions of this text itself."""
    code = re.sub(r"(^|\s)#.*", r"\1", text, flags=re.MULTILINE)
    before = r"(?:^|[;|&({!]|\b(?:then|do|else|if|elif|while)\b)[ \t]*"
    words = re.findall(rf"{before}((?!(?:then|do|else|if|elif|while)\b)[a-z_]+)\b(?!\(\))", code, re.MULTILINE)
    return set(words) - set(re.findall(r"^(\w+)\(\)", code, re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_a_script_reads_what_it_declares(name: str) -> None:
    own = scripts.source(name)
    read = reads(own.text).union(*(reads(scripts.part(each).text) for each in scripts.parts_of(own.uses)))
    unread = {word for word in own.variables if word not in read and (name, word) not in READ_BY_NOBODY}
    assert not unread
    assert len(set(own.variables)) == len(own.variables)
    assert not re.search(r"^shift|^[a-z_]+=\$\{?[1-9]", own.text, re.MULTILINE) or name in FILES_ON_THE_HOST


@pytest.mark.parametrize("name", NAMES)
def test_a_script_declares_what_its_parts_read(name: str) -> None:
    own = scripts.source(name)
    needed = {word for each in scripts.parts_of(own.uses) for word in scripts.part(each).variables}
    assert needed <= set(own.variables)


@pytest.mark.parametrize("name", [*NAMES, *PARTS])
def test_a_script_uses_each_part_that_it_declares_and_no_other(name: str) -> None:
    own = scripts.source(name) if name in NAMES else scripts.part(name)
    defined = {each: set(re.findall(r"^(\w+)\(\)", scripts.part(each).text, re.MULTILINE)) for each in PARTS}
    defined["lib"].add("member_unit_file")
    words = calls(own.text) | (reads(own.text) & {"member_unit_file"})
    used = {each for each in PARTS if each != name and words & defined[each]}
    assert used - set(scripts.parts_of(own.uses)) == set()
    assert {each for each in own.uses if each not in used} == set()


@pytest.mark.parametrize("name", PARTS)
def test_every_function_of_a_part_is_called(name: str) -> None:
    texts = [scripts.source(each).text for each in NAMES] + [scripts.part(each).text for each in PARTS]
    for function in re.findall(r"^(\w+)\(\)", scripts.part(name).text, re.MULTILINE):
        assert sum(len(re.findall(rf"\b{function}\b(?!\(\))", text)) for text in texts) > 0, function


def test_a_call_with_other_variables_is_refused() -> None:
    with pytest.raises(ValueError, match=r"variables of stop\.sh: missing \['host_id'\], unknown \['host'\]"):
        scripts.script("stop", config="/etc/etcd", host="x")
    with pytest.raises(ValueError, match=r"unknown \['holder'\]"):
        scripts.script("stop", config="/etc/etcd", host_id="x", holder="run-1")
    with pytest.raises(FileNotFoundError):
        scripts.script("lib")


def test_a_script_gets_the_values_of_its_variables() -> None:
    values = {"config": "/etc/a b", "host_id": "it's\n$HOME"}
    call = sent(scripts.guarded("stop", holder="run-1", **values))
    assert (call.name, call.variables, call.is_guarded) == ("stop", values, True)
    assert not sent(scripts.script("stop", **values)).is_guarded


def python_calls() -> list[tuple[str, str, set[str], bool]]:
    """Return each call of a script in the program: where, which, the names of its variables, whether there are more."""
    found = []
    for path in sorted(CHECKOUT.rglob("*.py")):
        if path.relative_to(CHECKOUT).parts[0] in ("tests", "lab", "dev", ".venv"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in ("script", "guarded"):
                continue
            words = [each.value for each in node.args if isinstance(each, ast.Constant) and each.value in NAMES]
            if words:
                names = {word.arg for word in node.keywords if word.arg}
                if node.func.attr == "guarded":
                    names -= {"stdin", "seconds"}
                more = any(word.arg is None for word in node.keywords)
                found.append((f"{path.name}:{node.lineno}", str(words[0]), names, more))
    return found


def test_every_caller_passes_exactly_the_variables_of_its_script() -> None:
    found = python_calls()
    for where, name, names, more in found:
        declared = set(scripts.source(name).variables)
        assert names <= declared if more else names == declared, where
    assert {name for _, name, _, _ in found} == set(NAMES) - set(FILES_ON_THE_HOST)


@pytest.mark.parametrize("name", NAMES)
def test_the_longest_values_fit_on_a_command_line(name: str) -> None:
    text = scripts.guarded(name, holder="run-0123456789ab", **sample(name, "/" + "x" * (PATH_MAX - 1)))
    line = commands.script(text, seconds=600, sudo=True)
    assert max(len(word.encode()) for word in (line, text)) < commands.LONGEST_ARGUMENT


def test_a_command_line_that_linux_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes on a command line"):
        commands.script("x" * 100_000, seconds=1, sudo=False)


def test_etcdctl_has_the_same_flags_from_a_script_and_from_a_command_line() -> None:
    layout = Layout("/bin", "/opt/etcd", "/etc/etcd", "/data", None)
    flags = {flag.partition("=")[0] for flag in etcdctl.command(layout, ["https://x"]) if "=" in flag}
    assert flags - {"--endpoints"} == set(re.findall(r"--\w+(?==)", scripts.part("lib").text))


# The text of these is in the state, or in user data of instances: another one would run all installs again, or replace
# all instances. So a change of one is a decision of its own, with docs and a test of what an older stack does.


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_install_of_an_older_stack_has_the_same_text() -> None:
    values = {name: f"it's {name} $HOME" for name in scripts.source("install").variables}
    assert digest(scripts.script("install", **values)) == (
        "a54e50e10713000bdb4b031e98015e5a2d37ec69fa467109b73ef90da82c60bf"
    )


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("amazon-linux-2023", "1d3e5e30be80c420a6d8bc005c9b084ee0f1bac4405b5527707cd165a3aa96f2"),
        ("debian-13", "c824495a2fb41a0ce7b45cf8b8933e055ce6b1841b93ea848a6f59a5b77665d5"),
    ],
)
def test_the_user_data_of_an_older_stack_has_the_same_text(image: str, expected: str) -> None:
    text = user_data.render(
        node="etcd-1",
        generation=1,
        first_private_key="PRIVATE",
        first_public_key="ssh-ed25519 AAAA",
        volumes=[user_data.Volume("vol-01", "/data")],
        image=image,
    )
    assert digest(text) == expected
