"""A tape that is shredded while a server runs is shredded in the object store too."""

from pathlib import Path

import pytest

from pyvtl import Config, Gateway
from pyvtl.cloud.errors import UnavailableError
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import key_prefix
from pyvtl.cloud.objects import ObjectStore, listing
from pyvtl.gateway.errors import StorageError
from tests.waiting import until

TAPE = "TAPE0001"


def config(folder: Path) -> Config:
    return Config.model_validate(
        {
            "gateway": {"data_dir": folder},
            "portal": {"listen": ["127.0.0.1:0"]},
            "library": {"drives": 1, "slots": 1, "import_export_slots": 1},
            "store": {"idle_seconds": 0.05, "encryption": "on", "encryption_key": "00" * 32},
        }
    )


async def keys(store: ObjectStore) -> list[str]:
    return [entry.key async for entry in listing(store, key_prefix(TAPE))]


class Failing(MemoryStore):
    """A store that cannot be reached when something is to be erased, for a while."""

    lost = True

    async def erase(self, prefix: str) -> None:
        if self.lost:
            raise UnavailableError("no answer")
        await super().erase(prefix)


async def test_the_key_is_gone_in_the_store_when_the_answer_comes(tmp_path: Path) -> None:
    store = MemoryStore()
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await gateway.library.create_tapes(barcode=TAPE, size_bytes=1 << 30)

        async def is_there() -> bool:
            return bool(await keys(store))

        await until(is_there)
        assert (await gateway.library.shred_tape(TAPE)).status == "SHREDDED"
        assert await keys(store) == []


async def test_what_could_not_be_shredded_in_the_store_is_told_and_done_by_trying_again(
    tmp_path: Path,
) -> None:
    store = Failing()
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await gateway.library.create_tapes(barcode=TAPE, size_bytes=1 << 30)

        async def is_there() -> bool:
            return bool(await keys(store))

        await until(is_there)
        with pytest.raises(StorageError, match="destroyed here, and perhaps not in the object"):
            await gateway.library.shred_tape(TAPE)
        assert (await gateway.library.show_tape(TAPE)).status == "SHREDDED"
        store.lost = False
        await gateway.library.shred_tape(TAPE)
        assert await keys(store) == []
