"""What stands under which key in the store; docs/object-store.md has the table."""

import re
import secrets

REPOSITORY = "repository.json"
TAPES = "tapes/"
PACKS = "packs/"
MAPS = "maps/"
KEYS = "keys/"
GATEWAYS = "gateways/"
SHREDDED = "shredded/"
HEAD = "head.json"
MANIFEST = re.compile(r"[0-9]+-([0-9]+)-[0-9a-f]{16}")


def pack_prefix(gateway: str) -> str:
    """Where the packs of a gateway are."""
    return f"{PACKS}{gateway}/"


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
