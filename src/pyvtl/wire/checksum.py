"""CRC32C (Castagnoli), the checksum of iSCSI digests and of our frames."""

from crc32c import crc32c

__all__ = ["crc32c"]
