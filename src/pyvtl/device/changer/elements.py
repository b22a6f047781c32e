"""READ ELEMENT STATUS: every element as a descriptor of bytes (SMC-3).

The descriptors on a page are equally long.  Those of slots depend on nothing but the arguments
they are made from and are remembered by them, for a library is mostly empty slots and is asked
for again and again.
"""

from dataclasses import dataclass
from functools import lru_cache

from pyvtl.device.changer.transfer import Transport
from pyvtl.media.inventory import ElementType
from pyvtl.wire.layout import Annotated, Structure, bit, bits, octets
from pyvtl.wire.text import left_aligned

VOLUME_TAG_SIZE = 36
VOLUME_IDENTIFIER_SIZE = 32
PIECES_KEPT = 4096
DATA_VOLUME = 1
ASCII, T10_VENDOR_ID = 2, 1


class StatusHeader(Structure, size=8):
    """SMC-3 Element status data header; `byte_count` counts what follows it, untruncated."""

    first_element: Annotated[int, octets(0, 1)]
    element_count: Annotated[int, octets(2, 3)]
    byte_count: Annotated[int, octets(5, 7)]


class PageHeader(Structure, size=8):
    """SMC-3 Element status page header."""

    element_type: Annotated[int, octets(0, 0)]
    primary_volume_tag: Annotated[bool, bit(1, 7)]
    descriptor_length: Annotated[int, octets(2, 3)]
    byte_count: Annotated[int, octets(5, 7)]


class Descriptor(Structure, size=10):
    """SMC-3 Element descriptor, after its address: bytes 2 to 11 of all four kinds."""

    import_enabled: Annotated[bool, bit(0, 5)] = False
    export_enabled: Annotated[bool, bit(0, 4)] = False
    access: Annotated[bool, bit(0, 3)] = False
    imported: Annotated[bool, bit(0, 1)] = False
    full: Annotated[bool, bit(0, 0)] = False
    source_valid: Annotated[bool, bit(7, 7)] = False
    medium_type: Annotated[int, bits(7, 2, 0)] = 0
    source: Annotated[int, octets(8, 9)] = 0


class IdentifierHeader(Structure, size=4):
    """SMC-3 Element descriptor, before the identifier; all zero without one."""

    code_set: Annotated[int, bits(0, 3, 0)] = 0
    identifier_type: Annotated[int, bits(1, 3, 0)] = 0
    length: Annotated[int, octets(3, 3)] = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Which parts of descriptors are asked for."""

    volume_tag: bool
    device_id: bool


@lru_cache(maxsize=PIECES_KEPT)
def volume_tag(barcode: str) -> bytes:
    """SMC-3 Volume tag information: identifier, two reserved bytes, sequence number 0."""
    return left_aligned(barcode, VOLUME_IDENTIFIER_SIZE) + bytes(
        VOLUME_TAG_SIZE - VOLUME_IDENTIFIER_SIZE
    )


@lru_cache(maxsize=PIECES_KEPT)
def _resting(kind: ElementType, barcode: str | None, imported: bool, asked: Asked) -> bytes:
    """The descriptor of a slot, an import/export slot or the transport, after its address."""
    door = kind == ElementType.IMPORT_EXPORT
    descriptor = Descriptor(
        import_enabled=door,
        export_enabled=door,
        access=kind != ElementType.TRANSPORT,
        imported=imported and door,
        full=barcode is not None,
        medium_type=DATA_VOLUME if barcode else 0,
    )
    tag = volume_tag(barcode or "") if asked.volume_tag else b""
    return descriptor.encode() + tag + IdentifierHeader().encode()


def _in_drive(transport: Transport, address: int, asked: Asked) -> bytes:
    """The descriptor of a drive, after its address: where its volume came from, and who it is."""
    bay = transport.bays[address]
    barcode = transport.inventory.volume_at(address)
    home = transport.inventory.place_of(barcode).home if barcode else None
    descriptor = Descriptor(
        access=not (barcode and bay.removal_prevented),
        full=barcode is not None,
        source_valid=home is not None,
        medium_type=DATA_VOLUME if barcode else 0,
        source=home or 0,
    )
    tag = volume_tag(barcode or "") if asked.volume_tag else b""
    return descriptor.encode() + tag + _identifier(bay.identity.t10 if asked.device_id else b"")


def _identifier(designator: bytes) -> bytes:
    """The T10 designator of VPD page 83h, or that there is none."""
    if not designator:
        return IdentifierHeader().encode()
    header = IdentifierHeader(code_set=ASCII, identifier_type=T10_VENDOR_ID, length=len(designator))
    return header.encode() + designator


def describe(transport: Transport, kind: ElementType, address: int, asked: Asked) -> bytes:
    """One element descriptor."""
    if kind == ElementType.DATA_TRANSFER:
        return address.to_bytes(2, "big") + _in_drive(transport, address, asked)
    inventory = transport.inventory
    barcode = inventory.volume_at(address)
    imported = barcode is not None and inventory.place_of(barcode).imported
    return address.to_bytes(2, "big") + _resting(kind, barcode, imported, asked)


def status_page(transport: Transport, kind: ElementType, addresses: range, asked: Asked) -> bytes:
    """SMC-3 Element status page of elements of one type, at least one."""
    descriptors = [describe(transport, kind, address, asked) for address in addresses]
    length = max(map(len, descriptors))
    header = PageHeader(
        element_type=kind,
        primary_volume_tag=asked.volume_tag,
        descriptor_length=length,
        byte_count=len(descriptors) * length,
    )
    return header.encode() + b"".join(d.ljust(length, b"\0") for d in descriptors)


def element_status(
    transport: Transport, kind: int, starting_address: int, element_count: int, asked: Asked
) -> bytes:
    """SMC-3 Element status data of `element_count` elements from an address on.

    `kind` is an element type code, or 0 for all; pages follow each other by address.
    """
    pages = []
    first: int | None = None
    left = element_count
    for page_kind, addresses in transport.inventory.geometry.in_order():
        wanted = addresses[max(0, starting_address - addresses.start) :][:left]
        if kind in (0, page_kind) and wanted:
            first = wanted.start if first is None else first
            left -= len(wanted)
            pages.append(status_page(transport, page_kind, wanted, asked))
    header = StatusHeader(
        first_element=first or 0,
        element_count=element_count - left,
        byte_count=sum(len(page) for page in pages),
    )
    return header.encode() + b"".join(pages)
