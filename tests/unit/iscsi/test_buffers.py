"""Memory for received data: used again, and never while somebody holds a view of it."""

from pyvtl.iscsi.buffers import KEPT_BYTES, LEAST_BYTES, Buffers


def test_a_buffer_is_used_again_once_no_view_of_it_is_left() -> None:
    buffers = Buffers()
    first = buffers.take(LEAST_BYTES)
    memory = id(first.obj)
    part = first[10:20]
    del first
    assert id(buffers.take(LEAST_BYTES).obj) != memory
    del part
    assert id(buffers.take(LEAST_BYTES).obj) == memory


def test_a_buffer_has_the_length_asked_for_whatever_is_kept() -> None:
    buffers = Buffers()
    lengths = [LEAST_BYTES, 3 * LEAST_BYTES, LEAST_BYTES + 1, 1, LEAST_BYTES]
    assert [len(buffers.take(length)) for length in lengths] == lengths


def test_views_that_are_held_at_once_share_no_memory() -> None:
    """More of them than are kept."""
    buffers = Buffers()
    count = 2 * KEPT_BYTES // LEAST_BYTES
    held = [buffers.take(LEAST_BYTES) for _ in range(count)]
    for number, view in enumerate(held):
        view[0] = number % 256
    assert [view[0] for view in held] == [number % 256 for number in range(count)]
    assert len({id(view.obj) for view in held}) == count


def test_what_is_kept_has_a_limit() -> None:
    buffers = Buffers()
    held = [buffers.take(LEAST_BYTES) for _ in range(2 * KEPT_BYTES // LEAST_BYTES)]
    memory = {id(view.obj) for view in held[: KEPT_BYTES // LEAST_BYTES]}
    del held
    again = [buffers.take(LEAST_BYTES) for _ in range(KEPT_BYTES // LEAST_BYTES)]
    assert {id(view.obj) for view in again} == memory
