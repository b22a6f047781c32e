"""What stands under which key in the store; docs/object-store.md has the table."""

import re
import secrets

from pyvtl.store.stored import ARCHIVE, archive_of

REPOSITORY = "repository.json"
TAPES = "tapes/"
PACKS = "packs/"
MAPS = "maps/"
KEYS = "keys/"
GATEWAYS = "gateways/"
SHREDDED = "shredded/"
ARCHIVED = "archived/"
POOLS = "pools/"
RETRIEVALS = "retrievals/"
HEAD = "head.json"
MANIFEST = re.compile(r"[0-9]+-([0-9]+)-[0-9a-f]{16}")


def pack_prefix(gateway: str) -> str:
    """Where the packs of a gateway are."""
    return f"{PACKS}{gateway}/"


def pack_key(gateway: str, pack_id: str) -> str:
    """A pack, under the gateway that wrote it; the pack id in hexadecimal.

    What `archive_of` gives instead of a gateway stands for the archive of a tape.
    """
    if gateway.startswith(ARCHIVE):
        return f"{gateway}/packs/{pack_id}"
    return f"{pack_prefix(gateway)}{pack_id}"


def head_key(barcode: str) -> str:
    """The head of a tape."""
    return f"{TAPES}{barcode}/{HEAD}"


def manifest_prefix(barcode: str) -> str:
    """Where the manifests of a tape are."""
    return f"{TAPES}{barcode}/manifest/"


def manifest_key(barcode: str, generation: int, epoch: int) -> str:
    """A new manifest: no two are ever called the same."""
    return f"{manifest_prefix(barcode)}{generation}-{epoch}-{secrets.token_hex(8)}"


def epoch_of(manifest: str) -> int | None:
    """The epoch in the key of a manifest; None for what is no such key."""
    found = MANIFEST.fullmatch(manifest.rpartition("/")[2])
    return int(found[1]) if found else None


def map_key(barcode: str, generation: int, epoch: int) -> str:
    """A new map of a tape."""
    return f"{MAPS}{barcode}/{generation}-{epoch}-{secrets.token_hex(8)}"


def gateway_key(gateway: str) -> str:
    """Who a gateway is."""
    return f"{GATEWAYS}{gateway}.json"


def key_prefix(barcode: str) -> str:
    """Where the wrapped data key of a tape is."""
    return f"{KEYS}{barcode}/"


def key_key(barcode: str, key_id: str) -> str:
    """A wrapped data key, by what it is."""
    return f"{key_prefix(barcode)}{key_id}"


def shredded_key(barcode: str) -> str:
    """Says that the key of a tape was destroyed on purpose."""
    return f"{SHREDDED}{barcode}"


def archive_prefix(barcode: str) -> str:
    """Where all of an archived tape is."""
    return f"{ARCHIVE}{barcode}/"


def archived_pack_key(barcode: str, pack_id: str) -> str:
    """A pack of an archived tape."""
    return pack_key(archive_of(barcode), pack_id)


def archived_map_key(barcode: str, name: str) -> str:
    """A map of an archived tape, by the last part of its key."""
    return f"{archive_prefix(barcode)}maps/{name}"


def archived_manifest_key(barcode: str, generation: int, epoch: int) -> str:
    """The manifest of an archived tape; an owner archives a tape once."""
    return f"{archive_prefix(barcode)}manifest/{generation}-{epoch}"


def archived_key(barcode: str) -> str:
    """Says that the head of this tape may name an archive, so that archives can be listed."""
    return f"{ARCHIVED}{barcode}"


def pool_key(pool_id: str) -> str:
    """A custom pool."""
    return f"{POOLS}{pool_id}.json"


def retrieval_prefix(gateway: str) -> str:
    """Where tapes are asked for that a gateway is to retrieve."""
    return f"{RETRIEVALS}{gateway}/"


def retrieval_key(gateway: str, barcode: str) -> str:
    """Asks a gateway to retrieve a tape."""
    return f"{retrieval_prefix(gateway)}{barcode}"
