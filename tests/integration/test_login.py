"""Logging in over TCP with an initiator that shares no code with the server (RFC 7143)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pyvtl.iscsi.chap import ChapCredentials
from pyvtl.iscsi.node import Node, PortalAddress, TargetName, by_name
from pyvtl.scsi.target import Target
from pyvtl.server.portal import Server
from tests.initiator import Chap, Initiator, LoginError
from tests.initiator.devices import discover
from tests.ramdisk import RamDisk

TARGET = "iqn.2026-01.example:disk"
ONE_WAY = Chap("alice", "initiator-secret")
MUTUAL = Chap("alice", "initiator-secret", "library", "target--secret--")
CREDENTIALS = ChapCredentials("alice", b"initiator-secret", "library", b"target--secret--")


@pytest.fixture
async def portal() -> AsyncIterator[PortalAddress]:
    """Where a server listens that demands CHAP of everybody."""
    node = Node(
        by_name([TargetName(TARGET)]),
        credentials=lambda _target, _initiator: CREDENTIALS,
        authentication_required=True,
    )
    server = Server(node, {TARGET: Target({0: RamDisk()})})
    yield await server.start(PortalAddress("127.0.0.1", 0))
    await server.stop(grace_seconds=0)


async def ping(portal: PortalAddress, chap: Chap | None) -> bytes:
    """Log in, and send a NOP-Out to see that the session lives."""

    def work() -> bytes:
        with Initiator(portal.host, portal.port, TARGET, chap=chap, digests=True) as session:
            return session.nop(b"are you there")

    return await asyncio.to_thread(work)


@pytest.mark.parametrize("algorithm", [5, 6, 7, 8])
@pytest.mark.parametrize("known", [ONE_WAY, MUTUAL], ids=["one-way", "mutual"])
async def test_chap_with_every_algorithm(
    portal: PortalAddress, known: Chap, algorithm: int
) -> None:
    """Section 12.1.3: MD5, SHA1, SHA-256, SHA3-256."""
    chap = Chap(
        known.name, known.secret, known.target_name, known.target_secret, algorithms=(algorithm,)
    )
    assert await ping(portal, chap) == b"are you there"


async def test_chap_in_a_discovery_session(portal: PortalAddress) -> None:
    told = await asyncio.to_thread(discover, portal.host, portal.port, chap=MUTUAL)
    assert told == [TARGET]


@pytest.mark.parametrize(
    "chap",
    [None, Chap("alice", "wrong-secret----"), Chap("mallory", "initiator-secret")],
    ids=["none", "secret", "name"],
)
async def test_who_does_not_prove_itself_is_turned_away(
    portal: PortalAddress, chap: Chap | None
) -> None:
    """Section 11.13.5: 0201h."""
    with pytest.raises(LoginError) as refused:
        await ping(portal, chap)
    assert refused.value.code == 0x0201


async def test_an_initiator_turns_away_a_target_that_does_not_know_its_secret(
    portal: PortalAddress,
) -> None:
    with pytest.raises(LoginError) as refused:
        await ping(portal, Chap("alice", "initiator-secret", "library", "another-secret--"))
    assert refused.value.code == 0
