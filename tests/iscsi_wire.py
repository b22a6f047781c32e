"""An initiator for tests of a Connection: PDUs go in as bytes, and come out decoded."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pyvtl.iscsi.codes import Opcode
from pyvtl.iscsi.command import Command
from pyvtl.iscsi.connection import Connection
from pyvtl.iscsi.events import CommandReceived, Event
from pyvtl.iscsi.framing import Frame, Framer, digest
from pyvtl.iscsi.node import Node, PortalAddress, TargetName
from pyvtl.iscsi.pdu import BHS_SIZE, PDUS, InitiatorPdu, LoginRequest, Pdu, ScsiCommand
from pyvtl.iscsi.session import Limits

TARGET = "iqn.2026-01.example:disk"
PORTAL = PortalAddress("192.0.2.1")
LIMITS = Limits()
NO_KEYS: Mapping[str, str] = {}
DIGESTS = {"HeaderDigest": "CRC32C", "DataDigest": "CRC32C"}
ISID = bytes.fromhex("80000000 0001")
P = TypeVar("P", bound=Pdu)

Received = tuple[Pdu, bytes]


def frame(pdu: Pdu, data: bytes = b"", *, ahs: bytes = b"", digests: bool = False) -> bytes:
    """A PDU as bytes, its lengths filled in."""
    fields: dict[str, Any] = {"data_length": len(data)}
    if ahs:
        fields["ahs_words"] = len(ahs) // 4
    header = replace(pdu, **fields).encode() + ahs
    padding = bytes(-len(data) % 4)
    if not digests:
        return header + data + padding
    tail = data + padding + digest(data, padding) if data else b""
    return header + digest(header) + tail


def frames_of(framer: Framer, data: bytes) -> list[Frame]:
    """As a socket does: as much at a time as there is room for."""
    frames = []
    rest = memoryview(data)
    while rest:
        buffer = framer.get_buffer()
        count = min(len(buffer), len(rest))
        buffer[:count] = rest[:count]
        framer.received(count)
        rest = rest[count:]
        while (found := framer.next()) is not None:
            frames.append(found)
    return frames


def text(keys: Mapping[str, str]) -> bytes:
    """Keys as the data segment of a login has them."""
    return b"".join(f"{key}={value}\0".encode() for key, value in keys.items())


class Wire:
    """A Connection and the bytes between."""

    def __init__(self, limits: Limits = LIMITS, node: Node | None = None) -> None:
        node = node or Node.of(TargetName(TARGET))
        self.connection = Connection(node, PORTAL, tsih=1, limits=limits)
        self.digests = False
        self.events: list[Event] = []

    def feed(self, data: bytes, now: float = 0.0) -> list[Event]:
        """Bytes in; the events of these bytes."""
        events: list[Event] = []
        rest = memoryview(data)
        while rest and not self.connection.ended:
            buffer = self.connection.get_buffer()
            count = min(len(buffer), len(rest))
            buffer[:count] = rest[:count]
            events += self.connection.buffer_updated(count, now)
            rest = rest[count:]
        return events

    def send(self, pdu: InitiatorPdu, data: bytes = b"", ahs: bytes = b"") -> list[Event]:
        """One PDU in."""
        return self.feed(frame(pdu, data, ahs=ahs, digests=self.digests))

    def take(self) -> list[Received]:
        """Every PDU that the connection has to send, decoded; digests are checked."""
        raw = b"".join(bytes(buffer) for buffer in self.connection.take_outgoing())
        received = []
        while raw:
            pdu = PDUS[raw[0] & 0x3F].decode(raw)
            at = BHS_SIZE
            if self.digests:
                assert raw[at : at + 4] == digest(raw[:at])
                at += 4
            data = raw[at : at + pdu.data_length]
            padded = at + pdu.data_length + -pdu.data_length % 4
            if self.digests and data:
                assert raw[padded : padded + 4] == digest(raw[at:padded])
                padded_end = padded + 4
            else:
                padded_end = padded
            received.append((pdu, data))
            raw = raw[padded_end:]
        return received

    def take_one(self, kind: type[P]) -> tuple[P, bytes]:
        """The one PDU that the connection has to send."""
        ((pdu, data),) = self.take()
        assert isinstance(pdu, kind)
        return pdu, data

    def login(self, keys: Mapping[str, str] = NO_KEYS, *, discovery: bool = False) -> list[Event]:
        """Log in in one step; the CmdSN of the first command is 1."""
        who = {"InitiatorName": "iqn.2026-01.example:i"}
        kind = {"SessionType": "Discovery"} if discovery else {"TargetName": TARGET}
        request = LoginRequest(
            transit=True, current_stage=1, next_stage=3, isid=ISID, cid=1, cmd_sn=1
        )
        events = self.send(request, text(who | kind | dict(keys)))
        self.take()
        self.digests = keys.get("DataDigest") == "CRC32C"
        return events

    def command(self, pdu: ScsiCommand, data: bytes = b"") -> Command:
        """One command in, which must come out as one event."""
        (event,) = self.send(pdu, data)
        assert isinstance(event, CommandReceived)
        return event.command


def logged_in(keys: Mapping[str, str] = NO_KEYS, limits: Limits = LIMITS) -> Wire:
    """A connection in full feature phase."""
    wire = Wire(limits)
    wire.login(keys)
    return wire


def opcodes(received: Sequence[Received]) -> list[Opcode]:
    """What came, by operation code."""
    return [pdu.OPCODE for pdu, _ in received]
