"""How to reach an S3 service, and what to ask of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

AddressingStyle = Literal["auto", "path", "virtual"]
Encryption = Literal["AES256", "aws:kms", "aws:kms:dsse"]


@dataclass(frozen=True, slots=True)
class S3Options:
    """None leaves it to the usual AWS settings, or to the bucket.

    `storage_class` is for what is written without naming a class; times are in seconds.
    """

    endpoint_url: str | None = None
    region: str | None = None
    addressing_style: AddressingStyle = "auto"
    ca_bundle: Path | None = None
    storage_class: str | None = None
    sse: Encryption | None = None
    sse_kms_key_id: str | None = None
    connect_seconds: float = 10
    read_seconds: float = 60
