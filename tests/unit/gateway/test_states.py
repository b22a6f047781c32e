"""The life of a tape: every state with everything that may happen to it."""

from itertools import product

import pytest

from pyvtl.gateway.errors import TapeRetrievedError, WrongStatusError
from pyvtl.gateway.states import IN_LIBRARY, TRANSITIONS, UNDER_WAY, Happening, Status, after

ALL = list(product(Status, Happening))


@pytest.mark.parametrize(("status", "happening"), ALL)
def test_what_is_not_in_the_table_is_refused_with_what_to_do(
    status: Status, happening: Happening
) -> None:
    following = TRANSITIONS.get((status, happening))
    if following is not None:
        assert after("DEMO0001", status, happening) is following
        return
    with pytest.raises(WrongStatusError, match=r"tape DEMO0001 is [^:]+: \w+"):
        after("DEMO0001", status, happening)


def test_a_retrieved_tape_has_to_be_ejected_before_it_is_deleted() -> None:
    with pytest.raises(TapeRetrievedError, match="move it to an import/export slot first"):
        after("DEMO0001", Status.RETRIEVED, Happening.DELETION_STARTED)


def test_archival_is_cancelled_only_in_transit_and_retrieval_only_while_retrieving() -> None:
    cancellable = {
        (status, happening)
        for status, happening in TRANSITIONS
        if happening in (Happening.ARCHIVAL_CANCELLED, Happening.RETRIEVAL_CANCELLED)
    }
    assert cancellable == {
        (Status.IN_TRANSIT, Happening.ARCHIVAL_CANCELLED),
        (Status.RETRIEVING, Happening.RETRIEVAL_CANCELLED),
    }


def test_every_state_but_deleted_is_left_by_something() -> None:
    assert {before for before, _ in TRANSITIONS} == set(Status) - {Status.DELETED}


def test_a_tape_either_lies_in_the_library_or_is_under_way_or_is_gone() -> None:
    assert set(Status) - {Status.DELETED} == IN_LIBRARY | UNDER_WAY
    assert not IN_LIBRARY & UNDER_WAY


def test_nothing_comes_back_from_being_deleted() -> None:
    reached = {Status.DELETING}
    while more := {after for (before, _), after in TRANSITIONS.items() if before in reached}:
        if more <= reached:
            break
        reached |= more
    assert reached == {Status.DELETING, Status.DELETED}
