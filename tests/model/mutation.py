"""Mutants: one rule of a function is changed for one test, to show that a test notices.

A rule is named by its function, and by the reason of a refusal, the step or the condition in it. It is found in the
function's syntax tree, so its format does not matter; one that is not found, or found twice, is an error, not a mutant
that changes nothing.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from etcd_cluster.planning import Step
from etcd_cluster.reasons import Reason

Function = Callable[..., object] | cached_property[Any]
Change = Callable[[ast.FunctionDef], int]


@dataclass(frozen=True)
class Mutant:
    """A change of one function."""

    function: Function
    change: Change

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        """Change the function's code in place, so that whoever has the function runs the mutant."""
        function = self.function.func if isinstance(self.function, cached_property) else self.function
        assert isinstance(function, FunctionType)
        patch.setattr(function, "__code__", changed(function, self.change))


@dataclass(frozen=True)
class MutantValue:
    """A change of a module's constant."""

    module: ModuleType
    name: str
    change: Callable[[Any], Any]

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        """Change the constant."""
        before = getattr(self.module, self.name)
        after = self.change(before)
        assert after != before, f"{self.name} does not change"
        patch.setattr(self.module, self.name, after)


def changed(function: FunctionType, change: Change) -> CodeType:
    """Return the code of a function with a change; raises `AssertionError` where the rule is not in it just once."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    found = change(definition)
    assert found == 1, f"{function.__qualname__}: the rule was found {found} times"
    module = compile(ast.fix_missing_locations(ast.Module([definition], [])), function.__code__.co_filename, "exec")
    return next(each for each in module.co_consts if isinstance(each, CodeType) and each.co_name == function.__name__)


# the changes


def never_refuses(reason: Reason) -> Change:
    """Leave out the refusal for a reason: the condition of the `if` that raises it is false."""

    def change(function: ast.FunctionDef) -> int:
        found = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.If)
            and any(isinstance(each, ast.Raise) and _names_reason(each, reason) for each in node.body)
        ]
        for node in found:
            node.test = ast.Constant(False)
        return len(found)

    return change


def never_plans(step: type[Step]) -> Change:
    """Leave out what adds or returns a step; a `return` of it returns no steps."""

    def change(function: ast.FunctionDef) -> int:
        def left_out(statement: ast.stmt) -> ast.stmt | None:
            if not isinstance(statement, ast.Expr | ast.Return) or not _makes(statement, step):
                return None
            return ast.Return(ast.List([], ast.Load())) if isinstance(statement, ast.Return) else ast.Pass()

        return _replace_statements(function, left_out)

    return change


def never(condition: str) -> Change:
    """Make a condition false, also one that is a part of another."""
    return _condition(condition, "False")


def always(condition: str) -> Change:
    """Make a condition true, also one that is a part of another."""
    return _condition(condition, "True")


def replaces(expression: str, other: str) -> Change:
    """Put another expression in the place of one."""
    wanted = ast.dump(_expression(expression))

    def change(function: ast.FunctionDef) -> int:
        return _replace_expressions(function, lambda node, _: ast.dump(node) == wanted, other)

    return change


def returns(expression: str) -> Change:
    """Return this and do nothing else."""

    def change(function: ast.FunctionDef) -> int:
        function.body = [ast.Return(_expression(expression))]
        return 1

    return change


def drops_call(called: Callable[..., object]) -> Change:
    """Leave out the statement that calls this function, by its own name or as one of its module."""

    def change(function: ast.FunctionDef) -> int:
        def left_out(statement: ast.stmt) -> ast.stmt | None:
            call = statement.value if isinstance(statement, ast.Expr) else None
            return ast.Pass() if isinstance(call, ast.Call) and _name(call.func) == called.__name__ else None

        return _replace_statements(function, left_out)

    return change


def drops_if(condition: str) -> Change:
    """Leave out the `if` statement with this condition, but for its `else`."""
    wanted = ast.dump(_expression(condition))

    def change(function: ast.FunctionDef) -> int:
        found = [node for node in ast.walk(function) if isinstance(node, ast.If) and ast.dump(node.test) == wanted]
        for node in found:
            node.test = ast.Constant(False)
        return len(found)

    return change


def drops_cases(*steps: type[Step]) -> Change:
    """Leave these out of the `case` that names them beside others."""
    names = {step.__name__ for step in steps}

    def change(function: ast.FunctionDef) -> int:
        found = 0
        for case in [node for node in ast.walk(function) if isinstance(node, ast.match_case)]:
            patterns = case.pattern.patterns if isinstance(case.pattern, ast.MatchOr) else []
            kept = [each for each in patterns if not (isinstance(each, ast.MatchClass) and _name(each.cls) in names)]
            if len(patterns) - len(kept) == len(names) and kept:
                case.pattern = ast.MatchOr(kept) if len(kept) > 1 else kept[0]
                found += 1
        return found

    return change


# how they are found


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _names_reason(node: ast.AST, reason: Reason) -> bool:
    return any(
        isinstance(each, ast.Attribute) and ast.unparse(each) == f"Reason.{reason.name}" for each in ast.walk(node)
    )


def _makes(node: ast.AST, step: type[Step]) -> bool:
    return any(isinstance(each, ast.Call) and _name(each.func) == step.__name__ for each in ast.walk(node))


def _condition(text: str, value: str) -> Change:
    wanted = ast.dump(_expression(text))

    def change(function: ast.FunctionDef) -> int:
        places = {id(each) for each in _conditions(function)}
        return _replace_expressions(
            function, lambda node, original: original in places and ast.dump(node) == wanted, value
        )

    return change


def _conditions(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """Yield what is true or false: tests of statements, expressions and comprehensions, and parts of `and` and `or`."""
    for node in ast.walk(function):
        match node:
            case ast.If() | ast.While() | ast.IfExp():
                yield node.test
            case ast.comprehension():
                yield from node.ifs
            case ast.BoolOp():
                yield from node.values


def _replace_expressions(function: ast.FunctionDef, is_wanted: Callable[[ast.expr, int], bool], text: str) -> int:
    found = 0

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            nonlocal found
            if isinstance(node, ast.expr) and is_wanted(node, id(node)):
                found += 1
                return _expression(text)
            return self.generic_visit(node)

    Replace().visit(function)
    return found


def _replace_statements(function: ast.FunctionDef, other: Callable[[ast.stmt], ast.stmt | None]) -> int:
    found = 0
    for node in ast.walk(function):
        for part in ("body", "orelse"):
            statements = getattr(node, part, None)
            if isinstance(statements, list):
                for number, statement in enumerate(statements):
                    if (replacement := other(statement)) is not None:
                        statements[number] = replacement
                        found += 1
    return found
