"""Writes the tables in docs/aws-api.md: `python -m tests.api_docs`.

The operations come from the table that the server runs on, the codes from the one that it answers
with, so that they say what is so; a test fails while the page says something else.
"""

from collections.abc import Sequence
from pathlib import Path

from pyvtl.api.errors import CODES
from pyvtl.api.operations import OPERATIONS, Operation
from tests.drawn_tables import redrawn

PAGE = Path(__file__).parents[1] / "docs" / "aws-api.md"


def operations() -> str:
    """What each does, by name."""
    rows = sorted(OPERATIONS, key=lambda row: row.name)
    return _markdown(("Operation", "What it does here"), [(r.name, _told(r)) for r in rows])


def codes() -> str:
    """What is refused with which code."""
    rows = [(f"`{code}`", _sentence(kind.__doc__)) for kind, code in CODES.items()]
    return _markdown(("errorCode", "When"), sorted(rows))


def _told(row: Operation) -> str:
    if row.refusal:
        return f"not supported: {row.refusal}"
    return _sentence(row.handler.__doc__)


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _markdown(headings: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    rows = [headings, tuple("---" for _ in headings), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def page_with_tables(page: str) -> str:
    """The page with the tables between their marks made anew."""
    return redrawn(page, {"operations": operations(), "codes": codes()})


if __name__ == "__main__":
    PAGE.write_text(page_with_tables(PAGE.read_text()))
