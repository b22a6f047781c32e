"""The running sums of what no store has are those of a plain list."""

from hypothesis import given
from hypothesis import strategies as st

from pyvtl.store.dirty import DirtyPacks, DirtyTape, Stage

packs = st.binary(min_size=1, max_size=1)
changes = st.lists(
    st.tuples(packs, st.sampled_from(["A", "B"]), st.sampled_from(Stage), st.integers(0, 1000))
    | packs
)


@given(changes)
def test_the_sums_are_those_of_what_is_there(
    made: list[tuple[bytes, str, Stage, int] | bytes],
) -> None:
    dirty, model = DirtyPacks(), dict[bytes, tuple[str, Stage, int]]()
    for change in made:
        if isinstance(change, bytes):
            dirty.forget([change])
            model.pop(change, None)
        else:
            pack_id, barcode, stage, size = change
            dirty.note(barcode, pack_id, stage, size)
            model[pack_id] = barcode, stage, size
    for barcode in ("A", "B"):
        mine = [(stage, size) for of, stage, size in model.values() if of == barcode]
        counts = [sum(stage is each for stage, _ in mine) for each in Stage]
        assert dirty.of(barcode) == DirtyTape(sum(size for _, size in mine), *counts)
    assert dirty.total.size_bytes == sum(size for _, _, size in model.values())
