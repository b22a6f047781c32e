"""What stands under which key in the store; docs/object-store.md has the table."""

import re
import secrets

REPOSITORY = "repository.json"
TAPES = "tapes/"
HEAD = "head.json"
MANIFEST = re.compile(r"[0-9]+-([0-9]+)-[0-9a-f]{16}")


def pack_prefix(gateway: str) -> str:
    """Where the packs of a gateway are."""
    return f"packs/{gateway}/"


def pack_key(gateway: str, pack_id: str) -> str:
    """A pack, under the gateway that wrote it; the pack id in hexadecimal."""
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
    return f"maps/{barcode}/{generation}-{epoch}-{secrets.token_hex(8)}"


def gateway_key(gateway: str) -> str:
    """Who a gateway is."""
    return f"gateways/{gateway}.json"


def archive_prefix(barcode: str) -> str:
    """Where all of an archived tape is."""
    return f"archive/{barcode}/"


def archived_pack_key(barcode: str, pack_id: str) -> str:
    """A pack of an archived tape."""
    return f"{archive_prefix(barcode)}packs/{pack_id}"


def archived_map_key(barcode: str, name: str) -> str:
    """A map of an archived tape, by the last part of its key."""
    return f"{archive_prefix(barcode)}maps/{name}"


def archived_manifest_key(barcode: str, generation: int, epoch: int) -> str:
    """The manifest of an archived tape; an owner archives a tape once."""
    return f"{archive_prefix(barcode)}manifest/{generation}-{epoch}"


ARCHIVED = "archived/"


def archived_key(barcode: str) -> str:
    """Says that the head of this tape may name an archive, so that archives can be listed."""
    return f"{ARCHIVED}{barcode}"


POOLS = "pools/"


def pool_key(pool_id: str) -> str:
    """A custom pool."""
    return f"{POOLS}{pool_id}.json"


def retrieval_prefix(gateway: str) -> str:
    """Where tapes are asked for that a gateway is to retrieve."""
    return f"retrievals/{gateway}/"


def retrieval_key(gateway: str, barcode: str) -> str:
    """Asks a gateway to retrieve a tape."""
    return f"{retrieval_prefix(gateway)}{barcode}"
