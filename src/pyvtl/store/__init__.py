"""Blocks in segments, and the catalog that follows them: bytes on disk, no tape, no SCSI."""
