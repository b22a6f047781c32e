"""docs/conformance.md says what the command tables say."""

from tests.conformance import PAGE, page_with_table


def test_the_table_of_commands_is_up_to_date() -> None:
    """When it is not: `python -m tests.conformance`."""
    page = PAGE.read_text()
    assert page == page_with_table(page)
