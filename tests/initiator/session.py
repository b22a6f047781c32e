"""One iSCSI session over one TCP connection, driven step by step by a test."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from crc32c import crc32c

from tests.initiator.chap import Chap

NOP_OUT, COMMAND, TMF, LOGIN, TEXT, DATA_OUT, LOGOUT = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
NOP_IN, RESPONSE, TMF_RESPONSE, LOGIN_RESPONSE, TEXT_RESPONSE = 0x20, 0x21, 0x22, 0x23, 0x24
DATA_IN, LOGOUT_RESPONSE, R2T, ASYNC_MESSAGE, REJECT = 0x25, 0x26, 0x31, 0x32, 0x3F

IMMEDIATE, FINAL, CONTINUE = 0x40, 0x80, 0x40
NO_TAG = 0xFFFF_FFFF
SIMPLE, HEAD_OF_QUEUE = 1, 3
GOOD, CHECK_CONDITION = 0x00, 0x02

KEYS = {
    "InitialR2T": "No",
    "ImmediateData": "Yes",
    "MaxRecvDataSegmentLength": "262144",
    "FirstBurstLength": "262144",
    "MaxBurstLength": "1048576",
    "MaxOutstandingR2T": "1",
    "ErrorRecoveryLevel": "0",
    "DefaultTime2Wait": "2",
    "DefaultTime2Retain": "0",
}


class LoginError(Exception):
    """The target refused the login: `code` is status class and detail, two bytes."""

    def __init__(self, code: int) -> None:
        super().__init__(f"login refused with {code:04x}h")
        self.code = code


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU as it came: header, data segment."""

    bhs: bytes
    data: bytes = b""

    @property
    def opcode(self) -> int:
        return self.bhs[0] & 0x3F

    def word(self, at: int) -> int:
        """The 32-bit number at byte `at` of the header."""
        (number,) = struct.unpack_from(">I", self.bhs, at)
        return int(number)


@dataclass(slots=True)
class Response:
    """How a command ended.  `residual` is negative for an overflow."""

    status: int = GOOD
    sense: bytes = b""
    data: bytes = b""
    residual: int = 0
    response: int = 0

    @property
    def condition(self) -> tuple[int, int]:
        """Sense key, and ASC with ASCQ; (0, 0) without sense data."""
        if not self.sense:
            return 0, 0
        return self.sense[2] & 0x0F, self.sense[12] << 8 | self.sense[13]

    @property
    def flags(self) -> int:
        """FILEMARK 80h, EOM 40h, ILI 20h of fixed format sense data."""
        return self.sense[2] & 0xE0 if self.sense else 0

    @property
    def information(self) -> int | None:
        """The INFORMATION field, signed, when it is valid."""
        if not self.sense or not self.sense[0] & 0x80:
            return None
        (value,) = struct.unpack_from(">i", self.sense, 3)
        return int(value)


class CheckConditionError(Exception):
    """A command that had to succeed ended otherwise."""

    def __init__(self, cdb: bytes, response: Response) -> None:
        super().__init__(
            f"{cdb.hex()} ended with status {response.status:02x}h, sense {response.sense.hex()}"
        )
        self.response = response


@dataclass(slots=True)
class Outstanding:
    """A command on its way."""

    cdb: bytes
    data_out: memoryview
    read_length: int
    response: Response = field(default_factory=Response)
    data_in: bytearray = field(default_factory=bytearray)


class Initiator:
    """A session with one target, or a discovery session when `target` is None."""

    def __init__(
        self,
        host: str,
        port: int,
        target: str | None = None,
        *,
        lun: int = 0,
        name: str = "iqn.2026-01.example:initiator",
        isid: bytes = b"\x80\x00\x00\x00\x00\x01",
        chap: Chap | None = None,
        digests: bool = False,
        keys: dict[str, str] | None = None,
        timeout: float = 30,
        tsih: int = 0,
    ) -> None:
        self.target, self.lun, self.name, self.isid = target, lun, name, isid
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.cmd_sn, self.exp_stat_sn, self.next_tag = 1, 0, 1
        self.tsih = tsih
        self.header_digest = self.data_digest = False
        self.outstanding: dict[int, Outstanding] = {}
        self.unclaimed: list[Pdu] = []
        try:
            self.keys = self._login(chap, _offer(digests) | (keys or {}))
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # PDUs

    def send(self, bhs: bytes, data: bytes | memoryview = b"") -> None:
        """One PDU; the data segment length of the header is filled in here."""
        header = bhs[:5] + len(data).to_bytes(3, "big") + bhs[8:]
        parts = [header]
        if self.header_digest:
            parts.append(crc32c(header).to_bytes(4, "little"))
        if data:
            padding = bytes(-len(data) % 4)
            parts += [bytes(data), padding]
            if self.data_digest:
                parts.append(crc32c(padding, crc32c(data)).to_bytes(4, "little"))
        self.socket.sendall(b"".join(parts))

    def receive(self) -> Pdu:
        """The next PDU; digests are checked, ConnectionError at the end of the stream."""
        bhs = self._exactly(48)
        if self.header_digest:
            assert self._exactly(4) == crc32c(bhs).to_bytes(4, "little"), "header digest"
        length = int.from_bytes(bhs[5:8], "big")
        padded = self._exactly(length + -length % 4)
        if length and self.data_digest:
            assert self._exactly(4) == crc32c(padded).to_bytes(4, "little"), "data digest"
        pdu = Pdu(bhs, padded[:length])
        if pdu.opcode not in (R2T, DATA_IN) or bhs[1] & 1:
            self.exp_stat_sn = pdu.word(24) + 1 & NO_TAG
        return pdu

    def _exactly(self, length: int) -> bytes:
        taken = bytearray(length)
        view = memoryview(taken)
        while view:
            count = self.socket.recv_into(view)
            if not count:
                raise ConnectionError("the target closed the connection")
            view = view[count:]
        return bytes(taken)

    # Login

    def _login(self, chap: Chap | None, keys: dict[str, str]) -> dict[str, str]:
        who = {"InitiatorName": self.name, "SessionType": "Normal" if self.target else "Discovery"}
        if self.target:
            who["TargetName"] = self.target
        self._security(who, chap)
        if not self.target:
            keys = {k: v for k, v in keys.items() if "Digest" in k or k.startswith("MaxRecv")}
        settled = self._login_step(1, 3, keys)
        self.header_digest = settled.get("HeaderDigest") == "CRC32C"
        self.data_digest = settled.get("DataDigest") == "CRC32C"
        return settled

    def _security(self, who: dict[str, str], chap: Chap | None) -> None:
        if chap is None:
            self._login_step(0, 1, who | {"AuthMethod": "None"})
            return
        self._login_step(0, None, who | {"AuthMethod": "CHAP"})
        challenge = self._login_step(0, None, chap.offer())
        answer, proof = chap.answer(challenge)
        last = self._login_step(0, 1, answer)
        if proof is not None and not proof.holds(last):
            raise LoginError(0)

    def _login_step(
        self, stage: int, following: int | None, keys: dict[str, str]
    ) -> dict[str, str]:
        flags = stage << 2 | (0 if following is None else 0x80 | following)
        head = struct.pack(">BBBB4x", LOGIN | IMMEDIATE, flags, 0, 0)
        numbers = struct.pack(">HIHHII16x", self.tsih, 1, 0, 0, self.cmd_sn, self.exp_stat_sn)
        self.send(head + self.isid + numbers, encode_text(keys))
        answer = self.receive()
        assert answer.opcode == LOGIN_RESPONSE
        (status,) = struct.unpack_from(">H", answer.bhs, 36)
        if status:
            raise LoginError(status)
        (self.tsih,) = struct.unpack_from(">H", answer.bhs, 14)
        self.cmd_sn = answer.word(28)
        settled = decode_text(answer.data)
        if following is not None and not answer.bhs[1] & FINAL:  # the target has more to say
            return settled | self._login_step(stage, following, {})
        return settled

    # Commands

    def submit(
        self,
        cdb: bytes,
        data_out: bytes | memoryview = b"",
        read_length: int = 0,
        attribute: int = SIMPLE,
    ) -> int:
        """Send a command with what data may go with it; its tag."""
        tag, self.next_tag = self.next_tag, self.next_tag + 1
        out = memoryview(data_out)
        first = min(len(out), self._first_burst())
        immediate = min(first, self._segment_limit()) if self._yes("ImmediateData") else 0
        unsolicited = first if not self._yes("InitialR2T") else immediate
        flags = attribute | (0x40 if read_length else 0) | (0x20 if out else 0)
        if unsolicited == immediate:
            flags |= FINAL
        head = struct.pack(">BB6x", COMMAND, flags) + struct.pack(">BBxxxxxx", 0, self.lun)
        length = len(out) or read_length
        numbers = struct.pack(">IIII", tag, length, self.cmd_sn, self.exp_stat_sn)
        self.outstanding[tag] = Outstanding(cdb, out, read_length)
        self.cmd_sn = self.cmd_sn + 1 & NO_TAG
        self.send(head + numbers + cdb.ljust(16, b"\0"), out[:immediate])
        if unsolicited > immediate:
            self._data_out(tag, NO_TAG, out, immediate, unsolicited)
        return tag

    def wait(self, tag: int) -> Response:
        """Serve R2Ts and collect data until the command ends."""
        while tag in self.outstanding:
            done = self._serve(self.receive())
            if done is not None and done[0] == tag:
                return done[1]
        raise KeyError(tag)

    def command(
        self, cdb: bytes, data_out: bytes | memoryview = b"", read_length: int = 0
    ) -> Response:
        """One command from its start to its end."""
        return self.wait(self.submit(cdb, data_out, read_length))

    def good(self, cdb: bytes, data_out: bytes | memoryview = b"", read_length: int = 0) -> bytes:
        """A command that has to succeed; unit attentions are taken and the command is repeated."""
        while True:
            response = self.command(cdb, data_out, read_length)
            if response.status == GOOD:
                return response.data
            if response.condition[0] != 6:
                raise CheckConditionError(cdb, response)

    def _serve(self, pdu: Pdu) -> tuple[int, Response] | None:
        tag = pdu.word(16)
        task = self.outstanding.get(tag)
        if task is None:
            self.unclaimed.append(pdu)
            if pdu.opcode == NOP_IN and pdu.word(20) != NO_TAG:
                self._answer_nop(pdu)
        elif pdu.opcode == R2T:
            offset, length = pdu.word(40), pdu.word(44)
            self._data_out(tag, pdu.word(20), task.data_out, offset, offset + length)
        elif pdu.opcode == DATA_IN:
            assert pdu.word(40) == len(task.data_in), "Data-In out of order"
            task.data_in += pdu.data
            if pdu.bhs[1] & 1:
                return self._finish(tag, pdu)
        elif pdu.opcode == RESPONSE:
            return self._finish(tag, pdu)
        else:
            self.unclaimed.append(pdu)
        return None

    def _finish(self, tag: int, pdu: Pdu) -> tuple[int, Response]:
        task = self.outstanding.pop(tag)
        overflow, underflow = pdu.bhs[1] & 4, pdu.bhs[1] & 2
        residual = pdu.word(44) if underflow else -pdu.word(44) if overflow else 0
        sense = pdu.data[2:] if pdu.opcode == RESPONSE else b""
        code = pdu.bhs[2] if pdu.opcode == RESPONSE else 0
        return tag, Response(pdu.bhs[3], sense, bytes(task.data_in), residual, code)

    def _data_out(self, tag: int, ttt: int, data: memoryview, start: int, end: int) -> None:
        step = self._segment_limit()
        for number, at in enumerate(range(start, end, step)):
            last = min(at + step, end)
            flags = FINAL if last == end else 0
            head = struct.pack(">BB6xBB6x", DATA_OUT, flags, 0, self.lun)
            numbers = struct.pack(">II4xI4xII4x", tag, ttt, self.exp_stat_sn, number, at)
            self.send(head + numbers, data[at:last])

    def _first_burst(self) -> int:
        value = self.keys.get("FirstBurstLength", "65536")
        return 0 if value == "Irrelevant" else int(value)

    def _segment_limit(self) -> int:
        return int(self.keys.get("MaxRecvDataSegmentLength", 8192))

    def _yes(self, key: str) -> bool:
        return self.keys.get(key, "Yes") == "Yes"

    # Everything else

    def nop(self, data: bytes = b"ping") -> bytes:
        """A ping; the data that comes back."""
        tag, self.next_tag = self.next_tag, self.next_tag + 1
        head = struct.pack(">BB6x8x", NOP_OUT | IMMEDIATE, FINAL)
        self.send(head + struct.pack(">IIII16x", tag, NO_TAG, self.cmd_sn, self.exp_stat_sn), data)
        return self.expect(NOP_IN, tag).data

    def _answer_nop(self, ping: Pdu) -> None:
        head = struct.pack(">BB6x", NOP_OUT | IMMEDIATE, FINAL) + ping.bhs[8:16]
        numbers = struct.pack(">II", NO_TAG, ping.word(20))
        self.send(head + numbers + struct.pack(">II16x", self.cmd_sn, self.exp_stat_sn), ping.data)

    def text(self, keys: dict[str, str]) -> dict[str, list[str]]:
        """A text request; the answer's values in order, for keys may repeat."""
        tag, self.next_tag = self.next_tag, self.next_tag + 1
        head = struct.pack(">BB6x8x", TEXT | IMMEDIATE, FINAL)
        numbers = struct.pack(">IIII16x", tag, NO_TAG, self.cmd_sn, self.exp_stat_sn)
        self.send(head + numbers, encode_text(keys))
        answer: dict[str, list[str]] = {}
        for key, value in text_pairs(self.expect(TEXT_RESPONSE, tag).data):
            answer.setdefault(key, []).append(value)
        return answer

    def task_management(self, function: int, referenced: int = NO_TAG) -> int:
        """A task management function (RFC 7143 section 11.5.1); the response code."""
        return self.managed(self.manage(function, referenced))

    def manage(self, function: int, referenced: int = NO_TAG) -> int:
        """Ask for a task management function; the tag of the request."""
        tag, self.next_tag = self.next_tag, self.next_tag + 1
        head = struct.pack(">BB6xBB6x", TMF | IMMEDIATE, FINAL | function, 0, self.lun)
        numbers = struct.pack(
            ">IIIIII8x", tag, referenced, self.cmd_sn, self.exp_stat_sn, self.cmd_sn, 0
        )
        self.send(head + numbers)
        return tag

    def managed(self, tag: int) -> int:
        """Wait until it is carried out; the response code."""
        return self.expect(TMF_RESPONSE, tag).bhs[2]

    def logout(self) -> int:
        """Close the session; the response code."""
        tag, self.next_tag = self.next_tag, self.next_tag + 1
        head = struct.pack(">BB6x8x", LOGOUT | IMMEDIATE, FINAL)
        self.send(head + struct.pack(">IIII16x", tag, 0, self.cmd_sn, self.exp_stat_sn))
        response = self.expect(LOGOUT_RESPONSE, tag).bhs[2]
        self.close()
        return response

    def expect(self, opcode: int, tag: int) -> Pdu:
        """Serve what comes until the PDU of that opcode and tag."""
        while True:
            pdu = self.receive()
            if (pdu.opcode, pdu.word(16)) == (opcode, tag):
                return pdu
            self._serve(pdu)

    def close(self) -> None:
        """Drop the connection, without a logout."""
        self.socket.close()


def _offer(digests: bool) -> dict[str, str]:
    digest = "CRC32C" if digests else "None"
    return KEYS | {"HeaderDigest": digest, "DataDigest": digest}


def encode_text(keys: dict[str, str]) -> bytes:
    """Text of a login or text PDU: key=value, each ended by a null byte."""
    return b"".join(f"{key}={value}\0".encode() for key, value in keys.items())


def text_pairs(data: bytes) -> Iterator[tuple[str, str]]:
    """The keys and values of a data segment, in order."""
    for pair in data.decode().split("\0"):
        if pair:
            key, _, value = pair.partition("=")
            yield key, value


def decode_text(data: bytes) -> dict[str, str]:
    """As text_pairs, where no key repeats."""
    return dict(text_pairs(data))
