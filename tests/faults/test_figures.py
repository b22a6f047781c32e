"""What it costs: memory, time to start, and the speed of a drive while its tape is uploaded."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pyvtl.media.inventory import Place as Lies
from pyvtl.media.vault import Vault
from pyvtl.store.format import NO_CHAIN, NO_PACK, PLACE, AttributesFrame, Commit, Place
from pyvtl.store.index import Extent
from pyvtl.store.repository import Label
from pyvtl.store.stored import StoredPack
from pyvtl.store.tape_map import Pack
from tests.initiator import Tape
from tests.initiator.devices import discover
from tests.initiator.session import GOOD
from tests.serving import anonymous_memory, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MIB, TIB = 1 << 20, 1 << 40
PACK, BLOCK = 256 * MIB, 65536
DRIVES = 10
POOL = memoryview(random.Random(3).randbytes(8 * MIB))


def packs_of(draw: random.Random, size: int) -> Iterator[Pack]:
    """The packs of a tape with so many bytes in records of 64 KiB."""
    before = Pack(NO_PACK, 0, 0, 0, NO_CHAIN)
    for sequence in range(size // PACK):
        start, end = (Place(at // BLOCK, 0, at) for at in (sequence * PACK, (sequence + 1) * PACK))
        before = Pack(
            pack_id=draw.randbytes(16),
            sequence=sequence,
            generation=0,
            length=PACK,
            chain=draw.randbytes(32),
            predecessor=before.pack_id,
            predecessor_length=before.length,
            predecessor_chain=before.chain,
            commit=Commit(synced_to=PACK, ends=PLACE.pack(*end).ljust(96, b"\0")),
            attributes=AttributesFrame(capacity_0=size),
            extents=(Extent(0, start, 0, 0),),
        )
        yield before


def full_library(folder: Path) -> None:
    """A data folder with a tape of 1 TiB in each drive, all of which is in a store alone."""
    draw = random.Random(1)
    with closing(Vault(folder)) as vault:
        for number in range(DRIVES):
            barcode = f"FULL{number:04}"
            label = Label(barcode, draw.randbytes(16).hex(), TIB, 0)
            packs = list(packs_of(draw, TIB))
            stored = [StoredPack(p.pack_id, "0" * 8, PACK, 0, "maps/x", 0, 1) for p in packs]
            assert vault.attach(label, packs, stored).status == "AVAILABLE"
            vault.place({barcode: Lies(10000 + number, home=20000 + number)})


def test_ready_within_five_seconds_with_ten_tapes_of_1_tib_in_the_drives(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    folder = tmp_path / "data"
    folder.mkdir()
    full_library(folder)
    began = time.monotonic()
    with serving(folder, "--store", f"dir:{tmp_path / 'store'}") as server:
        served = time.monotonic() - began
        for drive in (n for n in discover("127.0.0.1", server.port) if "tapedrive" in n):
            with Tape("127.0.0.1", server.port, drive) as tape:
                tape.ready()
                assert tape.space(0, 3).status == GOOD
                assert tape.position() == TIB // BLOCK
        ready = time.monotonic() - began
        memory = anonymous_memory(server.pid) / MIB
    print(f"serving after {served:.2f} s, all tapes ready after {ready:.2f} s, {memory:.0f} MiB")
    assert served <= 5


def write(tape: Tape, count: int) -> None:
    """So many MiB, no two alike."""
    with tape:
        for number in range(count):
            start = number * 4099 % (len(POOL) - MIB)
            assert tape.write(POOL[start : start + MIB]).status == GOOD
        assert tape.write_filemarks().status == GOOD


def test_ten_drives_that_write_and_upload_take_512_mib(tmp_path: Path) -> None:
    """To a folder on another file system, or else it would take the segments by hard links."""
    (tmp_path / "store").mkdir()
    options = ("--store", f"dir:{tmp_path / 'store'}", "--cache-limit", "256MiB")
    small = {"PYVTL_STORE__SEGMENT_SIZE": "32MiB", "PYVTL_STORE__RECOVERY_POINT_SECONDS": "1"}
    with serving(tmp_path / "data", *options, environment=small) as server:
        threads = []
        began = time.monotonic()
        for drive in server.loaded(DRIVES, "100GiB"):
            tape = Tape("127.0.0.1", server.port, drive)
            tape.ready()
            threads.append(threading.Thread(target=write, args=(tape, 100)))
            threads[-1].start()
        peak = 0
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, anonymous_memory(server.pid))
            threads[0].join(0.02)
        speed = DRIVES * 100 / (time.monotonic() - began)
    print(f"peak: {peak / MIB:.0f} MiB, {speed:.0f} MiB/s while uploading")
    assert peak <= 512 * MIB
