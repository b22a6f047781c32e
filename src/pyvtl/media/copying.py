"""Copy what is recorded on one medium to another one, object by object."""

from collections.abc import Sequence
from typing import Final

from pyvtl.media.medium import EndOfData, Filemark, Medium, Position, Record

READ_BYTES: Final = 4 << 20


def copy_objects(source: Medium, target: Medium) -> None:
    """Make the first partition of `target` what that of `source` is, durably."""
    at = Position()
    target.start_writing(at)
    while True:
        found = source.read(at, READ_BYTES)
        objects = [item for item in found if not isinstance(item, EndOfData)]
        target.reserve(sum(item.size for item in objects if isinstance(item, Record)))
        target.append(objects)
        at = _after(at, objects)
        if len(objects) < len(found):
            target.sync()
            return


def _after(at: Position, objects: Sequence[Record | Filemark]) -> Position:
    for item in objects:
        match item:
            case Record(_, size):
                at = at.after_record(size)
            case Filemark(count):
                at = at.after_filemarks(count)
    return at
