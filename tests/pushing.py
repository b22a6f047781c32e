"""Data folders with tapes, pushed to a store and pulled from it."""

import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyvtl.cloud.agreement import agree, join, repository_of
from pyvtl.cloud.documents import Manifest
from pyvtl.cloud.heads import read_document, read_head
from pyvtl.cloud.names import pack_key
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.pulling import Pulled, pull
from pyvtl.cloud.pushing import Pushed, push
from pyvtl.cloud.tape_keys import is_shredded, read_key
from pyvtl.media.vault import Vault
from pyvtl.store.dedup import Scope
from pyvtl.store.keys import Secret
from tests.tapes import append

TAPE, BLANK = "DEMO01L5", "DEMO02L5"
MIB = 1 << 20


class Gateway:
    """A data folder with an id; every call opens it and closes it again, as a command does."""

    def __init__(
        self,
        path: Path,
        segment_bytes: int = MIB,
        *,
        dedup: Scope = Scope.OFF,
        secret: Secret | None = None,
    ) -> None:
        """With a `secret` its tapes are encrypted."""
        self.path, self.id = path, secrets.token_hex(4)
        self._segment_bytes, self._dedup, self._secret = segment_bytes, dedup, secret

    @contextmanager
    def vault(self) -> Iterator[Vault]:
        vault = Vault(
            self.path,
            segment_bytes=self._segment_bytes,
            dedup=self._dedup,
            secret=self._secret,
            encrypt=self._secret is not None,
        )
        try:
            yield vault
        finally:
            vault.close()

    def create(self, *barcodes: str) -> None:
        self.path.mkdir(exist_ok=True)
        with self.vault() as vault:
            for barcode in barcodes:
                vault.create(barcode, 1 << 30)

    def write(self, barcode: str, *items: bytes | None) -> None:
        """Append to a tape."""
        with self.vault() as vault:
            append(vault.open(barcode), *items)

    async def push(self, store: ObjectStore) -> list[Pushed]:
        self.path.mkdir(exist_ok=True)
        await agree(store, self.id, self.path)
        with self.vault() as vault:
            return [pushed async for pushed in push(store, self.id, vault)]

    async def pull(self, store: ObjectStore, *barcodes: str) -> list[Pulled]:
        self.path.mkdir(exist_ok=True)
        await join(store, self.id, self.path, await repository_of(store))
        return [pulled async for pulled in pull(store, self.id, self.path, barcodes)]

    def files(self, barcode: str = TAPE) -> dict[str, bytes]:
        """Every file of a tape."""
        folder = self.path / "tapes" / barcode
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that nothing makes smaller."""
    return random.Random(seed).randbytes(size)


async def manifest_of(store: ObjectStore, barcode: str = TAPE) -> Manifest:
    """The recovery point that counts."""
    held = await read_head(store, barcode)
    assert held is not None
    assert held.head.manifest is not None
    manifest = await read_document(store, Manifest, held.head.manifest)
    assert manifest is not None
    return manifest


async def check_promises(store: ObjectStore, *barcodes: str) -> None:
    """Whatever a head names is there: its manifests, and all that these list."""
    for barcode in barcodes:
        held = await read_head(store, barcode)
        if held is None:
            continue
        for key in filter(None, (held.head.manifest, *held.head.earlier)):
            manifest = await read_document(store, Manifest, key)
            assert manifest is not None, key
            if manifest.key is not None and not await is_shredded(store, barcode):
                await read_key(store, barcode, manifest.key)
            for entry in manifest.entries:
                info = await store.head(pack_key(entry.gateway, entry.pack_id))
                assert (info.size, info.crc32c) == (entry.length, entry.crc32c)
                outline = await store.get(entry.map, entry.map_offset, entry.map_length)
                assert len(outline.data) == entry.map_length
