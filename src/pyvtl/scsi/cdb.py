"""Command descriptor blocks: the base of every CDB class.

The classes of the commands that all devices take stand in `primary.py`; those of the drive
and the changer stand beside their handlers.
"""

from typing import Annotated, ClassVar

from pyvtl.wire.layout import Structure, bit, bits, octets, signed

__all__ = ["Annotated", "Cdb", "bit", "bits", "octets", "signed"]


class Cdb(Structure, size=0):
    """Base of every CDB: subclasses give the operation code, the length, and the service action.

    A CDB with a service action has it in byte 1 bits 4 to 0; it is no field of the class,
    because it says which class it is.
    """

    OPCODE: ClassVar[int]
    SERVICE_ACTION: ClassVar[int | None]

    def __init_subclass__(cls, opcode: int, size: int, service_action: int | None = None) -> None:
        super().__init_subclass__(size=size)
        cls.OPCODE = opcode
        cls.SERVICE_ACTION = service_action

    def encode(self) -> bytes:
        raw = bytearray(super().encode())
        raw[0] = self.OPCODE
        raw[1] |= self.SERVICE_ACTION or 0
        return bytes(raw)

    @classmethod
    def usage(cls) -> bytes:
        """CDB usage data for REPORT SUPPORTED OPERATION CODES (SPC-5)."""
        raw = bytearray(cls.used_bits().to_bytes(cls.SIZE, "big"))
        raw[0] = cls.OPCODE
        raw[1] |= cls.SERVICE_ACTION or 0
        return bytes(raw)
