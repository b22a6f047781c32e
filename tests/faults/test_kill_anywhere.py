"""kill -9 at any moment of writing, uploading, evicting, reading back and deleting.

Two hosts are busy until the server dies under them: one writes, the other one writes, reads, or
has its tape deleted and another one made, over and over.  After each kill the store is checked
before anything mends it; then every tape must hold what was answered, byte for byte.
"""

import random
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pyvtl.cli.client import Client
from pyvtl.cli.failure import CommandError
from pyvtl.cloud.location import Bucket
from tests.faults.s3 import SMALL, in_bucket, url_of, wait_until_uploaded
from tests.initiator import Changer
from tests.initiator.devices import Element, discover
from tests.killing import Attempt, Object, connect, whole_tape, write_until_killed
from tests.seaweed import Seaweed
from tests.serving import Server, serving

CAPACITY = 1 << 30
LATEST_KILL_SECONDS = 1.5
MANY_ROUNDS = 50
"""So many that all there is must have happened between them."""
DRIVES = (10000, 10001)
SLOTS, DRIVE = (2, 3), 4
"""Element types of SMC-3."""
DYING = (ConnectionError, TimeoutError, CommandError)
"""What a server that is killed looks like from outside."""


@dataclass(slots=True)
class Life:
    """A library, and what its hosts know of it."""

    server: Server
    known: dict[str, list[Object]] = field(default_factory=dict)
    """What each tape holds, by barcode."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    """What was written when the server was killed."""
    doomed: set[str] = field(default_factory=set)
    """Tapes that somebody began to delete."""
    gone: set[str] = field(default_factory=set)
    """Tapes of which the deletion was answered."""
    happened: Counter[str] = field(default_factory=Counter)
    """After how many rounds tapes were found uploaded, evicted, read back; how many deleted."""

    # While the server lives

    def verify(self) -> None:
        """Have a tape in each drive, and all of them hold what was answered."""
        there = self.tapes()
        assert self.gone.isdisjoint(there)
        assert self.known.keys() - there <= self.doomed
        for address in DRIVES:
            barcode = self.tape_in(address) or self.load(address)
            with connect(self.server, self.drive(address)) as tape:
                self.judge(barcode, whole_tape(tape))
        self.attempts.clear()
        self.take_note()

    def tapes(self) -> set[str]:
        """All there are; a deletion that was answered may have something left to do."""
        tapes = Client(self.server.folder).get("/tapes")
        return {tape["barcode"] for tape in tapes if tape["status"] != "DELETING"}

    def take_note(self) -> None:
        """Of what the cache tells."""
        cache = Client(self.server.folder).get("/cache")
        tapes = cache["tapes"]
        self.happened["uploaded"] += any(tape["stored_bytes"] for tape in tapes)
        self.happened["evicted"] += any(t["local_bytes"] < t["stored_bytes"] for t in tapes)
        self.happened["read back"] += cache["misses"] > 0
        self.happened["deleted"] = len(self.gone)

    def judge(self, barcode: str, found: list[Object]) -> None:
        """Raise unless this may be on the tape; from now on it is."""
        attempt = self.attempts.get(barcode)
        before = self.known.get(barcode, [])
        assert found == before if attempt is None else attempt.explains(found), barcode
        self.known[barcode] = found

    def tape_in(self, address: int) -> str | None:
        """The tape in a drive."""
        with self.changer() as changer:
            (element,) = (e for e in changer.elements(DRIVE) if e.address == address)
        return element.barcode if element.full else None

    def load(self, address: int) -> str:
        """Put a tape into a drive, a new one if there is no other."""
        with self.changer() as changer:
            tape = next(lying_around(changer), None)
            if tape is None:
                wanted = {"prefix": "LIFE", "size_bytes": CAPACITY}
                Client(self.server.folder).post("/tapes", wanted)
                tape = next(lying_around(changer))
            changer.must_move(tape.address, address)
        return tape.barcode

    @contextmanager
    def changer(self) -> Iterator[Changer]:
        (name,) = (n for n in discover("127.0.0.1", self.server.port) if "changer" in n)
        own = b"\x80" + secrets.token_bytes(5)
        with Changer("127.0.0.1", self.server.port, name, isid=own) as changer:
            yield changer

    def drive(self, address: int) -> str:
        """The target name of a drive."""
        names = discover("127.0.0.1", self.server.port)
        return sorted(n for n in names if "tapedrive" in n)[DRIVES.index(address)]

    # While it is killed

    def write(self, address: int, draw: random.Random, files: int = sys.maxsize) -> None:
        barcode = self.tape_in(address)
        assert barcode is not None
        with connect(self.server, self.drive(address)) as tape:
            before = self.known.get(barcode, [])
            self.attempts[barcode] = write_until_killed(tape, draw, before, files)

    def read(self, address: int, draw: random.Random) -> None:
        barcode = self.tape_in(address)
        assert barcode is not None
        with connect(self.server, self.drive(address)) as tape:
            while True:
                assert whole_tape(tape) == self.known[barcode]

    def replace(self, address: int, draw: random.Random) -> None:
        """Have the tape deleted, load another one and write on it, over and over."""
        while (barcode := self.tape_in(address)) is not None:
            with self.changer() as changer:
                changer.must_move(address, free_slot(changer))
            self.doomed.add(barcode)
            Client(self.server.folder).delete(f"/tapes/{barcode}")
            self.gone.add(barcode)
            self.load(address)
            self.write(address, draw, files=20)

    def until_killed(self, draw: random.Random) -> None:
        """Be busy on both drives until a moment that is drawn, and no shorter."""
        other = draw.choice([self.write, self.read, self.replace])
        killing = threading.Event()

        def kill() -> None:
            killing.set()
            self.server.kill()

        with ThreadPoolExecutor() as pool:
            works = [
                pool.submit(work, address, random.Random(draw.random()))
                for work, address in zip((self.write, other), DRIVES, strict=True)
            ]
            killer = threading.Timer(draw.uniform(0.02, LATEST_KILL_SECONDS), kill)
            killer.start()
            for work in works:
                error = work.exception()
                if error is not None and not isinstance(error, DYING):
                    raise error
                assert killing.is_set(), error
            killer.join()


def lying_around(changer: Changer) -> Iterator[Element]:
    """The tapes in slots."""
    return (e for e in changer.elements() if e.full and e.type in SLOTS)


def free_slot(changer: Changer) -> int:
    """The address of a storage slot."""
    return next(e.address for e in changer.elements(SLOTS[0]) if not e.full)


def restored(life: Life, other: Server) -> None:
    """Every tape is taken over by another gateway, from the bucket alone, and is what it was."""
    other.folder.mkdir()
    barcodes = sorted(life.tapes())
    wait_until_uploaded(life.server.folder)
    life.server.stop()
    other.run("store", "attach", *barcodes)
    other.start()
    try:
        taken = Life(other, {barcode: life.known[barcode] for barcode in barcodes})
        taken.verify()
    finally:
        other.kill()


@pytest.mark.slow
@pytest.mark.timeout(24 * 3600)
def test_nothing_that_was_answered_is_lost_by_a_kill_at_any_moment(
    tmp_path: Path, s3_server: Seaweed, bucket: Bucket, crash_rounds: int, crash_seed: int
) -> None:
    draw = random.Random(crash_seed)
    environment = in_bucket(bucket, s3_server.url, **SMALL)
    with serving(tmp_path / "data", environment=environment) as server:
        life = Life(server)
        for number in range(crash_rounds):
            print(f"round {number} of seed {crash_seed}")
            life.verify()
            life.until_killed(draw)
            server.run("store", "check", "--read-data", "--store", url_of(bucket))
            server.start()
        life.verify()
        print(dict(life.happened))
        assert crash_rounds < MANY_ROUNDS or all(life.happened.values())
        restored(life, Server(tmp_path / "other", environment=environment))
