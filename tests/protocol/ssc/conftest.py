"""Fixtures of the tests of the drive."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.media.medium import Filemark, Medium
from tests.scsi_client import ALICE
from tests.tape_client import LARGE, empty_drive, tape

Load = Callable[..., Awaitable[TapeDrive]]


@pytest.fixture
async def drive() -> AsyncIterator[TapeDrive]:
    """A drive with nothing in it; ALICE has a session."""
    unit = empty_drive()
    yield unit
    await unit.close()


@pytest.fixture
def load(drive: TapeDrive) -> Load:
    """Loads a cartridge made of logical objects, or `medium`, in variable block mode."""

    async def load_objects(
        *objects: bytes | Filemark,
        medium: Medium | None = None,
        capacity_bytes: int = LARGE,
        block_length: int = 0,
    ) -> TapeDrive:
        cartridge = medium or tape(*objects, capacity_bytes=capacity_bytes)
        await drive.load(lambda: cartridge, cartridge.barcode)
        drive.attentions.take(ALICE)
        drive.block_length = block_length
        return drive

    return load_objects
