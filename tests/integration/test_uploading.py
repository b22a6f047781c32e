"""A running gateway brings its tapes into the object store by itself."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from pyvtl import Config, Gateway
from pyvtl.cloud.agreement import agree
from pyvtl.cloud.errors import UnavailableError
from pyvtl.cloud.heads import read_head
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import manifest_prefix
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.pace import Pace
from pyvtl.cloud.uploading import Uploader, uploading
from pyvtl.cloud.wrapping import Call
from pyvtl.gateway.errors import GatewayError
from tests.careless_store import IgnoresConditions
from tests.faulty_store import Recorded
from tests.initiator import Changer, Tape
from tests.pushing import MIB, check_promises, manifest_of, noise
from tests.pushing import Gateway as OtherGateway
from tests.tapes import contents
from tests.waiting import until

TAPE = "TAPE0001"
QUICK = {
    "idle_seconds": 0.05,
    "recovery_point_seconds": 30,
    "segment_size": 4 * MIB,
    "retry_seconds": 0.1,
}
BLOCK = 65536


def config(folder: Path, **store: object) -> Config:
    """Two drives on a free port, and quick to upload."""
    library: Mapping[str, object] = {"drives": 2, "slots": 4, "import_export_slots": 3}
    return Config.model_validate(
        {
            "gateway": {"data_dir": folder},
            "portal": {"listen": ["127.0.0.1:0"]},
            "library": library,
            "store": {**QUICK, **store},
        }
    )


async def loaded(gateway: Gateway, barcode: str = TAPE, drive: int = 10000) -> None:
    """A blank tape in a drive."""
    await gateway.library.create_tapes(barcode=barcode, size_bytes=1 << 30)
    await move(gateway, 30000, drive)


async def move(gateway: Gateway, source: int, destination: int) -> None:
    def as_host() -> None:
        with Changer("127.0.0.1", gateway.portals[0].port, gateway.changer_name) as changer:
            changer.must_move(source, destination)

    await asyncio.to_thread(as_host)


async def write(gateway: Gateway, data: bytes, drive: int = 0) -> None:
    """A host appends a file."""

    def as_host() -> None:
        port, name = gateway.portals[0].port, gateway.drive_names[drive]
        with Tape("127.0.0.1", port, name) as tape:
            tape.ready()
            for start in range(0, len(data), BLOCK):
                assert tape.write(data[start : start + BLOCK]).status == 0
            assert tape.write_filemarks().status == 0

    await asyncio.to_thread(as_host)


async def uploaded(
    store: ObjectStore, stored_bytes: int, barcode: str = TAPE, *, files: int = 1
) -> bool:
    """Whether the recovery point reaches so far, and to the filemark after so many files.

    A host that is slow with the filemark leaves the tape idle before it.
    """
    held = await read_head(store, barcode)
    if held is None or held.head.manifest is None:
        return False
    ends = (await manifest_of(store, barcode)).ends
    return bool(ends) and (ends[0].bytes, ends[0].filemarks) == (stored_bytes, files)


async def restored(store: ObjectStore, folder: Path, barcode: str = TAPE) -> list[bytes | None]:
    """What another gateway finds on the tape when it takes it from the store alone."""
    other = OtherGateway(folder)
    (pulled,) = await other.pull(store, barcode)
    assert pulled.problem is None
    with other.vault() as vault:
        return contents(vault.open(barcode))


def blocks(data: bytes) -> list[bytes | None]:
    return [data[start : start + BLOCK] for start in range(0, len(data), BLOCK)]


async def test_an_idle_tape_in_a_drive_is_in_the_store_soon_and_writing_goes_on(
    any_store: ObjectStore, tmp_path: Path
) -> None:
    first, second = noise(9 * MIB, 1), noise(MIB, 2)
    async with Gateway(config(tmp_path / "data"), objects=any_store) as gateway:
        await loaded(gateway)
        await write(gateway, first)
        await until(lambda: uploaded(any_store, len(first)))
        await write(gateway, second)
        await until(lambda: uploaded(any_store, len(first) + len(second), files=2))
        await check_promises(any_store, TAPE)
    found = await restored(any_store, tmp_path / "other")
    assert found == [*blocks(first), None, *blocks(second), None]


async def test_what_is_in_the_store_is_no_longer_dirty(tmp_path: Path) -> None:
    store, go_on = MemoryStore(), asyncio.Event()

    async def hold(call: Call) -> None:
        await go_on.wait()

    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await loaded(gateway)
    held = Recorded(store, hold)
    async with Gateway(config(tmp_path / "data"), objects=held) as gateway:
        await write(gateway, noise(5 * MIB))
        assert gateway.vault.dirty_bytes > 5 * MIB
        go_on.set()
        await move(gateway, 10000, 20000)
        await until(lambda: gateway.vault.dirty_bytes == 0)
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        assert gateway.vault.dirty_bytes == 0


async def test_a_tape_that_is_written_all_the_time_gets_recovery_points_by_age(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    settings = config(tmp_path / "data", idle_seconds=30, recovery_point_seconds=0.05)
    async with Gateway(settings, objects=store) as gateway:
        await loaded(gateway)
        await write(gateway, noise(MIB))
        await until(lambda: uploaded(store, MIB))


async def test_a_blank_tape_and_a_deleted_one_are_told_to_the_store(tmp_path: Path) -> None:
    store = MemoryStore()

    async def state() -> str | None:
        held = await read_head(store, TAPE)
        return None if held is None else held.head.state

    async def is_now(wanted: str) -> bool:
        return await state() == wanted

    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await gateway.library.create_tapes(barcode=TAPE, size_bytes=1 << 30)
        await until(lambda: is_now("active"))
        await gateway.library.delete_tape(TAPE)
        await until(lambda: is_now("deleted"))
        await until(lambda: gateway.vault.backlog() == [])


async def test_a_tape_is_archived_when_what_the_uploader_does_with_it_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory, begun, go_on = MemoryStore(), asyncio.Event(), asyncio.Event()

    async def hold_the_first_manifest(call: Call) -> None:
        if call.sent and call.subject.startswith(manifest_prefix(TAPE)) and not begun.is_set():
            begun.set()
            await go_on.wait()

    def gone() -> bool:
        return gateway.life.ledger.find(TAPE) is None

    store = Recorded(memory, hold_the_first_manifest)
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await gateway.library.create_tapes(barcode=TAPE, size_bytes=1 << 30)
        await begun.wait()
        await gateway.life.archive(TAPE)
        with suppress(TimeoutError):  # Were it not waited for, the tape would be gone by then.
            async with asyncio.timeout(0.3):
                await until(gone)
        go_on.set()
        await until(gone)
        assert (await gateway.life.show_archived(TAPE)).status == "ARCHIVED"
        await until(lambda: gateway.vault.backlog() == [])
    told = capsys.readouterr()
    assert "tape.fenced" not in told.out + told.err


class Outage:
    """A store that can be switched off."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.over.set()
        self.met = 0

    async def __call__(self, call: Call) -> None:
        if not self.over.is_set():
            self.met += 1
            raise UnavailableError(f"no answer to {call.operation} of {call.subject}")


async def test_a_store_that_goes_away_and_comes_back_gets_what_was_written_meanwhile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outage, memory = Outage(), MemoryStore()
    store = Recorded(memory, outage)
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await loaded(gateway)
        outage.over.clear()
        await write(gateway, noise(MIB))
        assert gateway.uploader is not None
        reach = gateway.uploader.reach
        await until(lambda: reach.lost and outage.met > 2)
        outage.over.set()
        await until(lambda: uploaded(memory, MIB))
        await until(lambda: not reach.lost)
    told = capsys.readouterr()
    assert (told.out + told.err).count("store.unreachable") == 1
    assert (told.out + told.err).count("store.reachable") == 1


async def test_a_gateway_starts_while_the_store_is_away_unless_it_never_met_it(
    tmp_path: Path,
) -> None:
    outage, memory = Outage(), MemoryStore()
    store = Recorded(memory, outage)
    outage.over.clear()
    with pytest.raises(Exception, match="no answer to check"):
        await Gateway(config(tmp_path / "data"), objects=store).start()
    outage.over.set()
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await loaded(gateway)
    outage.over.clear()
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await write(gateway, noise(MIB))
    outage.over.set()
    async with Gateway(config(tmp_path / "data"), objects=store):
        await until(lambda: uploaded(memory, MIB))


async def test_a_stop_waits_for_what_is_to_be_uploaded(tmp_path: Path) -> None:
    store = MemoryStore()
    settings = config(tmp_path / "data", idle_seconds=60, recovery_point_seconds=60)
    async with Gateway(settings, objects=store) as gateway:
        await loaded(gateway)
        await write(gateway, noise(6 * MIB))
    assert await uploaded(store, 6 * MIB)


async def test_a_stop_waits_no_longer_than_it_is_told(tmp_path: Path) -> None:
    hang = asyncio.Event()
    memory = MemoryStore()

    async def never(call: Call) -> None:
        if call.subject.startswith("packs/") and call.sent:
            await hang.wait()

    settings = config(tmp_path / "data", stop_seconds=0.1)
    async with Gateway(settings, objects=Recorded(memory, never)) as gateway:
        await loaded(gateway)
        await write(gateway, noise(MIB))
    assert not await uploaded(memory, MIB)
    async with Gateway(settings, objects=memory):
        await until(lambda: uploaded(memory, MIB))
    assert await restored(memory, tmp_path / "other") == [*blocks(noise(MIB)), None]


async def test_a_store_that_ignores_conditions_is_for_one_gateway_only(tmp_path: Path) -> None:
    store = IgnoresConditions()
    async with Gateway(config(tmp_path / "one"), objects=store) as gateway:
        await loaded(gateway)
        await write(gateway, noise(MIB))
        await until(lambda: uploaded(store, MIB))
    with pytest.raises(GatewayError, match=r"ignores conditional writes.*another gateway uses it"):
        await Gateway(config(tmp_path / "two"), objects=store).start()
    async with Gateway(config(tmp_path / "one"), objects=store):
        pass


async def test_another_store_under_existing_tapes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    async with Gateway(config(tmp_path / "data", url=f"dir:{tmp_path / 'first'}")) as gateway:
        await loaded(gateway)
    with pytest.raises(GatewayError, match=r"belong to the store dir:.*first"):
        await Gateway(config(tmp_path / "data", url=f"dir:{tmp_path / 'second'}")).start()


async def test_packs_of_a_deleted_tape_are_collected_in_the_background(tmp_path: Path) -> None:
    store, one = MemoryStore(), OtherGateway(tmp_path / "data")
    one.create(TAPE)
    one.write(TAPE, noise(MIB), None)
    await agree(store, one.id, one.path)

    async def packs() -> int:
        return len((await store.list("packs/")).entries)

    async def nothing_is_left() -> bool:
        return not await packs()

    async def seal(barcode: str) -> None:
        """No tape is in a drive."""

    with one.vault() as vault:
        uploader = Uploader(store, one.id, vault, seal, Pace(idle=0.1, collection=0.05))
        async with uploading(uploader, 0):
            await until(lambda: uploaded(store, MIB))
            assert await packs() > 0
            await asyncio.to_thread(vault.delete, TAPE)
            await until(nothing_is_left)


async def has_recovery_point(gateway: Gateway) -> bool:
    return (await gateway.library.show_tape(TAPE)).recovery_point_at is not None


async def test_status_tells_of_store_and_upload_buffer(tmp_path: Path) -> None:
    outage, memory = Outage(), MemoryStore()
    async with Gateway(config(tmp_path / "data"), objects=Recorded(memory, outage)) as gateway:
        await loaded(gateway)
        await write(gateway, noise(MIB))
        await until(lambda: has_recovery_point(gateway))
        outage.over.clear()
        await write(gateway, noise(MIB))
        assert gateway.uploader is not None
        reach = gateway.uploader.reach
        await until(lambda: reach.lost)
        store = gateway.status().store
        assert store is not None
        assert not store.reachable
        assert store.reason is not None
        assert store.upload_buffer_used_bytes > MIB
        assert store.oldest_dirty_seconds is not None
        outage.over.set()
