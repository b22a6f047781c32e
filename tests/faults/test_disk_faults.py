"""The disk fails or is full while tapes are uploaded: it is told, and nothing answered is lost."""

import errno
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pyvtl.cloud.location import Bucket
from pyvtl.cloud.s3 import S3Store
from tests.disks import DiskInHand
from tests.faults.diskful import allocated
from tests.faults.proxy import Calm, Gone, Proxy
from tests.faults.site import FIRST_DRIVE, MIB, Site, noise, restored
from tests.initiator import CheckConditionError, Tape
from tests.initiator.session import GOOD, Response
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TAPE, OTHER = "FAULT001", "FAULT002"
WRITE_ERROR = (3, 0x0C00)
CURRENT, DEFERRED = 0x70, 0x71


class CrampedDisk(DiskInHand):
    """A disk with room for so many bytes of segments and cache; the rest is not counted."""

    def __init__(self, folder: Path, room_bytes: int) -> None:
        super().__init__()
        self.folder, self.room_bytes = folder, room_bytes

    def used_bytes(self) -> int:
        return allocated(self.folder)

    def fallocate(self, fd: int, offset: int, length: int) -> None:
        if self.used_bytes() + length > self.room_bytes:
            raise OSError(errno.ENOSPC, "no space left")
        super().fallocate(fd, offset, length)


def told(response: Response) -> tuple[int, tuple[int, int]]:
    """Current or deferred, and what."""
    return response.sense[0] & 0x7F, response.condition


@pytest.fixture
async def site(tmp_path: Path, bucket: Bucket, proxy: Proxy) -> AsyncIterator[Site]:
    """A gateway with two drives on a disk that a test has in hand."""
    site = Site(tmp_path / "data", bucket, proxy.url)
    site.files, site.settings["library"] = DiskInHand(), {"drives": 2}
    async with site.started():
        for drive, barcode in enumerate((TAPE, OTHER)):
            await site.load_new(barcode, drive)
        yield site


def disk(site: Site) -> DiskInHand:
    assert isinstance(site.files, DiskInHand)
    return site.files


def is_failed(site: Site) -> bool:
    """Whether the first drive knows that its disk failed."""
    writer = site.gateway.library.bays[FIRST_DRIVE].drive.tape.writer
    return writer is not None and writer.failure is not None


async def test_a_sync_that_fails_ends_the_tape_at_the_last_answer_here_and_in_the_store(
    site: Site, direct: S3Store, tmp_path: Path
) -> None:
    safe = noise(random.Random(1), 3 * MIB)
    await site.append(*safe)

    def fail(tape: Tape) -> None:
        tape.space(0, 3)
        assert tape.write(b"lost", block=None).status == GOOD
        disk(site).failing["fdatasync"] = errno.EIO
        assert told(tape.write_filemarks()) == (DEFERRED, WRITE_ERROR)
        assert told(tape.write(b"more", block=None)) == (CURRENT, WRITE_ERROR)

    await site.host(fail)
    assert await site.contents() == safe
    disk(site).failing.clear()
    await site.unload()
    await site.load(TAPE)
    await site.append(b"goes on", None)
    assert await site.contents() == [*safe, b"goes on", None]
    await site.uploaded()
    assert await restored(direct, TAPE, tmp_path / "other") == [*safe, b"goes on", None]


async def test_a_seal_that_fails_is_told_to_the_host_and_keeps_no_other_tape_back(
    site: Site, direct: S3Store, tmp_path: Path
) -> None:
    """A tape that is idle is sealed without a host's doing."""
    safe, other = noise(random.Random(1), MIB), noise(random.Random(2), MIB)
    await site.append(*safe)
    await site.uploaded()

    def fail(tape: Tape) -> None:
        tape.space(0, 3)
        assert tape.write(b"lost", block=None).status == GOOD

    disk(site).failing["fdatasync"] = errno.EIO
    await site.host(fail)
    await until(lambda: is_failed(site))
    disk(site).failing.clear()
    with pytest.raises(CheckConditionError) as seen:
        await site.host(Tape.rewind)
    assert told(seen.value.response) == (DEFERRED, WRITE_ERROR)
    await site.append(*other, drive=1)
    await site.unload()
    await site.uploaded()
    assert await restored(direct, TAPE, tmp_path / "other") == safe
    assert await restored(direct, OTHER, tmp_path / "another") == other


async def test_a_disk_that_the_upload_buffer_fills_is_told_and_empties_when_the_store_is_back(
    tmp_path: Path, bucket: Bucket, proxy: Proxy, direct: S3Store
) -> None:
    site = Site(tmp_path / "data", bucket, proxy.url, upload_buffer_limit="1GiB")
    site.files, site.settings["cache"] = CrampedDisk(site.folder, 64 * MIB), {"limit": 0}
    records = [record for record in noise(random.Random(1), 64 * MIB) if record is not None]

    def fill(tape: Tape) -> tuple[int, Response]:
        """Write until a record is refused; how many were taken."""
        for number, record in enumerate(records):
            if (response := tape.write(record, block=None)).status != GOOD:
                return number, response
        raise AssertionError("the disk is not full")

    async with site.started():
        await site.load_new(TAPE)
        proxy.schedule = Gone()
        taken, refusal = await site.host(fill)
        assert told(refusal) == (CURRENT, WRITE_ERROR)
        assert taken > len(records) // 2
        assert await site.contents() == records[:taken]
        proxy.schedule = Calm()
        await site.uploaded()
        await until(lambda: site.gateway.vault.cache.figures().used_bytes == 0)
        await site.append(records[taken], None)
        await site.uploaded()
    assert await restored(direct, TAPE, tmp_path / "other") == [*records[: taken + 1], None]
