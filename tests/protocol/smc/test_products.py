"""The changers that ours stands in for, as a host sees them: INQUIRY, VPD pages, elements."""

import pytest

from pyvtl.device.changer.product import ElementMap, Product
from pyvtl.device.profile import aws_changer, ibm_03584, stk_l700
from pyvtl.media.inventory import Geometry, Place
from pyvtl.scsi.primary import Inquiry, ModeSense6
from tests.protocol.smc.library import SMALL, Library
from tests.scsi_client import run, sense_of

GATEWAY = "1fad4876"
FULL_SIZE = Geometry()


async def kept() -> None:
    """Durable: there is no disk here."""


async def becoming(product: Product, geometry: Geometry) -> Library:
    """A small library that has become another product."""
    library = Library({"TAPE0001": Place(201), "TAPE0002": Place(101, home=202)})
    await library.changer.become(product, geometry, kept)
    for nexus in list(library.changer.attentions._pending):
        while library.changer.attentions.take(nexus):
            pass
    return library


async def vpd(library: Library, page_code: int) -> bytes:
    cdb = Inquiry(evpd=True, page_code=page_code, allocation_length=0xFFFF)
    return (await run(library.changer, cdb))[4:]


async def test_the_l700_has_a_serial_number_of_twelve_and_no_identification_page() -> None:
    library = await becoming(stk_l700.product(GATEWAY), stk_l700.ELEMENTS.geometry(SMALL))
    standard = await run(library.changer, Inquiry(allocation_length=0xFFFF))
    assert standard[8:36] == b"STK     L700            0104"
    assert await vpd(library, 0x00) == bytes([0x00, 0x80, 0x86])
    assert await vpd(library, 0x80) == b"1FAD487600  "
    missing = await sense_of(
        library.changer, Inquiry(evpd=True, page_code=0x83, allocation_length=0xFFFF)
    )
    assert missing == "05/24/00 cdb[2].7"


async def test_the_3584_on_the_wire() -> None:
    """SPC-3, 58 bytes, the serial number from byte 38 and 00 behind it."""
    library = await becoming(ibm_03584.product(GATEWAY), ibm_03584.ELEMENTS.geometry(SMALL))
    standard = await run(library.changer, Inquiry(allocation_length=0xFFFF))
    assert standard == (
        bytes.fromhex("0880030235000002")
        + b"IBM     03584L32        0402"
        + bytes(2)
        + b"1FAD487600  00"
        + bytes(6)
    )
    assert await vpd(library, 0x80) == b"1FAD487600  0400"
    assert await vpd(library, 0x83) == (
        bytes.fromhex("02010028") + b"IBM     03584L32        1FAD487600  0400"
    )


async def test_the_3584_says_of_its_transport_what_it_says_of_slots() -> None:
    """SMC-3 Device Capabilities: bytes 4 to 7 and 12 to 15 all have ST, I/E and DT."""
    library = await becoming(ibm_03584.product(GATEWAY), ibm_03584.ELEMENTS.geometry(SMALL))
    page = (await run(library.changer, ModeSense6(page_code=0x1F, allocation_length=255)))[4:]
    assert page == bytes.fromhex("1f120e000e0e0e0e000000000e0e0e0e00000000")


async def test_what_is_anywhere_is_there_under_the_new_addresses() -> None:
    library = await becoming(stk_l700.product(GATEWAY), stk_l700.ELEMENTS.geometry(SMALL))
    assert dict(library.changer.inventory) == {
        "TAPE0001": Place(1001),
        "TAPE0002": Place(501, home=1002),
    }
    assert set(library.changer.transport.bays) == {500, 501}


async def test_every_initiator_is_told_of_the_change() -> None:
    library = Library({})
    await library.changer.become(stk_l700.product(GATEWAY), stk_l700.ELEMENTS.geometry(SMALL), kept)
    assert await sense_of(library.changer, bytes(6)) == "06/3f/03"


async def test_what_cannot_be_made_durable_changes_nothing() -> None:
    async def broken() -> None:
        raise OSError("no space left on device")

    library = Library({"TAPE0001": Place(201)})
    with pytest.raises(OSError, match="no space"):
        await library.changer.become(
            stk_l700.product(GATEWAY), stk_l700.ELEMENTS.geometry(SMALL), broken
        )
    assert library.changer.inventory.geometry == SMALL
    assert library.changer.identity == aws_changer.identity(GATEWAY)


@pytest.mark.parametrize(
    ("elements", "like", "geometry"),
    [
        (
            stk_l700.ELEMENTS,
            FULL_SIZE,
            Geometry(range(1, 2), range(500, 510), range(1000, 2600), range(3000, 4600)),
        ),
        (
            stk_l700.ELEMENTS,
            Geometry(import_export=range(30_000, 30_040)),
            Geometry(range(1, 2), range(500, 510), range(1000, 2600), range(10, 50)),
        ),
        (
            ibm_03584.ELEMENTS,
            FULL_SIZE,
            Geometry(range(1, 2), range(257, 267), range(1024, 2624), range(3072, 4672)),
        ),
        (
            ibm_03584.ELEMENTS,
            Geometry(import_export=range(30_000, 30_255)),
            Geometry(range(1, 2), range(257, 267), range(1024, 2624), range(768, 1023)),
        ),
    ],
)
def test_import_export_slots_that_find_no_room_stand_behind_the_storage_slots(
    elements: ElementMap, like: Geometry, geometry: Geometry
) -> None:
    assert elements.geometry(like) == geometry
