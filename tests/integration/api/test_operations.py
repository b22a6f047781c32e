"""No operation of the table is left without a test that calls it through botocore."""

import ast
from pathlib import Path

from pyvtl.api.operations import OPERATIONS


def names_in(file: Path) -> set[str]:
    """Every text that stands in a test module as a value of its own."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return {str(node.value) for node in nodes if isinstance(node, ast.Constant)}


def test_a_test_names_each_of_the_54_operations() -> None:
    tested = set[str]().union(*map(names_in, Path(__file__).parent.glob("test_*.py")))
    operations = {row.name for row in OPERATIONS}
    assert len(operations) == 54
    assert operations - tested == set()
