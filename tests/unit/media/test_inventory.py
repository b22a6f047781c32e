"""Where volumes lie, and what a move changes."""

import pytest

from pyvtl.media.inventory import (
    ElementEmptyError,
    ElementFullError,
    ElementType,
    Geometry,
    Inventory,
    NoSuchElementError,
    Place,
    UnknownVolumeError,
    VolumeLoadedError,
)

SMALL = Geometry(drives=range(100, 102), slots=range(200, 203), import_export=range(300, 302))


def library(**places: Place) -> Inventory:
    return Inventory(SMALL, places)


def test_geometry_in_order_of_address() -> None:
    assert Geometry().in_order() == [
        (ElementType.TRANSPORT, range(1)),
        (ElementType.DATA_TRANSFER, range(10_000, 10_010)),
        (ElementType.STORAGE, range(20_000, 21_600)),
        (ElementType.IMPORT_EXPORT, range(30_000, 31_600)),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"slots": range(101, 110)}, "same address"),
        ({"slots": range(60_000, 70_000)}, "65535"),
        ({"transport": range(2)}, "one transport"),
    ],
)
def test_an_impossible_geometry_is_refused(change: dict[str, range], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Geometry(**{"drives": range(100, 102), **change})


def test_from_a_slot_to_a_drive_remembers_the_slot() -> None:
    assert library(A=Place(201)).plan_move(201, 100) == {"A": Place(100, home=201)}


def test_from_an_import_slot_to_a_drive_gets_a_free_slot_as_home() -> None:
    tapes = library(A=Place(300, imported=True), B=Place(200), C=Place(101, home=201))
    assert tapes.plan_move(300, 100) == {"A": Place(100, home=202)}


def test_without_a_free_slot_an_import_slot_cannot_be_loaded_from() -> None:
    tapes = library(A=Place(300), B=Place(200), C=Place(201), D=Place(101, home=202))
    with pytest.raises(ElementFullError, match="home for tape A"):
        tapes.plan_move(300, 100)


def test_from_drive_to_drive_keeps_the_home() -> None:
    assert library(A=Place(100, home=202)).plan_move(100, 101) == {"A": Place(101, home=202)}


def test_planning_changes_nothing_and_applying_does() -> None:
    tapes = library(A=Place(200))
    moves = tapes.plan_move(200, 300)
    assert tapes.volume_at(200) == "A"
    tapes.apply(moves)
    assert (tapes.volume_at(200), tapes.volume_at(300)) == (None, "A")
    assert dict(tapes) == {"A": Place(300)}


def test_exchange_of_a_slot_and_a_drive_leaves_both_tapes_a_home() -> None:
    tapes = library(A=Place(200), B=Place(100, home=201))
    assert tapes.plan_exchange(200, 100, 200) == {"A": Place(100, home=201), "B": Place(200)}


def test_exchange_in_a_full_library_leaves_no_home() -> None:
    tapes = library(A=Place(200), B=Place(100), C=Place(201), D=Place(202))
    assert tapes.plan_exchange(200, 100, 200) == {"A": Place(100), "B": Place(200)}


def test_a_home_that_is_filled_moves_to_another_slot() -> None:
    """So two tapes in drives never go back to the same slot."""
    tapes = library(A=Place(100, home=200), B=Place(201))
    moves = tapes.plan_move(201, 200)
    assert moves == {"A": Place(100, home=201), "B": Place(200)}
    tapes.apply(moves)
    assert tapes.plan_move(200, 101) == {"B": Place(101, home=200)}


def test_a_home_that_is_filled_when_no_other_slot_is_free_is_no_more() -> None:
    tapes = library(A=Place(100, home=200), B=Place(201), C=Place(202), D=Place(300))
    moves = tapes.plan_move(300, 200)
    assert moves == {"A": Place(100), "D": Place(200)}
    tapes.apply(moves)
    assert tapes.plan_move(100, 101) == {"A": Place(101)}
    tapes.apply(tapes.plan_move(201, 301))
    assert tapes.plan_move(100, 101) == {"A": Place(101, home=201)}


def test_an_exchange_frees_the_home_of_what_it_displaces() -> None:
    tapes = library(A=Place(300), B=Place(100, home=200), C=Place(201), D=Place(202))
    assert tapes.plan_exchange(300, 100, 300) == {"A": Place(100, home=200), "B": Place(300)}


def test_exchange_with_a_third_element() -> None:
    tapes = library(A=Place(200), B=Place(100, home=201))
    assert tapes.plan_exchange(200, 100, 201) == {"A": Place(100, home=200), "B": Place(201)}


@pytest.mark.parametrize("exchange", [(200, 200, 200), (200, 201, 202)])
def test_an_exchange_needs_room_for_what_it_displaces(exchange: tuple[int, int, int]) -> None:
    tapes = library(A=Place(200), B=Place(201), C=Place(202))
    with pytest.raises(ElementFullError):
        tapes.plan_exchange(*exchange)


@pytest.mark.parametrize(
    ("source", "destination", "error"),
    [
        (201, 202, ElementEmptyError),
        (200, 100, ElementFullError),
        (200, 0, NoSuchElementError),
        (299, 100, NoSuchElementError),
    ],
)
def test_what_cannot_be_moved(source: int, destination: int, error: type[Exception]) -> None:
    tapes = library(A=Place(200), B=Place(100, home=201))
    with pytest.raises(error):
        tapes.plan_move(source, destination)


def test_new_tapes_fill_the_free_import_slots_in_order() -> None:
    tapes = library(A=Place(300))
    assert tapes.plan_insertion(["B"]) == {"B": Place(301, imported=True)}
    with pytest.raises(ElementFullError, match="tape C"):
        tapes.plan_insertion(["B", "C"])


@pytest.mark.parametrize("barcodes", [["A"], ["B", "B"]])
def test_a_barcode_is_in_the_library_once(barcodes: list[str]) -> None:
    with pytest.raises(ElementFullError, match="already"):
        library(A=Place(300)).plan_insertion(barcodes)


def test_a_tape_in_a_drive_is_not_taken_out() -> None:
    tapes = library(A=Place(101, home=200), B=Place(201))
    with pytest.raises(VolumeLoadedError, match="drive 1"):
        tapes.plan_removal("A")
    tapes.apply(tapes.plan_removal("B"))
    assert ("B" in tapes, len(tapes), tapes.volume_at(201)) == (False, 1, None)
    with pytest.raises(UnknownVolumeError, match="B"):
        tapes.place_of("B")


def test_places_that_cannot_be_are_refused_at_the_start() -> None:
    with pytest.raises(NoSuchElementError, match="A lies in 999"):
        library(A=Place(999))
    with pytest.raises(ElementFullError, match="B lies where A does"):
        library(A=Place(200), B=Place(200))
