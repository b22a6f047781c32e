"""When a tape may not be brought into the store, and whether that is for good."""

from typing import Literal

import pytest

from pyvtl.cloud.documents import Head
from pyvtl.cloud.heads import HeldHead
from pyvtl.cloud.recovery_point import Standing, check_order
from pyvtl.cloud.refusals import DivergedError, RefusedTapeError
from pyvtl.media.at_rest import TapeAtRest
from pyvtl.store.repository import Label

ID = "0" * 32
TAPE = TapeAtRest(Label("DEMO01L5", ID, 1 << 30, 0), (), None)


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("deleted", DivergedError),
        ("archived", DivergedError),
        # Its gateway is just taking it in: the store has a moment to say so.
        ("retrieving", RefusedTapeError),
    ],
)
def test_what_the_store_says_of_a_tape_keeps_it_from_being_pushed(
    state: Literal["deleted", "archived", "retrieving"], refusal: type[RefusedTapeError]
) -> None:
    head = Head(
        barcode="DEMO01L5",
        tape_id=ID,
        owner="00000000",
        epoch=1,
        generation=0,
        state=state,
        manifest=None,
        nonce=ID,
    )
    with pytest.raises(RefusedTapeError) as raised:
        check_order(TAPE, Standing(HeldHead(head, "etag")))
    assert raised.type is refusal
