"""What a backup program asks of the changer most often."""

import asyncio
from typing import Any

from pyvtl.device.changer.cdb import ReadElementStatus
from pyvtl.media.inventory import Geometry, Place
from tests.protocol.smc.library import Library
from tests.scsi_client import run

GEOMETRY = Geometry()
ALL = ReadElementStatus(volume_tag=True, element_count=0xFFFF, allocation_length=0xFF_FFFF)


def test_read_element_status(benchmark: Any) -> None:
    """All of 3,210 elements with volume tags, 1,500 slots full."""
    places = {f"TAPE{slot}": Place(slot) for slot in GEOMETRY.slots[:1500]}
    with asyncio.Runner() as runner:
        library = Library(places, GEOMETRY)
        data = benchmark(lambda: runner.run(run(library.changer, ALL)))
    assert int.from_bytes(data[2:4], "big") == 3211
