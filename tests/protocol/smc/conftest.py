"""A small library: two drives, three slots, two import/export slots."""

import pytest

from pyvtl.media.inventory import Place
from tests.protocol.smc.library import Library


@pytest.fixture
def library() -> Library:
    """A in slot 200, B in drive 100 with home 201, C just imported to 300."""
    return Library({"A": Place(200), "B": Place(100, home=201), "C": Place(300, imported=True)})
