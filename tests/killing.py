"""A host that writes until the server dies under it, and what the tape must hold after that.

The host keeps a list of what it wrote.  After the restart the tape must hold a prefix of that list
which reaches at least to the last filemark that was answered, or, where nothing of an overwriting
was synchronised, what was there before.
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.initiator import Tape
from tests.initiator.session import GOOD
from tests.serving import Server

FILEMARK = None
Object = bytes | None
BLOCK = 65536
POOL = random.Random(7).randbytes(4 << 20)
RUN = 20 * BLOCK
"""Long enough for dedup to see it."""
LARGEST_TAPE = 160
"""Objects; a longer tape is started anew, so that reading it back stays quick."""


@dataclass(slots=True)
class Attempt:
    """One round's writing: what stood there before it, what it sent, how much is promised."""

    before: list[Object]
    written: list[Object]
    promised: int
    synchronised: bool = False

    def explains(self, found: list[Object]) -> bool:
        """Whether the tape holds what it must hold after the crash."""
        if not self.synchronised and found == self.before:
            return True
        return len(found) >= self.promised and found == self.written[: len(found)]


def records(draw: random.Random, count: int) -> Iterator[bytes]:
    """Records on and off the 64 KiB grid, small and large; or a run that is always the same."""
    if draw.random() < 0.2:
        yield from (POOL[at : at + BLOCK] for at in range(0, RUN, BLOCK))
        return
    for _ in range(count):
        size = draw.choice([BLOCK, BLOCK, 10240, draw.randint(1, 200_000)])
        start = draw.randrange(len(POOL) - size)
        yield POOL[start : start + size]


def write_until_killed(
    tape: Tape, draw: random.Random, before: list[Object], files: int = sys.maxsize
) -> Attempt:
    """Write from a drawn position until the connection breaks, or so many filemarks are written."""
    keep = draw.choice([0, len(before), draw.randint(0, len(before))])
    keep = 0 if len(before) > LARGEST_TAPE else keep
    attempt = Attempt(before, before[:keep], keep)
    try:
        assert tape.locate(keep).status == GOOD
        for _ in range(files):
            for record in records(draw, draw.randint(1, 12)):
                attempt.written.append(record)
                assert tape.write(record, block=None).status == GOOD
            attempt.written.append(FILEMARK)
            immed = draw.random() < 0.2
            assert tape.write_filemarks(immed=immed).status == GOOD
            if not immed:
                attempt.promised, attempt.synchronised = len(attempt.written), True
    except (ConnectionError, TimeoutError):
        pass
    return attempt


def whole_tape(tape: Tape) -> list[Object]:
    """Every object from the beginning to the end of data."""
    tape.rewind()
    found: list[Object] = []
    while True:
        response = tape.read(1 << 20, block=None, sili=True)
        if response.status == GOOD:
            found.append(response.data)
        elif response.condition == (0, 0x0001):
            found.append(FILEMARK)
        else:
            assert response.condition == (8, 0x0005), response
            return found


def connect(server: Server, drive: str) -> Tape:
    tape = Tape("127.0.0.1", server.port, drive)
    try:
        tape.ready()
        tape.block_length(0)
    except Exception:
        tape.close()
        raise
    return tape
