"""Pages that are drawn from tables are as the tables are now."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_protocol_page_is_drawn_from_the_tables() -> None:
    """If this fails, run `python docs/draw.py`."""
    drawn = runpy.run_path(str(DOCS / "draw.py"))["page"]()
    assert (DOCS / "protocol.md").read_text() == drawn


def test_the_page_about_the_life_of_a_tape_is_drawn_from_its_table() -> None:
    """As above."""
    drawn = runpy.run_path(str(DOCS / "draw.py"))["life_page"]()
    assert (DOCS / "life-cycle.md").read_text() == drawn
