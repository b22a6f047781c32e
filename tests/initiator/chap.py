"""CHAP from the initiator's side (RFC 7143 section 12.1.3)."""

import hashlib
import os
from dataclasses import dataclass

ALGORITHMS = {5: "md5", 6: "sha1", 7: "sha256", 8: "sha3_256"}


@dataclass(frozen=True, slots=True)
class Chap:
    """What the initiator knows: its name and secret, and the target's when it asks for proof."""

    name: str
    secret: str
    target_name: str | None = None
    target_secret: str | None = None
    algorithms: tuple[int, ...] = (8, 7, 6, 5)

    def offer(self) -> dict[str, str]:
        """The first step: which algorithms we know, ours first."""
        return {"CHAP_A": ",".join(map(str, self.algorithms))}

    def answer(self, challenge: dict[str, str]) -> tuple[dict[str, str], "Proof | None"]:
        """The second step, and what the target must prove when the check is mutual."""
        algorithm = int(challenge["CHAP_A"])
        given = binary(challenge["CHAP_C"])
        reply = digest(algorithm, int(challenge["CHAP_I"]), self.secret, given)
        keys = {"CHAP_N": self.name, "CHAP_R": "0x" + reply.hex()}
        if self.target_secret is None:
            return keys, None
        identifier, ours = os.urandom(1)[0], os.urandom(16)
        keys |= {"CHAP_I": str(identifier), "CHAP_C": "0x" + ours.hex()}
        wanted = digest(algorithm, identifier, self.target_secret, ours)
        return keys, Proof(self.target_name, wanted)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a target that knows the secret answers."""

    name: str | None
    response: bytes

    def holds(self, keys: dict[str, str]) -> bool:
        """Whether the target's last step is right."""
        return (
            "CHAP_R" in keys
            and binary(keys["CHAP_R"]) == self.response
            and self.name in (None, keys.get("CHAP_N"))
        )


def digest(algorithm: int, identifier: int, secret: str, challenge: bytes) -> bytes:
    """RFC 1994: the hash of identifier, secret and challenge."""
    text = bytes([identifier]) + secret.encode() + challenge
    return hashlib.new(ALGORITHMS[algorithm], text).digest()


def binary(value: str) -> bytes:
    """A hexadecimal large binary value."""
    assert value[:2].lower() == "0x"
    return bytes.fromhex(value[2:])
