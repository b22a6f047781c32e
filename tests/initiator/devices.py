"""The drive and the changer as an initiator uses them: CDBs by the standards' tables."""

import struct
from dataclasses import dataclass
from typing import Any

from tests.initiator.session import GOOD, CheckConditionError, Initiator, Response

BLOCK = 65536
BECOMING_READY = (2, 0x0401)
UNIT_ATTENTION = 6


class Tape(Initiator):
    """A sequential-access device (SSC-5)."""

    def ready(self) -> None:
        """TEST UNIT READY until the tape is loaded and no unit attention is left, or it raises."""
        while (response := self.command(bytes(6))).condition == BECOMING_READY or (
            response.condition[0] == UNIT_ATTENTION
        ):
            pass
        if response.status != GOOD:
            raise CheckConditionError(bytes(6), response)

    def write(self, data: bytes | memoryview, *, block: int | None = BLOCK) -> Response:
        """WRITE(6): whole fixed blocks, or one record when `block` is None."""
        count = len(data) if block is None else len(data) // block
        return self.command(transfer(0x0A, count, fixed=block is not None), data)

    def read(self, count: int = 1, *, block: int | None = BLOCK, sili: bool = False) -> Response:
        """READ(6): `count` fixed blocks, or one record of up to `count` bytes."""
        length = count if block is None else count * block
        cdb = transfer(0x08, count, fixed=block is not None, sili=sili)
        return self.command(cdb, read_length=length)

    def write_filemarks(self, count: int = 1, *, immed: bool = False) -> Response:
        return self.command(bytes([0x10, immed]) + count.to_bytes(3, "big") + b"\0")

    def rewind(self) -> None:
        self.good(bytes([0x01, 0, 0, 0, 0, 0]))

    def space(self, count: int, code: int) -> Response:
        """SPACE(6): code 0 blocks, 1 filemarks, 3 end of data."""
        return self.command(bytes([0x11, code]) + (count & 0xFFFFFF).to_bytes(3, "big") + b"\0")

    def locate(self, object_number: int) -> Response:
        """LOCATE(10)."""
        return self.command(struct.pack(">BBxI3x", 0x2B, 0, object_number))

    def position(self) -> int:
        """READ POSITION, short form: the first logical object location."""
        data = self.good(bytes([0x34]) + bytes(9), read_length=20)
        return int.from_bytes(data[4:8], "big")

    def block_length(self, length: int) -> None:
        """MODE SELECT(6): the block length, 0 for variable; buffered mode 1."""
        parameters = struct.pack(">BBBBB3xB3s", 0, 0, 0x10, 8, 0, 0, length.to_bytes(3, "big"))
        self.good(bytes([0x15, 0x10, 0, 0, len(parameters), 0]), parameters)

    def load(self, *, load: bool = True) -> Response:
        """LOAD UNLOAD."""
        return self.command(bytes([0x1B, 0, 0, 0, load, 0]))


@dataclass(frozen=True, slots=True)
class Element:
    """One element of READ ELEMENT STATUS."""

    type: int
    address: int
    full: bool
    barcode: str
    source: int | None


class Changer(Initiator):
    """A medium changer (SMC-3)."""

    def elements(self, element_type: int = 0) -> list[Element]:
        """READ ELEMENT STATUS with volume tags, of all elements of a type."""
        cdb = struct.pack(">BBHHB3sxx", 0xB8, 0x10 | element_type, 0, 0xFFFF, 0, b"\x10\0\0")
        data = self.good(cdb, read_length=1 << 20)
        return parse_elements(data)

    def move(self, source: int, destination: int) -> Response:
        """MOVE MEDIUM by transport element 0."""
        return self.command(struct.pack(">BxHHHxxBx", 0xA5, 0, source, destination, 0))

    def must_move(self, source: int, destination: int) -> None:
        """A move that has to succeed."""
        cdb = struct.pack(">BxHHHxxBx", 0xA5, 0, source, destination, 0)
        self.good(cdb)

    def find(self, barcode: str) -> Element:
        """The element in which a cartridge lies."""
        (found,) = (e for e in self.elements() if e.barcode == barcode)
        return found


def transfer(opcode: int, length: int, *, fixed: bool, sili: bool = False) -> bytes:
    """A READ(6) or WRITE(6) CDB."""
    return bytes([opcode, sili << 1 | fixed]) + length.to_bytes(3, "big") + b"\0"


def parse_elements(data: bytes) -> list[Element]:
    """The descriptors of READ ELEMENT STATUS data (SMC-3)."""
    elements, at = [], 8
    end = 8 + int.from_bytes(data[5:8], "big")
    while at < end:
        kind, flags, size = struct.unpack_from(">BBH", data, at)
        page_end = at + 8 + int.from_bytes(data[at + 5 : at + 8], "big")
        at += 8
        while at < page_end:
            elements.append(_element(kind, data[at : at + size], tagged=bool(flags & 0x80)))
            at += size
    return elements


def _element(kind: int, raw: bytes, *, tagged: bool) -> Element:
    source = int.from_bytes(raw[10:12], "big") if raw[9] & 0x80 else None
    barcode = raw[12:44].decode().strip(" \0") if tagged else ""
    return Element(kind, int.from_bytes(raw[0:2], "big"), bool(raw[2] & 1), barcode, source)


def discover(host: str, port: int, **options: Any) -> list[str]:
    """SendTargets: the names of all targets."""
    with Initiator(host, port, **options) as session:
        return session.text({"SendTargets": "All"})["TargetName"]


def load_tapes(host: str, port: int, count: int) -> list[str]:
    """Move the first `count` cartridges into the first drives; the names of those drives."""
    names = discover(host, port)
    (changer_name,) = (n for n in names if n.endswith("mediachanger"))
    with Changer(host, port, changer_name) as changer:
        elements = changer.elements()
        full = [e.address for e in elements if e.full and e.type in (2, 3)]
        empty = [e.address for e in elements if e.type == 4 and not e.full]
        for source, drive in zip(full, empty[:count], strict=False):
            changer.must_move(source, drive)
    return sorted(n for n in names if "tapedrive" in n)[:count]


__all__ = ["Changer", "CheckConditionError", "Element", "Tape", "discover", "load_tapes"]
