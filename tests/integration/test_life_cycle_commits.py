"""A gateway that is killed before any change of ledger or catalog: the next goes on from there.

What is started is the disk as it was then: a copy of data folder and store.
"""

import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from pyvtl.cloud.directory import DirectoryStore
from tests.pushing import noise
from tests.sites import TAPE, Site

WRITTEN: list[bytes | None] = [noise(70_000), None, b"last", None]


def site_on(disk: Path) -> Site:
    """The gateway whose data folder and store are on that disk."""
    site = Site(disk / "data", DirectoryStore(disk / "store"))
    site.id = "0123abcd"
    return site


@contextmanager
def copied_at_each_change(site: Site, disk: Path, copies: Path) -> Iterator[None]:
    """Before each change of ledger or catalog `copies` gets another copy of the disk."""

    def copy(sql: str) -> None:
        if sql.startswith("BEGIN"):
            shutil.copytree(disk, copies / f"{len(list(copies.iterdir())):02}")

    databases = (site.library.ledger._db, site.vault._catalog._db)
    for database in databases:
        database.set_trace_callback(copy)
    yield
    for database in databases:
        database.set_trace_callback(None)


async def archive(site: Site) -> None:
    await site.life.archive(TAPE)


async def cancel_archival(site: Site) -> None:
    await site.life.archive(TAPE)
    await site.life.cancel_archival(TAPE)


async def delete(site: Site) -> None:
    await site.life.delete_tape(TAPE)


async def retrieve(site: Site) -> None:
    await site.life.retrieve(TAPE)


async def cancel_retrieval(site: Site) -> None:
    await site.life.retrieve(TAPE)
    await site.life.cancel_retrieval(TAPE)


async def delete_archived(site: Site) -> None:
    await site.life.delete_archived(TAPE)


async def place(site: Site) -> str | None:
    """Where the tape is, once that does not change any more; it is whole, and in one place."""
    await site.settled()
    assert (site.status() is None) == (TAPE not in site.library.changer.inventory)
    if site.status() is not None:
        assert site.read() == WRITTEN
    archived = {tape.barcode: tape.status for tape in await site.life.list_archived()}
    return site.status() or archived.get(TAPE)


Operation = Callable[[Site], Awaitable[None]]


@pytest.mark.parametrize(
    ("operation", "places"),
    [
        (archive, ["AVAILABLE", "ARCHIVED"]),
        (cancel_archival, ["AVAILABLE", "ARCHIVED", "AVAILABLE"]),
        (delete, ["AVAILABLE", None]),
        (retrieve, ["ARCHIVED", "RETRIEVED"]),
        (cancel_retrieval, ["ARCHIVED", "RETRIEVED", "ARCHIVED"]),
        (delete_archived, ["ARCHIVED", None]),
    ],
)
async def test_the_tape_ends_in_one_place_however_far_the_operation_came(
    tmp_path: Path, operation: Operation, places: list[str | None]
) -> None:
    """`places` are those that gateways find it in which are killed later and later."""
    disk, copies = tmp_path / "disk", tmp_path / "copies"
    (disk / "store").mkdir(parents=True)
    copies.mkdir()
    async with (site := site_on(disk)).running():
        await site.create(TAPE, *WRITTEN)
        if places[0] == "ARCHIVED":
            await site.export()
        assert await place(site) == places[0]
        with copied_at_each_change(site, disk, copies):
            await operation(site)
            await site.settled()
    found = []
    for copy in sorted(copies.iterdir()):
        async with (killed := site_on(copy)).running():
            found.append(await place(killed))
    assert [where for where, _ in groupby(found)] == places
