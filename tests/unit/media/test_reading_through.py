"""What the object store has too may be deleted here, and the tape stays what it was."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pyvtl.media.checking import StoreCheck
from pyvtl.media.known import known_packs
from pyvtl.media.medium import DamagedError, MediumError, Position, UnavailableError
from pyvtl.media.rebuilding import rebuild_catalog
from pyvtl.media.vault import Vault
from pyvtl.store.dedup import Scope
from pyvtl.store.eviction import EVICTED
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import FRAME, FrameFacts, seal_frame, seed_of
from pyvtl.store.keys import Secret
from pyvtl.store.pack_cache import CacheLimits
from pyvtl.store.sharing import rebuild_index
from pyvtl.store.tape_map import Pack
from tests.disks import Meanwhile
from tests.pack_sources import MemorySource, allocated, flip_a_bit, push, segments
from tests.pushing import noise
from tests.tapes import append, as_medium, contents
from tests.waiting import until

TAPE, OTHER = "DEMO01L5", "DEMO02L5"
MIB = 1 << 20
ITEMS = [
    noise(1_000_000, 1),
    None,
    noise(700_000, 2),
    bytes(300_000),
    None,
    noise(900_000, 3),
    None,
]

Opening = Callable[[], Vault]


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def opening(tmp_path: Path, source: MemorySource, told: list[str]) -> Opening:
    """Opens the data folder with room for nothing but what is dirty."""
    return partial(
        Vault,
        tmp_path,
        segment_bytes=MIB,
        source=source,
        cache=CacheLimits(0),
        told=lambda barcode, what: told.append(f"{barcode}: {what}"),
    )


@pytest.fixture
def evicted(opening: Opening, tmp_path: Path, source: MemorySource) -> Iterator[Vault]:
    """A tape of which all segments are in the store, and none is here."""
    with closing(opening()) as vault:
        write(vault, TAPE, *ITEMS)
        push(vault, tmp_path, source, TAPE)
        assert segments(tmp_path, TAPE) == []
        yield vault


def write(vault: Vault, barcode: str, *items: bytes | None) -> None:
    if barcode not in vault.barcodes():
        vault.create(barcode, 1 << 30)
    with closing(vault.open(barcode)) as tape:
        append(tape, *items)


def packs_of(vault: Vault, barcode: str) -> list[Pack]:
    return [pack for pack, _ in vault.at_rest(barcode).packs]


def read(vault: Vault, barcode: str = TAPE) -> list[bytes | None]:
    with closing(vault.open(barcode)) as tape:
        assert tape.damage is None
        return contents(tape)


def test_an_evicted_tape_reads_as_it_was(evicted: Vault) -> None:
    assert read(evicted) == ITEMS


def test_an_evicted_tape_reads_as_it_was_after_a_restart(evicted: Vault, opening: Opening) -> None:
    evicted.close()
    with closing(opening()) as vault:
        assert read(vault) == ITEMS
        assert vault.volumes()[0].status == "AVAILABLE"


def test_an_evicted_tape_is_appended_to(evicted: Vault) -> None:
    write(evicted, TAPE, b"more", None)
    assert read(evicted) == [*ITEMS, b"more", None]


def test_what_is_on_an_evicted_tape_is_found(evicted: Vault) -> None:
    with closing(evicted.open(TAPE)) as tape:
        at = tape.locate_file(0, 2)
        assert at == Position(0, 5, 2, 2_000_000)
        assert contents(tape, at) == ITEMS[5:]
        assert tape.space_filemarks(tape.end_of_data(0), -1).position == Position(
            0, 6, 2, 2_900_000
        )


def test_an_encrypted_tape_is_read_through(tmp_path: Path, source: MemorySource) -> None:
    secret = Secret(bytes(32))
    with closing(
        Vault(
            tmp_path,
            segment_bytes=MIB,
            secret=secret,
            encrypt=True,
            source=source,
            cache=CacheLimits(0),
        )
    ) as vault:
        write(vault, TAPE, *ITEMS)
        push(vault, tmp_path, source, TAPE)
        assert (segments(tmp_path, TAPE), read(vault)) == ([], ITEMS)


def test_nothing_is_deleted_without_a_store(tmp_path: Path, source: MemorySource) -> None:
    with closing(Vault(tmp_path, segment_bytes=MIB, cache=CacheLimits(0))) as vault:
        write(vault, TAPE, *ITEMS)
        push(vault, tmp_path, source, TAPE)
        vault.cache.evict()
        assert len(segments(tmp_path, TAPE)) == 3


def test_what_is_dirty_is_never_deleted(opening: Opening, tmp_path: Path) -> None:
    with closing(opening()) as vault:
        write(vault, TAPE, *ITEMS)
        vault.cache.evict()
        assert len(segments(tmp_path, TAPE)) == 3
        assert read(vault) == ITEMS


def test_a_store_out_of_reach_changes_nothing(evicted: Vault, source: MemorySource) -> None:
    source.reachable = False
    with closing(evicted.open(TAPE)) as tape:
        with pytest.raises(UnavailableError):
            contents(tape)
        with pytest.raises(UnavailableError):
            tape.start_writing(tape.end_of_data(0))
        source.reachable = True
        assert contents(tape) == ITEMS
        append(tape, b"more")
    assert read(evicted) == [*ITEMS, b"more"]


def test_without_its_store_an_evicted_tape_says_where_it_is(evicted: Vault, tmp_path: Path) -> None:
    evicted.close()
    with closing(Vault(tmp_path)) as vault, closing(vault.open(TAPE)) as tape:
        assert tape.damage is None
        with pytest.raises(UnavailableError, match="name the store with --store"):
            contents(tape)


def test_bytes_damaged_on_their_way_are_fetched_again(evicted: Vault, source: MemorySource) -> None:
    with closing(evicted.open(TAPE)) as tape:
        contents(tape)
        source.spoiled = [flip_a_bit]
        assert contents(tape) == ITEMS


def test_an_outline_that_comes_damaged_is_not_believed(
    evicted: Vault, source: MemorySource
) -> None:
    with closing(evicted.open(TAPE)) as tape:
        source.spoiled = [flip_a_bit, flip_a_bit]
        with pytest.raises(DamagedError, match="no valid footer"):
            contents(tape)
        source.spoiled = [flip_a_bit]
        assert contents(tape) == ITEMS


def test_what_stays_damaged_in_the_store_is_damage(evicted: Vault, source: MemorySource) -> None:
    source.packs = {pack_id: flip_a_bit(data) for pack_id, data in source.packs.items()}
    with closing(evicted.open(TAPE)) as tape, pytest.raises(DamagedError, match="is damaged"):
        contents(tape)


def test_a_frame_that_fits_its_crc_alone_is_not_believed(
    evicted: Vault, source: MemorySource
) -> None:
    """A CRC says nothing of who made it; the hash is keyed."""
    source.packs = {pack_id: forged(pack_id, data) for pack_id, data in source.packs.items()}
    with closing(evicted.open(TAPE)) as tape, pytest.raises(DamagedError, match="was written"):
        contents(tape)


def forged(pack_id: bytes, data: bytes) -> bytes:
    """The pack with other bytes in the block of frame 1, and a CRC that fits them."""
    at = 4096 + 64 + 40
    facts = FrameFacts(*FRAME.unpack_from(data, at))
    payload = bytes(data[at + 64 : at + 64 + facts.stored_length])
    payload = flip_a_bit(payload, 0)
    header = seal_frame(data[at : at + 60], payload, seed_of(pack_id))
    return data[:at] + header + payload + data[at + 64 + facts.stored_length :]


def damage_blocks(path: Path) -> None:
    """Spoil a byte of a block in every segment."""
    data = path.read_bytes()
    path.write_bytes(flip_a_bit(data))


@pytest.fixture
def clean(tmp_path: Path, source: MemorySource, told: list[str]) -> Iterator[Vault]:
    """A tape of which all segments are in the store and here."""
    with closing(
        Vault(
            tmp_path,
            segment_bytes=MIB,
            source=source,
            cache=CacheLimits(64 * MIB),
            told=lambda barcode, what: told.append(f"{barcode}: {what}"),
        )
    ) as vault:
        write(vault, TAPE, *ITEMS)
        push(vault, tmp_path, source, TAPE)
        assert len(segments(tmp_path, TAPE)) == 3
        yield vault


def test_a_clean_tape_is_read_from_here(clean: Vault, source: MemorySource) -> None:
    assert read(clean) == ITEMS
    assert (source.fetched, source.maps_fetched) == ([], 0)


@pytest.mark.parametrize("at", [0, 5000, -10])
def test_local_damage_is_mended_from_the_store(
    clean: Vault, tmp_path: Path, told: list[str], at: int
) -> None:
    spoiled = segments(tmp_path, TAPE)[1]
    data = spoiled.read_bytes()
    spoiled.write_bytes(flip_a_bit(data, at % len(data)))
    assert read(clean) == ITEMS
    assert not spoiled.exists()
    (what,) = told
    assert what.startswith(f"{TAPE}: pack {spoiled.stem[9:]} is read from the store from now on")


def test_a_segment_that_was_cut_is_mended_from_the_store(
    clean: Vault, tmp_path: Path, told: list[str]
) -> None:
    os.truncate(segments(tmp_path, TAPE)[2], 10_000)
    assert read(clean) == ITEMS
    assert len(told) == 1


def test_local_damage_that_the_store_cannot_mend_is_damage(
    clean: Vault, tmp_path: Path, source: MemorySource
) -> None:
    source.packs.clear()
    damage_blocks(segments(tmp_path, TAPE)[1])
    with closing(clean.open(TAPE)) as tape, pytest.raises(DamagedError):
        contents(tape)
    assert len(segments(tmp_path, TAPE)) == 3


def test_segments_go_while_the_tape_is_read(clean: Vault, tmp_path: Path) -> None:
    with closing(clean.open(TAPE)) as tape:
        assert contents(tape) == ITEMS
        clean.cache.evict()
        assert segments(tmp_path, TAPE) == []
        assert contents(tape) == ITEMS


def open_files() -> Iterator[str]:
    """The names of all files that this process has open, the deleted ones too."""
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(link.readlink())


def test_the_disk_space_of_what_goes_is_free_at_once(clean: Vault, tmp_path: Path) -> None:
    with closing(clean.open(TAPE)) as tape:
        contents(tape)
        clean.cache.evict()
        assert [name for name in open_files() if "segment" in name and str(tmp_path) in name] == []


def test_a_tape_that_was_overwritten_leaves_nothing_in_the_cache(
    evicted: Vault, tmp_path: Path
) -> None:
    read(evicted)
    with closing(evicted.open(TAPE)) as tape:
        tape.start_writing(Position())
        tape.append(as_medium([b"new"]))
    assert [file.name for file in (tmp_path / "cache").iterdir()] == []
    assert evicted.cache.rows.stored_bytes() == {}
    assert read(evicted) == [b"new"]


def test_a_tape_that_was_deleted_leaves_nothing_in_the_cache(clean: Vault, tmp_path: Path) -> None:
    clean.cache.pin(TAPE)
    clean.cache.evict()
    clean.delete(TAPE)
    assert [file.name for file in (tmp_path / "cache").iterdir()] == []
    assert clean.cache.rows.stored_bytes() == {}
    assert clean.cache.rows.pins() == set()
    assert clean.cache.figures()[:3] == (64 * MIB, 0, 0)


@pytest.fixture
def opening_with_dedup(tmp_path: Path, source: MemorySource) -> Opening:
    """Opens the data folder with room for outlines."""
    limits = CacheLimits(4 * MIB)
    return partial(
        Vault, tmp_path, segment_bytes=MIB, dedup=Scope.POOL, source=source, cache=limits
    )


@pytest.fixture
def sharing(opening_with_dedup: Opening, tmp_path: Path, source: MemorySource) -> Iterator[Vault]:
    """A tape that is evicted but for its outlines, so that another may refer to it."""
    with closing(opening_with_dedup()) as vault:
        write(vault, TAPE, *ITEMS)
        push(vault, tmp_path, source, TAPE)
        vault.cache.evict()
        for file in (tmp_path / "cache").iterdir():
            file.unlink()
        read(vault)
        yield vault


def test_blocks_of_an_evicted_tape_are_referred_to_when_its_outline_is_here(
    sharing: Vault, tmp_path: Path
) -> None:
    write(sharing, OTHER, *ITEMS)
    assert sum(file.stat().st_size for file in segments(tmp_path, OTHER)) < 100_000
    assert read(sharing, OTHER) == ITEMS


async def test_blocks_of_an_evicted_tape_are_found_when_the_index_was_made_anew(
    sharing: Vault, opening_with_dedup: Opening, tmp_path: Path
) -> None:
    sharing.close()
    (tmp_path / "index" / "clean").unlink()
    with closing(opening_with_dedup()) as vault:
        await until(lambda: not vault.indexing)
        write(vault, OTHER, *ITEMS)
        assert sum(file.stat().st_size for file in segments(tmp_path, OTHER)) < 100_000
        assert read(vault, OTHER) == ITEMS


def test_a_torn_outline_is_no_help_and_no_harm_when_the_index_is_made_anew(
    sharing: Vault, tmp_path: Path
) -> None:
    sharing.close()
    outlines = sorted((tmp_path / "cache").glob("*-outline"))
    for torn, kept_bytes in zip(outlines, (0, 100), strict=False):
        torn.write_bytes(torn.read_bytes()[:kept_bytes])
    known = rebuild_index(LocalFiles(), tmp_path, Scope.POOL)
    assert known == len(outlines) - 2


def test_blocks_of_which_nothing_is_here_are_stored_anew(sharing: Vault, tmp_path: Path) -> None:
    sharing.cache.evict()
    write(sharing, OTHER, *ITEMS)
    assert sum(file.stat().st_size for file in segments(tmp_path, OTHER)) > 2_500_000
    assert read(sharing, OTHER) == ITEMS


def test_an_evicted_pack_lives_as_long_as_another_tape_refers_to_it(
    sharing: Vault, tmp_path: Path
) -> None:
    write(sharing, OTHER, *ITEMS)
    sharing.delete(TAPE)
    assert read(sharing, OTHER) == ITEMS
    sharing.delete(OTHER)
    assert sharing.cache.rows.stored_bytes() == {}
    assert [file.name for file in (tmp_path / "cache").iterdir()] == []


def test_an_evicted_pack_that_refers_keeps_what_it_refers_to(
    sharing: Vault, tmp_path: Path, source: MemorySource
) -> None:
    """Rows of references live for as long as their holder does, here or not."""
    write(sharing, OTHER, *ITEMS)
    push(sharing, tmp_path, source, OTHER)
    sharing.cache.evict()
    assert read(sharing, OTHER) == ITEMS
    sharing.delete(TAPE)
    assert read(sharing, OTHER) == ITEMS


def test_a_limit_smaller_than_a_segment_holds(tmp_path: Path, source: MemorySource) -> None:
    """More than the limit is never there, sampled whenever a piece comes."""
    limit, samples = 18 * MIB, []

    class Sampling(MemorySource):
        def fetch(self, *what: object) -> bytes:
            samples.append(allocated(tmp_path))
            return super().fetch(*what)  # type: ignore[arg-type] # passed on as it came

    sampling = Sampling()
    with closing(
        Vault(tmp_path, segment_bytes=32 * MIB, source=sampling, cache=CacheLimits(limit))
    ) as vault:
        items = [noise(MIB, seed) for seed in range(80)]
        write(vault, TAPE, *items)
        push(vault, tmp_path, sampling, TAPE)
        assert allocated(tmp_path) <= limit
        assert read(vault) == items
        assert len(samples) >= 20
        assert max(samples) <= limit
        assert vault.cache.figures().used_bytes == allocated(tmp_path)


def finding(path: Path) -> list[str]:
    """What a check finds wrong, but for what the next start puts right."""
    return [found.what for found in StoreCheck(path).findings() if not found.harmless]


def test_what_was_evicted_is_no_damage_to_a_check(evicted: Vault, tmp_path: Path) -> None:
    write(evicted, TAPE, b"more", None)
    evicted.close()
    assert finding(tmp_path) == []


def test_a_pack_that_is_neither_here_nor_there_is_damage(
    evicted: Vault, opening: Opening, tmp_path: Path
) -> None:
    write(evicted, TAPE, b"more", None)
    evicted.close()
    segments(tmp_path, TAPE)[0].unlink()
    assert len(finding(tmp_path)) >= 1
    with closing(opening()) as vault, closing(vault.open(TAPE)) as tape:
        assert tape.damage is not None
        assert tape.damage.endswith("is missing")


def test_the_catalog_is_made_anew_with_what_the_store_has(
    evicted: Vault, opening: Opening, tmp_path: Path
) -> None:
    write(evicted, TAPE, b"more", None)
    evicted.cache.pin(TAPE)
    evicted.close()
    rebuild_catalog(tmp_path)
    with closing(opening()) as vault:
        assert read(vault) == [*ITEMS, b"more", None]
        assert vault.cache.rows.pins() == {TAPE}


def test_references_of_evicted_packs_outlive_a_rebuilding(
    sharing: Vault, tmp_path: Path, source: MemorySource
) -> None:
    write(sharing, OTHER, *ITEMS)
    push(sharing, tmp_path, source, OTHER)
    sharing.cache.evict()
    sharing.close()
    rebuild_catalog(tmp_path)
    with closing(Vault(tmp_path, dedup=Scope.POOL, source=source, cache=CacheLimits(0))) as vault:
        vault.delete(TAPE)
        assert read(vault, OTHER) == ITEMS


@pytest.mark.parametrize("more", [[], [b"more"]])
def test_a_catalog_that_was_lost_is_missed(
    evicted: Vault, opening: Opening, tmp_path: Path, more: list[bytes | None]
) -> None:
    """A tape of which all, or the beginning, is in the store alone is never taken for blank."""
    write(evicted, TAPE, *more)
    evicted.close()
    for file in tmp_path.glob("catalog*"):
        file.unlink()
    with closing(opening()) as vault, closing(vault.open(TAPE)) as tape:
        assert "`pyvtl store rebuild-catalog --store URL` finds it" in (tape.damage or "")
        with pytest.raises(DamagedError, match="read-only"):
            tape.start_writing(Position())


def test_a_tape_that_the_store_has_is_attached(
    evicted: Vault, tmp_path: Path, source: MemorySource
) -> None:
    (label,) = evicted.labels()
    packs = packs_of(evicted, TAPE)
    rows = evicted.cache.rows.needed(TAPE)
    evicted.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(tmp_path / "repository.json", elsewhere)
    with closing(Vault(elsewhere, source=source, cache=CacheLimits(0))) as vault:
        volume = vault.attach(label, packs, rows)
        assert (volume.barcode, volume.used_bytes, volume.status) == (TAPE, 2_900_000, "AVAILABLE")
        assert read(vault) == ITEMS
    with closing(Vault(elsewhere, source=source)) as vault:
        assert read(vault) == ITEMS


def test_what_a_lost_catalog_knew_comes_back_from_the_store(
    evicted: Vault, opening: Opening, tmp_path: Path
) -> None:
    (label,) = evicted.labels()
    packs = packs_of(evicted, TAPE)
    rows = evicted.cache.rows.needed(TAPE)
    write(evicted, TAPE, b"more", None)
    evicted.close()
    for file in tmp_path.glob("catalog*"):
        file.unlink()
    with closing(opening()) as vault:
        assert vault.attach(label, packs, rows).status == "AVAILABLE"
        assert read(vault) == [*ITEMS, b"more", None]


def test_another_tape_of_the_same_barcode_is_not_attached(evicted: Vault) -> None:
    (label,) = evicted.labels()
    with pytest.raises(MediumError, match="another tape has"):
        evicted.attach(replace(label, tape_id="00" * 16), [], [])
    assert read(evicted) == ITEMS


def test_a_tape_is_whole_of_which_all_goes_to_the_store_while_it_is_loaded(
    tmp_path: Path, source: MemorySource
) -> None:
    disk = Meanwhile()
    opening = partial(Vault, segment_bytes=MIB, source=source, cache=CacheLimits(0))
    with closing(opening(tmp_path, disk)) as vault:
        write(vault, TAPE, *ITEMS)
        disk.before("open", lambda: push(vault, tmp_path, source, TAPE), EVICTED)
        with closing(vault.open(TAPE)) as tape:
            assert segments(tmp_path, TAPE) == []
            assert tape.damage is None
            assert contents(tape) == ITEMS
            append(tape, b"more")


def test_a_damaged_mark_keeps_segments_here_and_nobody_from_anything(
    tmp_path: Path, source: MemorySource, opening: Opening
) -> None:
    with closing(opening()) as vault:
        write(vault, TAPE, *ITEMS)
        (tmp_path / "tapes" / TAPE / EVICTED).write_bytes(bytes(2))
        push(vault, tmp_path, source, TAPE)
        assert vault.dirty_bytes == 0
        assert vault.cache.figures().used_bytes == allocated(tmp_path) > MIB
        (tmp_path / "tapes" / TAPE / EVICTED).unlink()
        vault.cache.evict()
        assert segments(tmp_path, TAPE) == []


def overwrite(vault: Vault, barcode: str, *items: bytes | None) -> None:
    with closing(vault.open(barcode)) as tape:
        tape.start_writing(Position())
        tape.append(as_medium(list(items)))


def test_what_was_overwritten_while_it_was_sent_is_not_looked_for_in_the_store(
    tmp_path: Path, source: MemorySource, opening: Opening
) -> None:
    with closing(opening()) as vault:
        write(vault, TAPE, *ITEMS)
        sent = [source.put(LocalFiles(), file) for file in segments(tmp_path, TAPE)]
        overwrite(vault, TAPE, b"new", None)
        vault.put_stored(TAPE, sent)
        assert known_packs(tmp_path).stored == {}
        push(vault, tmp_path, source, TAPE)
        assert len(known_packs(tmp_path).stored) == 1


def test_what_was_overwritten_before_a_crash_is_not_looked_for_in_the_store(
    tmp_path: Path, source: MemorySource
) -> None:
    disk, grave = Meanwhile(), tmp_path / "grave"
    opening = partial(Vault, segment_bytes=MIB, source=source, cache=CacheLimits(0))
    with closing(opening(tmp_path / "data", disk)) as vault:
        write(vault, TAPE, *ITEMS)
        push(vault, tmp_path / "data", source, TAPE)
        disk.before("unlink", lambda: shutil.copytree(tmp_path / "data", grave), ".segment")
        overwrite(vault, TAPE, b"new", None)
    with closing(opening(grave)) as vault:
        with closing(vault.open(TAPE)) as tape:
            assert contents(tape) == [b"new", None]
        for pack_id, (_, barcode) in known_packs(grave).stored.items():
            assert pack_id in vault._catalog.known(barcode)
