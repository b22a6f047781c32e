"""The budgets of the house: short functions, short modules, every public name explained."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "pyvtl"
DECISIONS = ROOT / "docs" / "decisions"
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
MEDIAN_FUNCTION = 8

type_of_function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[tuple[str, str]]:
    """Every module of the package: its path in it, its text."""
    for file in sorted(SOURCE.rglob("*.py")):
        yield str(file.relative_to(SOURCE)), file.read_text()


def length(function: type_of_function) -> int:
    """Lines of a function without its docstring and decorators."""
    first, *rest = function.body
    lines = (function.end_lineno or 0) - function.lineno + 1
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if is_docstring and rest:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def functions() -> Iterator[tuple[str, int]]:
    """Every function of the package: where it is, how long it is."""
    for path, text in modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, type_of_function):
                yield f"{path}:{node.lineno} {node.name}", length(node)


def test_no_module_is_longer_than_a_reader_holds_in_mind() -> None:
    """At most 400 lines."""
    lines = {path: len(text.splitlines()) for path, text in modules()}
    assert {path: count for path, count in lines.items() if count > LONGEST_MODULE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    """At most 50 lines."""
    assert [where for where, lines in functions() if lines > LONGEST_FUNCTION] == []


def test_most_functions_are_a_few_lines() -> None:
    """The median is at most 8."""
    assert statistics.median(lines for _, lines in functions()) <= MEDIAN_FUNCTION


def test_every_public_name_is_explained() -> None:
    """Modules, and the public classes and functions at their top, have a docstring."""
    unexplained = []
    for path, text in modules():
        tree = ast.parse(text)
        nodes: list[ast.AST] = [tree, *tree.body]
        for node in nodes:
            if not isinstance(node, ast.Module | ast.ClassDef | type_of_function):
                continue
            name = getattr(node, "name", "")
            if not name.startswith("_") and not ast.get_docstring(node):
                unexplained.append(f"{path} {name}")
    assert unexplained == []


def test_every_decision_has_a_number_of_its_own() -> None:
    """So that a number names one."""
    numbers = [file.name[:4] for file in DECISIONS.glob("*.md")]
    assert sorted(numbers) == sorted(set(numbers))
