"""RFC 7143 section 12.1.3: CHAP, with vectors from hashlib's own functions."""

import base64
import hashlib
from collections.abc import Callable

import pytest

from pyvtl.iscsi.chap import Algorithm, Chap, ChapCredentials, response
from pyvtl.iscsi.codes import LoginStatus
from pyvtl.iscsi.errors import LoginError

SECRET = b"initiator-secret"
TARGET_SECRET = b"target--secret--"
ONE_WAY = ChapCredentials("alice", SECRET)
MUTUAL = ChapCredentials("alice", SECRET, "library", TARGET_SECRET)


def counted(size: int) -> bytes:
    """In place of random bytes: 2A 2B 2C ..."""
    return bytes(range(0x2A, 0x2A + size))


def exchange(credentials: ChapCredentials, offer: str = "5") -> Chap:
    """An exchange whose challenge is known."""
    chap = Chap(credentials, counted)
    chap.receive({"CHAP_A": offer})
    return chap


def proof(hashed: Callable[[bytes], "hashlib._Hash"], size: int, secret: bytes = SECRET) -> str:
    return "0x" + hashed(b"\x2a" + secret + counted(size)).hexdigest()


def refused(chap: Chap, keys: dict[str, str]) -> None:
    with pytest.raises(LoginError) as failure:
        chap.receive(keys)
    assert failure.value.status == LoginStatus.AUTHENTICATION_FAILURE
    assert not chap.done


def test_a_response_is_the_hash_of_identifier_secret_and_challenge() -> None:
    """RFC 1994 section 4.1: MD5 over 01, "secret", 00 01 02 03, computed by md5sum."""
    assert response(Algorithm.MD5, 1, b"secret", bytes(range(4))).hex() == (
        "e82cb2ed1efe04893c9cf73d4dd12e2d"
    )


@pytest.mark.parametrize(
    ("number", "hashed", "size"),
    [
        (5, hashlib.md5, 16),
        (6, hashlib.sha1, 20),
        (7, hashlib.sha256, 32),
        (8, hashlib.sha3_256, 32),
    ],
)
def test_each_algorithm_by_its_number(
    number: int, hashed: Callable[[bytes], "hashlib._Hash"], size: int
) -> None:
    """IANA PPP authentication algorithms; the challenge is as long as the hash."""
    chap = Chap(ONE_WAY, counted)
    assert chap.receive({"CHAP_A": str(number)}) == [
        ("CHAP_A", str(number)),
        ("CHAP_I", "42"),
        ("CHAP_C", "0x" + counted(size).hex()),
    ]
    assert chap.receive({"CHAP_N": "alice", "CHAP_R": proof(hashed, size)}) == []
    assert chap.done


@pytest.mark.parametrize(("offer", "chosen"), [("8,7,6,5", "8"), ("5,8", "5"), ("99,6,5", "6")])
def test_the_initiators_order_of_algorithms_is_kept(offer: str, chosen: str) -> None:
    assert Chap(ONE_WAY).receive({"CHAP_A": offer})[0] == ("CHAP_A", chosen)


@pytest.mark.parametrize("keys", [{"CHAP_A": "99"}, {"CHAP_A": ""}, {}, {"CHAP_N": "alice"}])
def test_without_a_known_algorithm_there_is_no_login(keys: dict[str, str]) -> None:
    refused(Chap(ONE_WAY), keys)


def test_a_response_in_base64_is_read() -> None:
    digest = hashlib.md5(b"\x2a" + SECRET + counted(16)).digest()
    coded = "0b" + base64.b64encode(digest).decode()
    chap = exchange(ONE_WAY)
    chap.receive({"CHAP_N": "alice", "CHAP_R": coded})
    assert chap.done


@pytest.mark.parametrize(
    "keys",
    [
        {"CHAP_N": "alice", "CHAP_R": proof(hashlib.md5, 16, b"wrong")},
        {"CHAP_N": "bob", "CHAP_R": proof(hashlib.md5, 16)},
        {"CHAP_N": "alice"},
        {"CHAP_R": proof(hashlib.md5, 16)},
        {"CHAP_N": "alice", "CHAP_R": "nonsense"},
        {"CHAP_N": "alice", "CHAP_R": proof(hashlib.md5, 16)[:-2]},
        {"CHAP_A": "5", "CHAP_N": "alice", "CHAP_R": proof(hashlib.md5, 16)},
    ],
)
def test_a_wrong_proof_is_refused(keys: dict[str, str]) -> None:
    refused(exchange(ONE_WAY), keys)


def test_an_initiator_may_ask_for_proof_in_turn() -> None:
    """Mutual CHAP: the target answers with its own name and secret."""
    chap = exchange(MUTUAL)
    keys = {"CHAP_N": "alice", "CHAP_R": proof(hashlib.md5, 16), "CHAP_I": "7", "CHAP_C": "0x0102"}
    expected = hashlib.md5(b"\x07" + TARGET_SECRET + b"\x01\x02").hexdigest()
    assert chap.receive(keys) == [("CHAP_N", "library"), ("CHAP_R", "0x" + expected)]
    assert chap.done


@pytest.mark.parametrize(
    "challenge",
    [
        {"CHAP_I": "7"},
        {"CHAP_C": "0x0102"},
        {"CHAP_I": "256", "CHAP_C": "0x0102"},
        {"CHAP_I": "7", "CHAP_C": "0x"},
        {"CHAP_I": "7", "CHAP_C": "0x" + "00" * 1025},
        {"CHAP_I": "x", "CHAP_C": "0x0102"},
    ],
)
def test_a_broken_challenge_is_refused(challenge: dict[str, str]) -> None:
    refused(exchange(MUTUAL), {"CHAP_N": "alice", "CHAP_R": proof(hashlib.md5, 16)} | challenge)


def test_our_own_challenge_sent_back_is_refused() -> None:
    """Section 12.1.4: a reflected challenge would have us compute the initiator's answer."""
    reflected = {"CHAP_I": "42", "CHAP_C": "0x" + counted(16).hex()}
    refused(exchange(MUTUAL), {"CHAP_N": "alice", "CHAP_R": proof(hashlib.md5, 16)} | reflected)


def test_proof_is_refused_when_no_secret_is_set_for_it() -> None:
    challenge = {"CHAP_I": "7", "CHAP_C": "0x0102"}
    refused(exchange(ONE_WAY), {"CHAP_N": "alice", "CHAP_R": proof(hashlib.md5, 16)} | challenge)


def test_nothing_follows_the_proof() -> None:
    chap = exchange(ONE_WAY)
    keys = {"CHAP_N": "alice", "CHAP_R": proof(hashlib.md5, 16)}
    chap.receive(keys)
    with pytest.raises(LoginError):
        chap.receive(keys)


def test_equal_secrets_both_ways_and_empty_ones_are_refused() -> None:
    """Section 12.1.4."""
    with pytest.raises(ValueError, match="equal"):
        ChapCredentials("alice", SECRET, "library", SECRET)
    with pytest.raises(ValueError, match="empty"):
        ChapCredentials("alice", b"")


def test_secrets_do_not_show() -> None:
    assert "secret" not in repr(MUTUAL).replace("target_name", "")


def test_challenges_differ_from_login_to_login() -> None:
    first, second = (Chap(ONE_WAY).receive({"CHAP_A": "7"})[2] for _ in range(2))
    assert first != second
