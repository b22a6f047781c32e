"""CHAP from the target's side, one way and mutual (RFC 7143 section 12.1.3, RFC 1994)."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from pyvtl.iscsi import text
from pyvtl.iscsi.codes import LoginStatus
from pyvtl.iscsi.errors import LoginError
from pyvtl.iscsi.text import Pair, TextError


class Algorithm(IntEnum):
    """Numbers in CHAP_A, as IANA's registry of PPP authentication algorithms gives them."""

    MD5 = 5
    SHA1 = 6
    SHA256 = 7
    SHA3_256 = 8


_HASHES: Mapping[Algorithm, str] = {
    Algorithm.MD5: "md5",
    Algorithm.SHA1: "sha1",
    Algorithm.SHA256: "sha256",
    Algorithm.SHA3_256: "sha3_256",
}

MAX_IDENTIFIER = 255
"""CHAP_I is one byte."""

KEYS = frozenset({"CHAP_A", "CHAP_I", "CHAP_C", "CHAP_N", "CHAP_R"})
"""The keys that the exchange is made of."""


@dataclass(frozen=True, slots=True)
class ChapCredentials:
    """What an initiator must know, and with a target's secret what we prove to it.

    Equal secrets in both directions are refused with ValueError: they would let an initiator
    that knows neither have its own challenge answered (section 12.1.4).
    """

    name: str
    secret: bytes = field(repr=False)
    target_name: str = ""
    target_secret: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.secret:
            raise ValueError("a CHAP secret is empty")
        if self.secret == self.target_secret:
            raise ValueError("the CHAP secrets of initiator and target are equal")


def response(algorithm: Algorithm, identifier: int, secret: bytes, challenge: bytes) -> bytes:
    """The hash that proves knowledge of the secret (RFC 1994 section 4.1)."""
    return hashlib.new(
        _HASHES[algorithm], bytes([identifier]) + secret + challenge, usedforsecurity=True
    ).digest()


def _failure(message: str) -> LoginError:
    return LoginError(message, LoginStatus.AUTHENTICATION_FAILURE)


class Chap:
    """One exchange: CHAP_A is answered by a challenge, CHAP_N and CHAP_R by our own proof.

    Whatever is wrong raises LoginError with authentication failure.
    """

    def __init__(
        self, credentials: ChapCredentials, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._credentials = credentials
        self._random = random
        self._algorithm: Algorithm | None = None
        self._identifier = 0
        self._challenge = b""
        self.done = False

    def receive(self, keys: Mapping[str, str]) -> list[Pair]:
        """The initiator's next keys; the keys to answer.  `done` says when it is known."""
        try:
            if self._algorithm is None:
                return self._challenge_for(keys)
            if not self.done:
                return self._verify(self._algorithm, keys)
        except TextError as error:
            raise _failure(f"CHAP: {error}") from error
        raise _failure("CHAP keys after the exchange")

    def _challenge_for(self, keys: Mapping[str, str]) -> list[Pair]:
        if set(keys) != {"CHAP_A"}:
            raise _failure("CHAP starts with CHAP_A alone")
        self._algorithm = algorithm = _choose(keys["CHAP_A"])
        self._identifier = self._random(1)[0]
        self._challenge = self._random(hashlib.new(_HASHES[algorithm]).digest_size)
        return [
            ("CHAP_A", str(algorithm.value)),
            ("CHAP_I", str(self._identifier)),
            ("CHAP_C", text.hexadecimal(self._challenge)),
        ]

    def _verify(self, algorithm: Algorithm, keys: Mapping[str, str]) -> list[Pair]:
        if not {"CHAP_N", "CHAP_R"} <= set(keys) or "CHAP_A" in keys:
            raise _failure("CHAP goes on with CHAP_N and CHAP_R")
        own = self._credentials
        wanted = response(algorithm, self._identifier, own.secret, self._challenge)
        proven = hmac.compare_digest(text.binary(keys["CHAP_R"]), wanted)
        named = hmac.compare_digest(keys["CHAP_N"].encode(), own.name.encode())
        if not (proven and named):
            raise _failure("the CHAP name or response is wrong")
        answer = self._prove(algorithm, keys)
        self.done = True
        return answer

    def _prove(self, algorithm: Algorithm, keys: Mapping[str, str]) -> list[Pair]:
        """Answer the initiator's challenge, when it sent one."""
        if not keys.keys() & {"CHAP_I", "CHAP_C"}:
            return []
        own = self._credentials
        if own.target_secret is None:
            raise _failure("the initiator asks for a proof that no secret is set for")
        if not {"CHAP_I", "CHAP_C"} <= set(keys):
            raise _failure("a challenge is CHAP_I and CHAP_C")
        identifier, challenge = text.number(keys["CHAP_I"]), text.binary(keys["CHAP_C"])
        if identifier > MAX_IDENTIFIER or not 0 < len(challenge) <= text.MAX_BINARY:
            raise _failure("the initiator's challenge is out of range")
        if hmac.compare_digest(challenge, self._challenge):
            raise _failure("the initiator sends our own challenge back")
        proof = response(algorithm, identifier, own.target_secret, challenge)
        return [("CHAP_N", own.target_name), ("CHAP_R", text.hexadecimal(proof))]


def _choose(offer: str) -> Algorithm:
    """The first algorithm of the initiator's list that we know."""
    known = {str(algorithm.value): algorithm for algorithm in Algorithm}
    for item in offer.split(","):
        if item in known:
            return known[item]
    raise _failure("no CHAP algorithm in common")
