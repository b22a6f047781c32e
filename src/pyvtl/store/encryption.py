"""Encrypt blocks: a pack has a key of its own, and a frame's number is its nonce.

A nonce is never used twice: a frame keeps its number and its bytes, and nothing is ever written to
a segment that a crash or an error left open.
"""

import struct
from typing import Final

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pyvtl.store.errors import DamageError
from pyvtl.wire.layout import Buffer

KEY_SIZE: Final = 32
TAG_SIZE: Final = 16
KEY_ID: Final = 1
"""The `key_id` of encrypted frames: a tape has one data key."""
NONCE: Final = struct.Struct(">8xI")
PACK_CONTEXT: Final = "pyvtl format 1 key of a pack"
HASH_CONTEXT: Final = "pyvtl format 1 hash key of an encrypted tape"


def hash_key(data_key: bytes) -> bytes:
    """What all hashes of an encrypted tape are keyed with: equal blocks of two tapes differ."""
    return blake3(data_key, derive_key_context=HASH_CONTEXT).digest()


class PackCipher:
    """AES-256-GCM of the blocks of one pack."""

    def __init__(self, data_key: bytes, pack_id: bytes) -> None:
        key = blake3(data_key + pack_id, derive_key_context=PACK_CONTEXT).digest()
        self._aead = AESGCM(key)

    def seal(self, head: bytes, number: int, block: Buffer) -> bytes:
        """Ciphertext and tag; they prove `head`, the frame header up to its CRC, as well."""
        return self._aead.encrypt(NONCE.pack(number), block, head)

    def open(self, head: Buffer, number: int, sealed: Buffer) -> bytes:
        """What was sealed; DamageError when anything is not what it was."""
        try:
            return self._aead.decrypt(NONCE.pack(number), sealed, head)
        except InvalidTag:
            raise DamageError(f"frame {number} was changed, or has another key") from None
