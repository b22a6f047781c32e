"""Tables in pages for readers that are made of tables of the code."""

from collections.abc import Mapping


def redrawn(page: str, tables: Mapping[str, str]) -> str:
    """The page with what stands between `NAME: begin` and `NAME: end` made anew, by name."""
    for name, content in tables.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{content}\n{end}{after}"
    return page
