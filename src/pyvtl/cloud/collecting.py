"""Delete what no tape needs any more: packs and maps that no recovery point of any head lists.

Nothing here looks at a clock.  What makes it right is the order of things:

1. A gateway sends a pack only while the head of its tape names it as the owner: a new tape is
   claimed first.  Packs are listed here *before* heads are, so for every pack that is found the
   head is found of the tape that it was sent for.
2. What a manifest of any head lists stays; all three that a head names count.  A manifest that
   cannot be read ends the collection: what it lists is not known.
3. What this data folder needs stays (`keep`).  A pack that it once no longer needs is never needed
   again: names are random, and a recovery point that could bring it back would list it.
4. Before anything is deleted, every head of ours is put anew, by compare-and-swap.  So a commit
   that was prepared before that, in this process or by one that was killed in the middle of it,
   fails, and starts from the beginning: it reads the new head, and then each pack that it lists
   was listed before, or its file is here still, and 2 or 3 hold.
5. Packs of another gateway are never taken into a recovery point of ours without one that lists
   them already, and stay in it for as long as they are needed here (`recovery_point`).  So its
   owner, who reads all heads, always finds them.
6. In the prefix of a gateway that was adopted nothing is deleted while a tape belongs to it: then
   it cannot commit anything.
7. Maps and manifests have random names, and a tape's are deleted by its owner alone, after 4.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from pyvtl.cloud.adopting import prefixes_of
from pyvtl.cloud.documents import Head, Manifest
from pyvtl.cloud.errors import NotFoundError
from pyvtl.cloud.heads import HeadMovedError, HeldHead, commit_head, nonce, read_document, read_head
from pyvtl.cloud.names import (
    HEAD,
    KEYS,
    MAPS,
    PACKS,
    SHREDDED,
    TAPES,
    epoch_of,
    head_key,
    key_prefix,
    pack_prefix,
)
from pyvtl.cloud.objects import ObjectStore, Upload, listing
from pyvtl.cloud.refusals import DocumentError, RefusedTapeError
from pyvtl.cloud.spans import READS_AT_ONCE, at_once
from pyvtl.cloud.threads import in_thread

ATTEMPTS = 3
"""How often to start anew when heads change meanwhile."""
PACK = re.compile(rf"{PACKS}([0-9a-f]{{8}})/([0-9a-f]{{32}})")

Keep = Callable[[Collection[bytes]], Collection[bytes]]
"""Those of the packs that something here needs; called in a thread."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was deleted, or would be: numbers of objects, and the bytes of the packs.

    `kept_back` names gateways that were adopted and still own tapes.
    """

    packs: int = 0
    pack_bytes: int = 0
    maps: int = 0
    manifests: int = 0
    keys: int = 0
    uploads: int = 0
    kept_back: tuple[str, ...] = ()


@dataclass(slots=True)
class _Garbage:
    """Candidates, which become fewer as it is found that they are needed."""

    packs: dict[str, int] = field(default_factory=dict)
    maps: set[str] = field(default_factory=set)
    manifests: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    uploads: list[Upload] = field(default_factory=list)
    kept_back: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.packs, self.maps, self.manifests, self.keys, self.uploads))

    def told(self) -> Collected:
        return Collected(
            len(self.packs),
            sum(self.packs.values()),
            len(self.maps),
            len(self.manifests),
            len(self.keys),
            len(self.uploads),
            self.kept_back,
        )


async def collect(
    store: ObjectStore, gateway: str, keep: Keep, *, dry_run: bool = False
) -> Collected:
    """Delete what neither a head nor this data folder needs, of this gateway and those it adopted.

    Raises RefusedTapeError when it cannot be told what is needed, or heads change all the time;
    ObjectStoreError where the store fails: what is left is found again the next time.
    """
    for _ in range(ATTEMPTS):
        collection = _Collection(store, gateway, keep)
        garbage = await collection.find()
        if dry_run or not garbage:
            return garbage.told()
        try:
            await collection.fence()
        except HeadMovedError:
            continue
        await _delete(store, garbage)
        return garbage.told()
    raise RefusedTapeError(
        "tapes changed in the store meanwhile, and nothing was deleted: try again"
    )


class _Collection:
    """One attempt: lists, then heads, then what is needed, in this order."""

    def __init__(self, store: ObjectStore, gateway: str, keep: Keep) -> None:
        self._store, self._gateway, self._keep = store, gateway, keep
        self._heads: dict[str, HeldHead] = {}
        self._shredded: set[str] = set()

    async def find(self) -> _Garbage:
        """What may be deleted once `fence` has succeeded."""
        prefixes = await prefixes_of(self._store, self._gateway)
        garbage = await self._candidates(prefixes)
        await self._read_heads(garbage)
        garbage.kept_back = tuple(sorted(self._still_owning(prefixes)))
        for lost in garbage.kept_back:
            _leave(garbage, lost)
        await self._keep_what_is_needed(garbage)
        return garbage

    async def fence(self) -> None:
        """Put all heads of ours anew, so that no commit prepared before this one succeeds.

        Raises HeadMovedError if any has changed since it was read.
        """
        ours = [held for held in self._heads.values() if self._is_ours(held.head)]
        await at_once([partial(self._renew, held) for held in ours], READS_AT_ONCE)

    async def _renew(self, held: HeldHead) -> None:
        await commit_head(self._store, held.head.model_copy(update={"nonce": nonce()}), held)

    def _is_ours(self, head: Head) -> bool:
        return head.owner == self._gateway and head.state == "active"

    async def _candidates(self, prefixes: Iterable[str]) -> _Garbage:
        garbage = _Garbage()
        for prefix in map(pack_prefix, prefixes):
            async for entry in listing(self._store, prefix):
                if PACK.fullmatch(entry.key):
                    garbage.packs[entry.key] = entry.size
            garbage.uploads += await self._store.list_uploads(prefix)
        garbage.maps = {entry.key async for entry in listing(self._store, MAPS)}
        self._shredded = {
            entry.key.removeprefix(SHREDDED) async for entry in listing(self._store, SHREDDED)
        }
        garbage.keys = {entry.key async for entry in listing(self._store, KEYS)}
        return garbage

    async def _read_heads(self, garbage: _Garbage) -> None:
        """Read all heads with their manifests, and take out what they list."""
        names = set()
        async for entry in listing(self._store, TAPES):
            barcode, _, rest = entry.key.removeprefix(TAPES).partition("/")
            if rest == HEAD:
                names.add(barcode)
            else:
                garbage.manifests.add(entry.key)
        await at_once(
            [partial(self._read_head, name, garbage) for name in names],
            READS_AT_ONCE,
        )
        self._leave_to_owners(garbage)

    async def _read_head(self, barcode: str, garbage: _Garbage) -> None:
        held = await read_head(self._store, barcode)
        if held is None:
            raise DocumentError(f"{head_key(barcode)} was there, and is gone")
        while (missing := await self._read_manifests(held, garbage)) is not None:
            now = await read_head(self._store, barcode)
            if now is None or now.etag == held.etag:
                raise DocumentError(f"{missing} is missing, and the head of {barcode} names it")
            held = now
        self._heads[barcode] = held

    async def _read_manifests(self, held: HeldHead, garbage: _Garbage) -> str | None:
        """Take out what the manifests of a head list; gives the name of one that is missing."""
        for key in _named(held.head):
            manifest = await read_document(self._store, Manifest, key)
            if manifest is None:
                return key
            for entry in manifest.entries:
                garbage.packs.pop(f"{pack_prefix(entry.gateway)}{entry.pack_id}", None)
                garbage.maps.discard(entry.map)
        return None

    def _leave_to_owners(self, garbage: _Garbage) -> None:
        """Of maps, manifests and keys, leave those of tapes that are not ours, or needed."""
        named = {key for held in self._heads.values() for key in _named(held.head)}
        garbage.maps = {key for key in garbage.maps if self._may_go(key)}
        garbage.manifests = {key for key in garbage.manifests - named if self._may_go(key)}
        garbage.keys = {key for key in garbage.keys if self._is_dead(key)}

    def _may_go(self, key: str) -> bool:
        """Whether a map or a manifest is of a tape of ours, and of no later owner."""
        held, epoch = self._heads.get(key.split("/")[1]), epoch_of(key)
        if held is None or epoch is None or held.head.owner != self._gateway:
            return False
        return epoch <= held.head.epoch

    def _is_dead(self, key: str) -> bool:
        """Whether a key is of a tape of ours that was deleted or shredded."""
        barcode = key.split("/")[1]
        held = self._heads.get(barcode)
        if held is None or held.head.owner != self._gateway:
            return False
        return held.head.state == "deleted" or barcode in self._shredded

    def _still_owning(self, prefixes: Collection[str]) -> Iterator[str]:
        """The adopted gateways that tapes belong to."""
        for held in self._heads.values():
            owner = held.head.owner
            if owner != self._gateway and owner in prefixes and held.head.state == "active":
                yield owner

    async def _keep_what_is_needed(self, garbage: _Garbage) -> None:
        ids = {key: bytes.fromhex(key[-32:]) for key in garbage.packs}
        uploads = {u: bytes.fromhex(u.key[-32:]) for u in garbage.uploads if PACK.fullmatch(u.key)}
        wanted = {*ids.values(), *uploads.values()}
        needed = set(await in_thread(self._keep, wanted)) if wanted else set()
        garbage.packs = {k: size for k, size in garbage.packs.items() if ids[k] not in needed}
        garbage.uploads = [
            upload
            for upload, pack_id in uploads.items()
            if pack_id not in needed or await self._is_there(upload.key)
        ]

    async def _is_there(self, key: str) -> bool:
        """Whether the pack of an upload is complete: an answer was lost, and it was sent again."""
        try:
            await self._store.head(key)
        except NotFoundError:
            return False
        return True


def _named(head: Head) -> list[str]:
    """The manifests of a head that count."""
    earlier = head.earlier if head.state == "active" else ()
    return [key for key in (head.manifest, *earlier) if key is not None]


def _leave(garbage: _Garbage, gateway: str) -> None:
    """Take out all packs of a gateway."""
    prefix = pack_prefix(gateway)
    garbage.packs = {k: size for k, size in garbage.packs.items() if not k.startswith(prefix)}
    garbage.uploads = [each for each in garbage.uploads if not each.key.startswith(prefix)]


async def _delete(store: ObjectStore, garbage: _Garbage) -> None:
    for upload in garbage.uploads:
        await store.abort_upload(upload)
    for barcode in sorted({key.split("/")[1] for key in garbage.keys}):
        await store.erase(key_prefix(barcode))
    keys = [*garbage.packs, *garbage.maps, *garbage.manifests]
    if keys:
        await store.delete(keys)
