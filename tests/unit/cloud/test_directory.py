"""A folder as a store: several processes, what crashes leave, and folders that are not there."""

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pyvtl.cloud import digest
from pyvtl.cloud.directory import DirectoryStore
from pyvtl.cloud.errors import (
    MisconfiguredError,
    NotFoundError,
    PreconditionFailedError,
    UnavailableError,
    UnsupportedError,
)
from pyvtl.cloud.objects import Absent, Page, Unchanged
from tests.serving import ENVIRONMENT


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DirectoryStore]:
    store = DirectoryStore(tmp_path)
    yield store
    await store.close()


def run(code: str, folder: Path) -> int:
    """Exit status of a program on a folder, as a process of its own."""
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, env=ENVIRONMENT, check=False, timeout=60).returncode


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


COUNTER = """
import asyncio, sys
from pathlib import Path
from pyvtl.cloud.directory import DirectoryStore
from pyvtl.cloud.errors import PreconditionFailedError
from pyvtl.cloud.objects import Unchanged

async def main():
    store, done = DirectoryStore(Path(sys.argv[1])), 0
    while done < 20:
        held = await store.get("counter")
        try:
            await store.put("counter", b"%d" % (int(held.data) + 1), Unchanged(held.info.etag))
            done += 1
        except PreconditionFailedError:
            pass

asyncio.run(main())
"""


async def test_processes_that_count_together_lose_nothing(
    store: DirectoryStore, tmp_path: Path
) -> None:
    await store.put("counter", b"0")
    running = (asyncio.to_thread(run, COUNTER, tmp_path) for _ in range(3))
    assert await asyncio.gather(*running) == [0, 0, 0]
    assert (await store.get("counter")).data == b"60"


KILLED = """
import os, sys
from pathlib import Path
from pyvtl.cloud.folder import Folder

with Folder(Path(sys.argv[1])).draft() as draft:
    draft.write(b"half of an obj")
    os.kill(os.getpid(), 9)
"""


async def test_what_a_killed_writer_leaves_is_no_object_and_is_removed(
    store: DirectoryStore, tmp_path: Path
) -> None:
    assert run(KILLED, tmp_path) == -9
    drafts = tmp_path / ".pyvtl" / "drafts"
    assert len(names(drafts)) == 1
    assert await store.list() == Page(())
    await store.check()
    assert names(drafts) == []


async def test_the_draft_of_a_living_writer_is_left_alone(
    store: DirectoryStore, tmp_path: Path
) -> None:
    with store._folder.draft() as draft:
        await store.check()
        assert os.fstat(draft.fd).st_nlink == 1


async def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = DirectoryStore(tmp_path / "not mounted")
    for call in (missing.check(), missing.put("key", b""), missing.get("key"), missing.list()):
        with pytest.raises(MisconfiguredError, match=r"make it, or mount what belongs there"):
            await call
    await missing.close()
    assert names(tmp_path) == []


async def test_a_full_disk_is_told_and_leaves_nothing(
    store: DirectoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UnavailableError, match="No space left on device"):
        await store.put("key", b"data")
    assert names(tmp_path / ".pyvtl" / "drafts") == []
    with pytest.raises(NotFoundError):
        await store.head("key")


async def test_files_and_folders_are_synced_before_the_answer(
    store: DirectoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.check()
    synced: list[Path] = []
    real = os.fsync

    def noting(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())
        real(fd)

    monkeypatch.setattr("os.fsync", noting)
    await store.put("a/b/key", b"data")
    draft, *folders = synced
    assert draft.parent == tmp_path / ".pyvtl" / "drafts"
    assert folders == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


async def test_a_removed_object_takes_its_empty_folders_along(
    store: DirectoryStore, tmp_path: Path
) -> None:
    await store.put("a/b/c", b"")
    await store.put("a/d", b"")
    await store.delete(["a/b/c"])
    assert names(tmp_path / "a") == ["d"]


async def test_one_key_is_not_the_folder_of_another(store: DirectoryStore) -> None:
    await store.put("a/b", b"")
    for key in ("a", "a/b/c"):
        with pytest.raises(ValueError, match="one key is the folder of another"):
            await store.put(key, b"")
        with pytest.raises(NotFoundError):
            await store.get(key)
        await store.delete([key])
    assert (await store.get("a/b")).data == b""


async def test_an_adopted_file_shares_its_blocks(store: DirectoryStore, tmp_path: Path) -> None:
    folder = tmp_path / ".segments"
    folder.mkdir()
    first, second = folder / "first", folder / "second"
    first.write_bytes(b"one segment")
    second.write_bytes(b"another segment")
    info = await store.adopt("packs/one", first, Absent())
    assert (tmp_path / "packs" / "one").samefile(first)
    with pytest.raises(PreconditionFailedError):
        await store.adopt("packs/one", second, Absent())
    await store.adopt("packs/one", second, Unchanged(info.etag))
    assert (await store.get("packs/one")).data == b"another segment"
    assert first.read_bytes() == b"one segment"


async def test_a_file_of_another_file_system_is_to_be_sent(store: DirectoryStore) -> None:
    with pytest.raises(UnsupportedError, match="cannot be linked to another file system"):
        await store.adopt("key", Path("/proc/self/status"))


async def test_a_file_that_was_changed_by_hand_has_another_etag(
    store: DirectoryStore, tmp_path: Path
) -> None:
    before = await store.put("key", b"as written")
    (tmp_path / "key").write_bytes(b"as edited!")
    after = await store.head("key")
    assert after.etag != before.etag
    with pytest.raises(PreconditionFailedError):
        await store.put("key", b"", Unchanged(before.etag))


async def test_it_works_without_extended_attributes(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr("os.setxattr", unsupported)
    monkeypatch.setattr("os.getxattr", unsupported)
    info = await store.put("key", bytes(3 * digest.CHUNK + 1))
    assert await store.head("key") == info
    assert (await store.put("key", b"next", Unchanged(info.etag))).size == 4


async def test_a_cancelled_write_is_waited_for(store: DirectoryStore) -> None:
    """Its data may be used again afterwards."""
    data = bytearray(8 << 20)
    writing = asyncio.create_task(store.put("key", data))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    data[:] = b"\1" * len(data)
    assert (await store.get("key")).data == bytes(8 << 20)
