"""SMC-3 MOVE MEDIUM and EXCHANGE MEDIUM."""

import asyncio

import pytest

from pyvtl.device.changer.cdb import ExchangeMedium, MoveMedium, PositionToElement
from pyvtl.media.inventory import Place
from pyvtl.media.medium import DamagedError
from pyvtl.scsi.sense import Asc, CheckCondition, Sense, SenseKey
from tests.protocol.smc.library import Library
from tests.scsi_client import run, send, sense_of

UNMOVED = {"A": Place(200), "B": Place(100, home=201), "C": Place(300, imported=True)}


def move(source: int, destination: int) -> MoveMedium:
    return MoveMedium(source_address=source, destination_address=destination)


async def test_on_the_wire(library: Library) -> None:
    """MOVE MEDIUM: transport 0, source 00C8h (200), destination 0065h (101)."""
    assert await run(library.changer, bytes.fromhex("a5000000 00c80065 00000000")) == b""
    assert library.places["A"] == Place(101, home=200)
    assert library.bays[101].loaded == "A"


async def test_out_of_a_drive_unloads_it_first(library: Library) -> None:
    await run(library.changer, move(100, 201))
    assert library.places["B"] == Place(201)


async def test_from_drive_to_drive(library: Library) -> None:
    await run(library.changer, move(100, 101))
    assert library.places["B"] == Place(101, home=201)


async def test_from_an_import_slot_gets_a_free_slot_as_home(library: Library) -> None:
    """Slot 200 is full, 201 is the home of B, so 202 it is."""
    await run(library.changer, move(300, 101))
    assert library.places["C"] == Place(101, home=202)


async def test_a_filled_home_moves_and_the_drive_is_left_alone(library: Library) -> None:
    """READ ELEMENT STATUS never names a source slot that is full: B's was 201, and is now 202."""
    library.bays[100].removal_prevented = True
    await run(library.changer, move(300, 201))
    assert library.places["B"] == Place(100, home=202)


async def test_without_a_free_slot_nothing_moves_from_an_import_slot(library: Library) -> None:
    await run(library.changer, move(100, 202))
    await run(library.changer, move(200, 101))
    await run(library.changer, move(202, 201))
    await run(library.changer, move(101, 202))
    await run(library.changer, move(202, 100))
    before = library.places
    assert before["A"] == Place(100, home=202)
    library.changer.inventory.apply({"D": Place(200)})
    library.journal.place({"D": Place(200)})
    assert await sense_of(library.changer, move(300, 101)) == "05/3b/0d"
    assert library.places == before | {"D": Place(200)}


@pytest.mark.parametrize(
    ("cdb", "sense"),
    [
        (move(202, 101), "05/3b/0e"),
        (move(200, 100), "05/3b/0d"),
        (move(200, 999), "05/21/01"),
        (move(999, 101), "05/21/01"),
        (move(0, 101), "05/21/01"),
        (MoveMedium(transport_address=5, source_address=200, destination_address=201), "05/21/01"),
        (
            MoveMedium(source_address=200, destination_address=202, invert=True),
            "05/24/00 cdb[10].0",
        ),
    ],
)
async def test_what_is_refused_moves_nothing(library: Library, cdb: MoveMedium, sense: str) -> None:
    assert await sense_of(library.changer, cdb) == sense
    assert library.places == UNMOVED


async def test_prevented_removal_keeps_a_tape_in_its_drive(library: Library) -> None:
    library.bays[100].removal_prevented = True
    assert await sense_of(library.changer, move(100, 201)) == "05/53/02"
    assert library.places == UNMOVED


async def test_a_drive_that_fails_to_unload_keeps_its_tape(library: Library) -> None:
    library.bays[100].failure = DamagedError("frame 7")
    assert await sense_of(library.changer, move(100, 201)) == "04/53/00"
    assert library.places == UNMOVED


async def test_the_sense_of_the_drive_is_passed_on(library: Library) -> None:
    library.bays[100].failure = CheckCondition(Sense(SenseKey.MEDIUM_ERROR, Asc.WRITE_ERROR))
    assert await sense_of(library.changer, move(100, 201)) == "03/0c/00"
    assert library.places == UNMOVED


async def test_a_drive_that_fails_to_load_leaves_the_tape_where_it_was(library: Library) -> None:
    library.bays[101].failure = DamagedError("frame 7")
    assert await sense_of(library.changer, move(200, 101)) == "04/53/00"
    assert await sense_of(library.changer, move(100, 101)) == "04/53/00"
    assert library.places == UNMOVED


@pytest.mark.parametrize(("source", "destination"), [(200, 101), (100, 201), (100, 101)])
async def test_a_move_that_cannot_be_made_durable_does_not_happen(
    library: Library, source: int, destination: int
) -> None:
    library.journal.broken = True
    assert await sense_of(library.changer, move(source, destination)) == "04/53/00"
    assert library.places == UNMOVED


async def test_an_aborted_move_comes_to_its_end_all_the_same(library: Library) -> None:
    moving = asyncio.create_task(send(library.changer, move(200, 101)))
    await asyncio.sleep(0)
    moving.cancel()
    await asyncio.wait([moving])
    await library.changer.settle()
    assert library.places["A"] == Place(101, home=200)


async def test_exchange_on_the_wire(library: Library) -> None:
    """Source 00C8h (200), first destination 0064h (100), second destination 00C8h (200)."""
    await run(library.changer, bytes.fromhex("a6000000 00c80064 00c80000"))
    assert library.places == {
        "A": Place(100, home=201),
        "B": Place(200),
        "C": Place(300, imported=True),
    }


async def test_exchange_to_a_third_element(library: Library) -> None:
    cdb = ExchangeMedium(
        source_address=200, first_destination_address=100, second_destination_address=301
    )
    await run(library.changer, cdb)
    assert library.places["A"] == Place(100, home=200)
    assert library.places["B"] == Place(301)


@pytest.mark.parametrize(
    ("first", "second", "sense"),
    [(101, 201, "05/3b/0e"), (100, 300, "05/3b/0d"), (100, 0, "05/21/01")],
)
async def test_an_exchange_that_is_refused(
    library: Library, first: int, second: int, sense: str
) -> None:
    cdb = ExchangeMedium(
        source_address=200, first_destination_address=first, second_destination_address=second
    )
    assert await sense_of(library.changer, cdb) == sense
    assert library.places == UNMOVED


@pytest.mark.parametrize(("name", "bit"), [("invert_first", 1), ("invert_second", 0)])
async def test_an_exchange_turns_nothing_over(library: Library, name: str, bit: int) -> None:
    cdb = ExchangeMedium(source_address=200, **{name: True})
    assert await sense_of(library.changer, cdb) == f"05/24/00 cdb[10].{bit}"


async def test_position_to_element(library: Library) -> None:
    assert await run(library.changer, bytes.fromhex("2b000000 00c80000 0000")) == b""
    missing = PositionToElement(destination_address=999)
    assert await sense_of(library.changer, missing) == "05/21/01"
    inverted = PositionToElement(destination_address=200, invert=True)
    assert await sense_of(library.changer, inverted) == "05/24/00 cdb[8].0"
