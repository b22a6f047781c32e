"""Every text key of RFC 7143 section 13, in one table, and how two offers become one value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Any

from pyvtl.iscsi.text import Pair, TextError
from pyvtl.iscsi.values import (
    Boolean,
    Kind,
    Listed,
    Numeric,
    Result,
    Word,
    both,
    either,
    first_common,
    maximum,
    minimum,
)

IRRELEVANT, REJECT, NOT_UNDERSTOOD = "Irrelevant", "Reject", "NotUnderstood"
"""The answers that are not values (section 6.2)."""

RESERVED_ANSWERS = frozenset({IRRELEVANT, REJECT, NOT_UNDERSTOOD})

LOGIN_SEGMENT_LIMIT = 8192
"""MaxRecvDataSegmentLength of both sides until they declare another (section 13.12)."""


class Sender(Flag):
    """Who may send a key of its own accord."""

    INITIATOR = auto()
    TARGET = auto()
    BOTH = INITIATOR | TARGET


class Phase(Flag):
    """When a key may be sent; `ANY_STAGE` is the whole login, as section 13 calls it."""

    SECURITY = auto()
    OPERATIONAL = auto()
    FULL_FEATURE = auto()
    ANY_STAGE = SECURITY | OPERATIONAL
    ALL = SECURITY | OPERATIONAL | FULL_FEATURE


class Scope(Enum):
    """What a value holds for; session-wide ones are set by the leading connection alone."""

    SESSION = "session-wide"
    CONNECTION = "connection-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A row of the table: what section 13 says of one key.

    Without a result function a key is declarative.  `field` names it in Offer and Parameters.
    """

    name: str
    kind: Kind
    result: Result | None = None
    default: Any = None
    phase: Phase = Phase.OPERATIONAL
    scope: Scope = Scope.SESSION
    sender: Sender = Sender.BOTH
    normal_only: bool = True
    field: str = ""


_DIGESTS = Listed(("CRC32C", "None"))
_LENGTH = Numeric(512, (1 << 24) - 1)
_COUNT = Numeric(1, 65535)
_SECONDS = Numeric(0, 3600)
_YES_NO = Boolean()
_TEXT = Word()


def _negotiated(name: str, field: str, kind: Kind, result: Result, default: Any) -> Key:
    """A session-wide key that both sides offer and that only a normal session has."""
    return Key(name=name, kind=kind, result=result, default=default, field=field)


def _everywhere(name: str, field: str, kind: Kind, result: Result, default: Any) -> Key:
    """As _negotiated, for a key that a discovery session has too."""
    return Key(name=name, kind=kind, result=result, default=default, field=field, normal_only=False)


def _digest(name: str, field: str) -> Key:
    return Key(
        name=name,
        kind=_DIGESTS,
        result=first_common,
        default="None",
        scope=Scope.CONNECTION,
        normal_only=False,
        field=field,
    )


def _declared(name: str, sender: Sender, phase: Phase, kind: Kind = _TEXT) -> Key:
    return Key(name=name, kind=kind, sender=sender, phase=phase, normal_only=False)


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        _declared("InitiatorName", Sender.INITIATOR, Phase.ANY_STAGE),
        _declared("InitiatorAlias", Sender.INITIATOR, Phase.ALL),
        _declared("TargetName", Sender.BOTH, Phase.ANY_STAGE),
        _declared("TargetAlias", Sender.TARGET, Phase.ALL),
        _declared("TargetAddress", Sender.TARGET, Phase.ALL),
        _declared("TargetPortalGroupTag", Sender.TARGET, Phase.ANY_STAGE, Numeric(0, 65535)),
        _declared("SessionType", Sender.INITIATOR, Phase.ANY_STAGE, Word(("Normal", "Discovery"))),
        _declared("SendTargets", Sender.INITIATOR, Phase.FULL_FEATURE),
        _declared("X#NodeArchitecture", Sender.BOTH, Phase.ANY_STAGE),
        _digest("HeaderDigest", "header_digest"),
        _digest("DataDigest", "data_digest"),
        Key(
            name="MaxRecvDataSegmentLength",
            kind=_LENGTH,
            default=LOGIN_SEGMENT_LIMIT,
            phase=Phase.OPERATIONAL | Phase.FULL_FEATURE,
            scope=Scope.CONNECTION,
            normal_only=False,
            field="max_send_data_segment_length",
        ),
        _negotiated("MaxConnections", "max_connections", _COUNT, minimum, 1),
        _negotiated("InitialR2T", "initial_r2t", _YES_NO, either, True),
        _negotiated("ImmediateData", "immediate_data", _YES_NO, both, True),
        _negotiated("MaxBurstLength", "max_burst_length", _LENGTH, minimum, 262144),
        _negotiated("FirstBurstLength", "first_burst_length", _LENGTH, minimum, 65536),
        _everywhere("DefaultTime2Wait", "default_time2wait", _SECONDS, maximum, 2),
        _everywhere("DefaultTime2Retain", "default_time2retain", _SECONDS, minimum, 20),
        _negotiated("MaxOutstandingR2T", "max_outstanding_r2t", _COUNT, minimum, 1),
        _negotiated("DataPDUInOrder", "data_pdu_in_order", _YES_NO, either, True),
        _negotiated("DataSequenceInOrder", "data_sequence_in_order", _YES_NO, either, True),
        _everywhere("ErrorRecoveryLevel", "error_recovery_level", Numeric(0, 2), minimum, 0),
        _negotiated(
            "TaskReporting",
            "task_reporting",
            Listed(("RFC3720", "ResponseFence", "FastAbort")),
            first_common,
            "RFC3720",
        ),
        _negotiated("iSCSIProtocolLevel", "protocol_level", Numeric(0, 31), minimum, 1),
    )
}
"""Section 13, with what FirstBurstLength depends on above it."""

OBSOLETE = frozenset({"IFMarker", "OFMarker", "IFMarkInt", "OFMarkInt"})
"""Keys of RFC 3720 that are rejected, never "not understood" (section 13.25)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Our side of the table: what we accept, or want at most.

    Lengths are in bytes, times in seconds.
    """

    header_digest: tuple[str, ...] = ("CRC32C", "None")
    data_digest: tuple[str, ...] = ("CRC32C", "None")
    max_recv_data_segment_length: int = 262144
    max_connections: int = 1
    initial_r2t: bool = False
    immediate_data: bool = True
    max_burst_length: int = 1048576
    first_burst_length: int = 262144
    default_time2wait: int = 2
    default_time2retain: int = 0
    max_outstanding_r2t: int = 4
    data_pdu_in_order: bool = True
    data_sequence_in_order: bool = True
    error_recovery_level: int = 0
    task_reporting: tuple[str, ...] = ("RFC3720",)
    protocol_level: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What holds for a connection once its login is over; digests are True for CRC32C.

    `max_send_data_segment_length` is what the initiator takes in one PDU, and
    `max_recv_data_segment_length` what we do.  Lengths are in bytes, times in seconds.
    """

    header_digest: bool
    data_digest: bool
    max_send_data_segment_length: int
    max_recv_data_segment_length: int
    max_connections: int
    initial_r2t: bool
    immediate_data: bool
    max_burst_length: int
    first_burst_length: int
    default_time2wait: int
    default_time2retain: int
    max_outstanding_r2t: int
    data_pdu_in_order: bool
    data_sequence_in_order: bool
    error_recovery_level: int
    task_reporting: str
    protocol_level: int


class Negotiation:
    """The keys of one login: what was settled, each at most once (section 6.2)."""

    def __init__(self, offer: Offer, *, discovery: bool = False) -> None:
        self._offer = offer
        self._discovery = discovery
        self._seen: set[str] = set()
        self._settled: dict[str, Any] = {}
        self._declared_ours = False

    def receive(self, pairs: Iterable[Pair], phase: Phase) -> list[Pair]:
        """Take the initiator's keys; our answers.  What ends the login raises TextError."""
        answers = []
        for name, value in sorted(pairs, key=_place):
            answer = self._receive(name, value, phase)
            if answer is not None:
                answers.append((name, answer))
        return answers

    def declare(self) -> list[Pair]:
        """What we declare in the operational stage; nothing the second time."""
        if self._declared_ours:
            return []
        self._declared_ours = True
        return [("MaxRecvDataSegmentLength", str(self._offer.max_recv_data_segment_length))]

    def value(self, name: str, default: str = "") -> str:
        """What the initiator declared under this name."""
        return str(self._settled.get(name, default))

    def parameters(self) -> Parameters:
        """What holds now; defaults stand for what nobody offered."""
        values = {
            key.field: self._settled.get(key.name, key.default)
            for key in KEYS.values()
            if key.field
        }
        values["header_digest"] = values["header_digest"] == "CRC32C"
        values["data_digest"] = values["data_digest"] == "CRC32C"
        # A MaxBurstLength settled after it may have come to lie below FirstBurstLength.
        values["first_burst_length"] = min(values["first_burst_length"], values["max_burst_length"])
        ours = self._offer.max_recv_data_segment_length
        values["max_recv_data_segment_length"] = (
            ours if self._declared_ours else LOGIN_SEGMENT_LIMIT
        )
        return Parameters(**values)

    def _receive(self, name: str, value: str, phase: Phase) -> str | None:
        key = KEYS.get(name)
        if key is None:
            return REJECT if name in OBSOLETE else NOT_UNDERSTOOD
        if Sender.INITIATOR not in key.sender:
            _check_answer(name, value)
            return None
        if phase not in key.phase:
            raise TextError(f"{name} has no place in this phase")
        if name in self._seen:
            self._check_again(key, value)
            return None
        self._seen.add(name)
        return self._settle(key, value)

    def _check_again(self, key: Key, value: str) -> None:
        """Some initiators say who they are in every stage; nothing may change by it."""
        if key.result is not None or self._settled[key.name] != key.kind.parse(value):
            raise TextError(f"{key.name} comes a second time")

    def _settle(self, key: Key, value: str) -> str | None:
        if key.result is None:
            self._settled[key.name] = key.kind.parse(value)
            return None
        if self._irrelevant(key):
            return IRRELEVANT
        try:
            settled = key.result(key.kind.parse(value), self._ours(key))
        except TextError:
            return REJECT
        self._settled[key.name] = settled
        return key.kind.render(settled)

    def _irrelevant(self, key: Key) -> bool:
        if self._discovery:
            return key.normal_only
        return key.name == "FirstBurstLength" and self._no_unsolicited_data()

    def _no_unsolicited_data(self) -> bool:
        return self._current("InitialR2T") and not self._current("ImmediateData")

    def _ours(self, key: Key) -> Any:
        ours = getattr(self._offer, key.field)
        if key.name == "FirstBurstLength":
            return min(ours, self._current("MaxBurstLength"))
        return ours

    def _current(self, name: str) -> Any:
        return self._settled.get(name, KEYS[name].default)


_ORDER = {name: place for place, name in enumerate(KEYS)}


def _place(pair: Pair) -> int:
    return _ORDER.get(pair[0], len(_ORDER))


def _check_answer(name: str, value: str) -> None:
    """A key that only we declare may come back with an answer, and is then passed over."""
    if value not in RESERVED_ANSWERS:
        raise TextError(f"{name} is the target's to send")


DEFAULTS = Negotiation(Offer()).parameters()
"""What holds before anything is settled (section 13)."""
