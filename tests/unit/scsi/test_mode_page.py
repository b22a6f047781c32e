"""Mode pages: the standard's bytes, and the values in force."""

import pytest

from pyvtl.scsi.mode_page import (
    Control,
    DisconnectReconnect,
    InformationalExceptions,
    ModePage,
    ModePages,
)


@pytest.mark.parametrize(
    ("page", "wire"),
    [
        (Control(descriptor_sense=True), "0a0a04000000 0000ffff0000"),
        (DisconnectReconnect(maximum_burst_size=0x1234), "020e" + "00" * 8 + "1234 0000 0000"),
        (InformationalExceptions(method=3), "1c0a0803" + "00" * 8),
    ],
)
def test_on_the_wire(page: ModePage, wire: str) -> None:
    assert page.encode() == bytes.fromhex(wire)
    assert type(page).decode(page.encode()) == page


def test_pages_come_in_order_whatever_order_they_were_given_in() -> None:
    pages = ModePages(InformationalExceptions(), DisconnectReconnect(), Control())
    assert [page.CODE for page in pages] == [0x02, 0x0A, 0x1C]


def test_selected_values_are_in_force_until_reset() -> None:
    pages = ModePages(Control())
    pages.select([Control(descriptor_sense=True)])
    assert pages.current(Control).descriptor_sense
    assert list(pages.defaults) == [Control()]
    pages.reset()
    assert list(pages) == [Control()]
