"""The server over TCP on loopback, with an initiator that shares no code with it."""

import asyncio
import gc
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog

from pyvtl.iscsi.node import Node, PortalAddress, TargetName
from pyvtl.iscsi.session import Limits
from pyvtl.scsi.target import Target
from pyvtl.server.portal import Server
from pyvtl.wire.layout import Structure
from tests.initiator import Initiator, Response
from tests.initiator.session import HEAD_OF_QUEUE, NO_TAG, LoginError
from tests.ramdisk import BLOCK, Fail, Hold, RamDisk, Read10, Write10
from tests.waiting import until

TARGET = "iqn.2026-01.example:disk"
T = TypeVar("T")


class Bench:
    """A server with one RAM disk, and initiators run in threads."""

    def __init__(self, server: Server, portal: PortalAddress, disk: RamDisk) -> None:
        self.server, self.portal, self.disk = server, portal, disk
        self.loop = asyncio.get_running_loop()

    def login(self, **options: Any) -> Initiator:
        """Log in; blocks, so it belongs in a thread."""
        return Initiator(self.portal.host, self.portal.port, TARGET, **options)

    def initiator(self, **options: Any) -> Initiator:
        """As `login`, past the first unit attention."""
        initiator = self.login(**options)
        initiator.command(bytes(6))  # takes the unit attention
        return initiator

    def open_gate(self) -> None:
        """Let Hold commands end; for initiators in their threads."""
        self.loop.call_soon_threadsafe(self.disk.gate.set)

    def open_gate_under(self, initiator: Initiator, function: int, tag: int = NO_TAG) -> int:
        """Let Hold commands end when the server has begun a function; the function's response."""
        asked = initiator.manage(function, tag)
        initiator.nop()
        assert initiator.unclaimed == [], "answered before what it ends has settled"
        self.open_gate()
        return initiator.managed(asked)

    def stop(self) -> None:
        """Begin to stop the server."""
        self.stopping = self.loop.create_task(self.server.stop(grace_seconds=5))

    async def run(self, steps: Callable[[Initiator], T], **options: Any) -> T:
        """Do the steps with an initiator of their own."""

        def work() -> T:
            with self.initiator(**options) as initiator:
                return steps(initiator)

        return await asyncio.to_thread(work)


async def start(limits: Limits | None = None, host: str = "127.0.0.1", **options: Any) -> Bench:
    disk = RamDisk()
    node = Node.of(TargetName(TARGET))
    server = Server(node, {TARGET: Target({0: disk})}, limits=limits or Limits(), **options)
    return Bench(server, await server.start(PortalAddress(host, 0)), disk)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = await start()
    yield bench
    bench.disk.gate.set()
    await bench.server.stop(grace_seconds=0)


PATTERN = bytes(range(256)) * 512  # 128 KiB
WRITE = Write10(blocks=256).encode()
READ = Read10(blocks=256).encode()
RESERVE = bytes([0x16, 0, 0, 0, 0, 0])
HOLD, FAIL = Hold().encode(), Fail().encode()


@pytest.mark.parametrize("digests", [False, True])
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"InitialR2T": "Yes"},
        {"ImmediateData": "No"},
        {"InitialR2T": "Yes", "ImmediateData": "No"},
        {"FirstBurstLength": "4096", "MaxBurstLength": "8192"},
        {"MaxRecvDataSegmentLength": "512", "MaxOutstandingR2T": "4", "MaxBurstLength": "2048"},
    ],
    ids=str,
)
async def test_what_is_written_is_read_back(
    bench: Bench, keys: dict[str, str], digests: bool
) -> None:
    """RFC 7143 section 4.2.5.2: data by every way that the keys leave open."""

    def steps(initiator: Initiator) -> tuple[Response, Response]:
        return initiator.command(WRITE, PATTERN), initiator.command(READ, b"", len(PATTERN))

    written, read = await bench.run(steps, keys=keys, digests=digests)
    assert (written.status, written.residual) == (0, 0)
    assert (read.status, read.residual, read.data) == (0, 0, PATTERN)


async def test_commands_in_a_row_end_in_order(bench: Bench) -> None:
    """RFC 7143 section 4.2.2.1: pipelined commands, more than fit the window at once."""

    def steps(initiator: Initiator) -> list[bytes]:
        tags = []
        for n in range(24):
            block = bytes([n]) * BLOCK
            tags.append(initiator.submit(Write10(lba=n, blocks=1).encode(), block))
        for tag in tags:
            assert initiator.wait(tag).status == 0
        return [initiator.good(Read10(lba=n, blocks=1).encode(), b"", BLOCK) for n in range(24)]

    assert await bench.run(steps) == [bytes([n]) * BLOCK for n in range(24)]


# Slow commands hold nothing up


async def test_a_ping_is_answered_while_a_command_is_slow(bench: Bench) -> None:
    """RFC 7143 section 11.18: neither a slow command nor a queue of data stops a ping."""

    def steps(initiator: Initiator) -> bytes:
        slow = initiator.submit(HOLD)
        initiator.submit(WRITE, PATTERN)
        pong = initiator.nop(b"still there")
        assert slow in initiator.outstanding
        return pong

    assert await bench.run(steps) == b"still there"


async def test_commands_of_one_unit_wait_for_their_turn(bench: Bench) -> None:
    """SAM-5 Task set: in order, one at a time; another initiator waits as well."""
    order = []

    def slow(initiator: Initiator) -> None:
        tag = initiator.submit(HOLD)
        initiator.nop()
        bench.open_gate()
        initiator.wait(tag)
        order.append("slow")

    def quick(initiator: Initiator) -> None:
        initiator.command(bytes(6))
        order.append("quick")

    first = asyncio.create_task(bench.run(slow))
    await first
    await bench.run(quick, name="iqn.2026-01.example:other")
    assert order == ["slow", "quick"]


async def test_head_of_queue_goes_before_what_waits(bench: Bench) -> None:
    """SAM-5 Task attributes: it overtakes what has not begun, and nothing else."""

    def steps(initiator: Initiator) -> list[int]:
        slow, waiting = initiator.submit(HOLD), initiator.submit(bytes(6))
        urgent = initiator.submit(bytes(6), attribute=HEAD_OF_QUEUE)
        initiator.nop()
        bench.open_gate()
        ended = []
        while initiator.outstanding:
            done = initiator._serve(initiator.receive())
            ended += [done[0]] if done else []
        assert sorted(ended) == [slow, waiting, urgent]
        return [ended.index(tag) for tag in (slow, urgent, waiting)]

    assert await bench.run(steps) == [0, 1, 2]


# Task management


ABORT_TASK, ABORT_TASK_SET, CLEAR_TASK_SET, LU_RESET, WARM_RESET, COLD_RESET = 1, 2, 4, 5, 6, 7
COMPLETE, NO_TASK, NO_LUN, NOT_SUPPORTED = 0, 1, 2, 4


async def test_a_task_that_waits_for_its_turn_is_aborted(bench: Bench) -> None:
    """SAM-5 ABORT TASK: no response, no effect."""

    def steps(initiator: Initiator) -> int:
        slow = initiator.submit(HOLD)
        write = initiator.submit(WRITE, PATTERN)
        answer = initiator.task_management(ABORT_TASK, write)
        del initiator.outstanding[write]
        bench.open_gate()
        initiator.wait(slow)
        assert initiator.unclaimed == []
        return answer

    assert await bench.run(steps) == COMPLETE
    assert bench.disk.contents[: len(PATTERN)] == bytes(len(PATTERN))


async def test_a_half_received_write_never_happens(bench: Bench) -> None:
    """SAM-5 ABORT TASK: a write that waits for data is over, and its data changes nothing."""

    def steps(initiator: Initiator) -> tuple[int, int]:
        write = initiator.submit(WRITE, PATTERN)
        initiator.expect(0x31, write)  # an R2T that is never answered
        answer = initiator.task_management(ABORT_TASK, write)
        del initiator.outstanding[write]
        return answer, initiator.command(bytes(6)).status

    keys = {"InitialR2T": "Yes", "ImmediateData": "No"}
    assert await bench.run(steps, keys=keys) == (COMPLETE, 0)
    assert bench.disk.contents[: len(PATTERN)] == bytes(len(PATTERN))


async def test_a_write_that_fails_and_is_aborted_at_once_is_not_answered(bench: Bench) -> None:
    """RFC 7143 section 11.5.1: its announced data is thrown away, and its tag is free again."""

    def steps() -> list[int]:
        with bench.login() as initiator:  # the first command ends with the unit attention
            head = bytes([1, 0x21]) + bytes(14) + (7).to_bytes(4, "big") + BLOCK.to_bytes(4, "big")
            numbers = initiator.cmd_sn.to_bytes(4, "big") + bytes(4)
            initiator.cmd_sn += 1
            initiator.next_tag = 8
            initiator.socket.sendall(head + numbers + Write10(blocks=1).encode().ljust(16, b"\0"))
            answer = initiator.task_management(ABORT_TASK, 7)
            last = bytes([5, 0x80]) + bytes(14) + (7).to_bytes(4, "big") + b"\xff" * 4 + bytes(24)
            initiator.send(last, bytes(BLOCK))
            initiator.nop()
            return [answer, *(pdu.opcode for pdu in initiator.unclaimed)]

    assert await asyncio.to_thread(steps) == [COMPLETE]


async def test_a_running_task_settles_before_its_abort_is_answered(bench: Bench) -> None:
    """SAM-5 ABORT TASK: the answer says that the task has no effect any more."""

    def steps(initiator: Initiator) -> int:
        slow = initiator.submit(HOLD)
        initiator.nop()
        answer = bench.open_gate_under(initiator, ABORT_TASK, slow)
        del initiator.outstanding[slow]
        return answer

    assert await bench.run(steps) == COMPLETE


async def test_abort_task_set_ends_the_tasks_of_one_initiator(bench: Bench) -> None:
    """SAM-5 ABORT TASK SET: those of this nexus only."""

    def steps(initiator: Initiator) -> int:
        with bench.initiator(name="iqn.2026-01.example:other") as other:
            slow = other.submit(HOLD)
            other.nop()
            theirs = other.submit(bytes(6))
            other.nop()
            mine = initiator.submit(WRITE, PATTERN)
            answer = initiator.task_management(ABORT_TASK_SET)
            del initiator.outstanding[mine]
            bench.open_gate()
            assert (other.wait(slow).status, other.wait(theirs).status) == (0, 0)
        return answer

    assert await bench.run(steps) == COMPLETE
    assert bench.disk.contents[: len(PATTERN)] == bytes(len(PATTERN))


async def test_clear_task_set_tells_the_others(bench: Bench) -> None:
    """SAM-5 CLEAR TASK SET: all tasks end; initiators that lost some get 06/2F/00."""

    def steps(initiator: Initiator) -> tuple[int, tuple[int, int]]:
        with bench.initiator(name="iqn.2026-01.example:other") as other:
            slow = initiator.submit(HOLD)
            initiator.nop()
            other.submit(bytes(6))
            other.nop()
            answer = bench.open_gate_under(initiator, CLEAR_TASK_SET)
            del initiator.outstanding[slow]
            other.outstanding.clear()
            return answer, other.command(bytes(6)).condition

    assert await bench.run(steps) == (COMPLETE, (6, 0x2F00))


@pytest.mark.parametrize("function", [LU_RESET, WARM_RESET])
async def test_a_reset_posts_a_unit_attention(bench: Bench, function: int) -> None:
    """SAM-5 Logical unit reset: tasks end, and every initiator is told."""

    def steps(initiator: Initiator) -> tuple[int, tuple[int, int]]:
        initiator.submit(bytes(6))
        answer = initiator.task_management(function)
        return answer, initiator.command(bytes(6)).condition

    answer, (key, asc) = await bench.run(steps)
    assert (answer, key, asc >> 8) == (COMPLETE, 6, 0x29)


async def test_a_cold_reset_drops_the_connections(bench: Bench) -> None:
    """RFC 7143 section 11.5.1: TARGET COLD RESET ends all sessions, after its answer."""

    def steps(initiator: Initiator) -> int:
        answer = initiator.task_management(COLD_RESET)
        with pytest.raises(ConnectionError):
            initiator.command(bytes(6))
        return answer

    assert await bench.run(steps) == COMPLETE
    assert bench.server.sessions() == []


@pytest.mark.parametrize(
    ("function", "lun", "answer"),
    [(ABORT_TASK, 0, NO_TASK), (LU_RESET, 5, NO_LUN), (8, 0, NOT_SUPPORTED), (77, 0, 255)],
)
async def test_what_cannot_be_managed(bench: Bench, function: int, lun: int, answer: int) -> None:
    """RFC 7143 section 11.6.1."""

    def steps(initiator: Initiator) -> int:
        initiator.lun = lun
        return initiator.task_management(function, 0x999)

    assert await bench.run(steps) == answer


# Sessions


async def test_a_session_is_listed_while_it_lasts(bench: Bench) -> None:
    """What `library status` shows."""

    def steps(initiator: Initiator) -> Any:
        (session,) = bench.server.sessions()
        assert initiator.logout() == 0
        return session

    session = await bench.run(steps)
    assert (session.initiator, session.target) == ("iqn.2026-01.example:initiator", TARGET)
    assert session.address.startswith("127.0.0.1:")
    await until(lambda: bench.server.sessions() == [])


async def test_a_login_under_the_same_name_takes_the_session_over(bench: Bench) -> None:
    """RFC 7143 section 6.3.5: session reinstatement ends the old connection and its tasks."""

    def steps(initiator: Initiator) -> tuple[bytes, int]:
        initiator.submit(HOLD)
        initiator.nop()
        with bench.login(isid=b"\x80\x00\x00\x00\x00\x02"), bench.login() as again:
            with pytest.raises(ConnectionError):
                initiator.nop()
            return again.nop(), len(bench.server.sessions())

    assert await bench.run(steps) == (b"ping", 2)


async def test_a_session_that_is_taken_over_keeps_no_reservation(bench: Bench) -> None:
    """RFC 7143 section 6.3.5: the old nexus is lost, and what it reserved with it (SPC-2)."""

    def steps(initiator: Initiator) -> list[int]:
        with bench.initiator(name="iqn.2026-01.example:other") as other:
            initiator.good(RESERVE)
            before = other.command(bytes(6)).status
            with bench.login():
                return [before, other.command(bytes(6)).status, len(bench.server.sessions())]

    assert await bench.run(steps) == [0x18, 0, 2]


async def test_several_initiators_at_once(bench: Bench) -> None:
    """SPC-2 RESERVE(6) keeps the others out; SAM-5: each nexus is told of a reset by itself."""

    def steps(initiator: Initiator) -> list[list[int]]:
        names = [f"iqn.2026-01.example:number-{n}" for n in range(4)]
        with ExitStack() as stack:
            others = [stack.enter_context(bench.initiator(name=name)) for name in names]
            initiator.good(RESERVE)
            conflicts = [other.command(bytes(6)).status for other in others]
            initiator.task_management(LU_RESET)
            told = [other.command(bytes(6)).condition[1] for other in others]
            after = [other.command(bytes(6)).status for other in others]
        return [conflicts, told, after]

    assert await bench.run(steps) == [[0x18] * 4, [0x2903] * 4, [0] * 4]


@pytest.mark.parametrize(("of_another", "code"), [(False, 0x0206), (True, 0x020A)])
async def test_a_session_has_one_connection(bench: Bench, of_another: bool, code: int) -> None:
    """RFC 7143 section 11.13.5: a TSIH asks to join a session, its own or one that is not."""

    def steps(initiator: Initiator) -> int:
        name = "iqn.2026-01.example:other" if of_another else initiator.name
        with pytest.raises(LoginError) as refused:
            bench.login(name=name, tsih=initiator.tsih)
        return refused.value.code

    assert await bench.run(steps) == code


async def test_a_slow_reader_gets_it_all(bench: Bench) -> None:
    """What the initiator does not take yet waits, and goes on when it does."""
    bench.disk.contents[:] = PATTERN * (len(bench.disk.contents) // len(PATTERN))
    length = 4000 * BLOCK

    def steps(initiator: Initiator) -> bool:
        tags = [initiator.submit(Read10(blocks=4000).encode(), b"", length) for _ in range(8)]
        with bench.initiator(name="iqn.2026-01.example:other") as other:
            other.nop()
        return all(initiator.wait(tag).data == bench.disk.contents[:length] for tag in tags)

    assert await bench.run(steps)


async def test_a_lost_connection_ends_its_tasks(bench: Bench) -> None:
    """SAM-5 I_T nexus loss: what waits vanishes, and the unit goes on for others."""

    def steps(initiator: Initiator) -> None:
        initiator.submit(HOLD)
        initiator.submit(WRITE, PATTERN)
        initiator.nop()

    await bench.run(steps)
    bench.disk.gate.set()
    status = await bench.run(lambda initiator: initiator.command(bytes(6)).status)
    assert status == 0
    assert bench.disk.contents[: len(PATTERN)] == bytes(len(PATTERN))


async def test_what_a_broken_session_reserved_is_free_again(bench: Bench) -> None:
    """RESERVE(6) and a broken PDU in one segment: the reservation ends with the session."""

    def steps(initiator: Initiator) -> int:
        command = bytes([1, 0x80, 0, 0]) + bytes(12) + bytes([0, 0, 0, 9]) + bytes(4)
        reserve = (
            command + initiator.cmd_sn.to_bytes(4, "big") + bytes(4) + RESERVE.ljust(16, b"\0")
        )
        initiator.socket.sendall(reserve + bytes([0, 0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF]) + bytes(40))
        assert initiator.socket.recv(1) in (b"", b"\x21")
        with bench.initiator(name="iqn.2026-01.example:other") as other:
            return other.command(bytes(6)).status

    assert await bench.run(steps) == 0
    assert bench.disk.reserved_by is None


async def test_a_fault_of_ours_ends_in_sense_data(bench: Bench) -> None:
    """04/44/00 INTERNAL TARGET FAILURE; the session goes on."""

    def steps(initiator: Initiator) -> tuple[tuple[int, int], int]:
        return initiator.command(FAIL).condition, initiator.command(bytes(6)).status

    assert await bench.run(steps) == ((4, 0x4400), 0)


async def test_a_lun_that_is_not_there_is_answered(bench: Bench) -> None:
    """SPC-5 Incorrect logical unit selection: 05/25/00, even while LUN 0 is busy."""

    def steps(initiator: Initiator) -> tuple[int, int]:
        initiator.submit(HOLD)
        initiator.lun = 5
        return initiator.command(bytes(6)).condition

    assert await bench.run(steps) == (5, 0x2500)


async def test_the_server_asks_initiators_to_leave() -> None:
    """RFC 7143 section 11.9.1: asynchronous message, time to log out, then the end."""
    bench = await start()

    def steps(initiator: Initiator) -> int:
        bench.loop.call_soon_threadsafe(bench.stop)
        while not initiator.unclaimed:
            initiator._serve(initiator.receive())
        (message,) = initiator.unclaimed
        assert (message.opcode, message.bhs[36]) == (0x32, 1)
        return initiator.logout()

    assert await bench.run(steps) == 0
    await bench.stopping
    assert bench.server.sessions() == []


async def test_ipv6() -> None:
    """A portal of the other family, told in brackets."""
    bench = await start(host="::1")

    def steps() -> dict[str, list[str]]:
        with Initiator("::1", bench.portal.port) as discovery:
            return discovery.text({"SendTargets": "All"})

    told = await asyncio.to_thread(steps)
    assert told["TargetAddress"] == [f"[::1]:{bench.portal.port},1"]
    await bench.server.stop(grace_seconds=0)


async def test_several_portals_are_one_target(bench: Bench) -> None:
    """RFC 7143 section 4.4.1: sessions by either portal; each tells of itself."""
    second = await bench.server.start(PortalAddress("::1", 0))

    def steps(initiator: Initiator) -> list[Any]:
        initiator.good(Write10(blocks=1).encode(), PATTERN[:BLOCK])
        name = "iqn.2026-01.example:other"
        with Initiator(second.host, second.port, TARGET, name=name) as other:
            data = other.good(Read10(blocks=1).encode(), b"", BLOCK)
        with Initiator(second.host, second.port) as discovery:
            told = discovery.text({"SendTargets": "All"})["TargetAddress"]
        return [data == PATTERN[:BLOCK], told]

    assert await bench.run(steps) == [True, [f"[::1]:{second.port},1"]]


# Limits


def closed_by_peer(portal: PortalAddress) -> bytes:
    """Connect, say nothing, and read to the end."""
    with socket.create_connection((portal.host, portal.port), 10) as silent:
        return silent.recv(1)


async def test_too_many_connections_are_refused() -> None:
    """One more than the limit is closed at once."""
    bench = await start(max_connections=1)
    assert await bench.run(lambda _: closed_by_peer(bench.portal)) == b""
    await bench.server.stop(grace_seconds=0)


async def test_a_connection_that_does_not_log_in_is_closed() -> None:
    """The time before the login is limited."""
    bench = await start(Limits(login_seconds=0.05))
    assert await asyncio.to_thread(closed_by_peer, bench.portal) == b""
    await bench.server.stop(grace_seconds=0)


async def test_data_that_does_not_come_holds_nobody_up_for_long() -> None:
    """Others wait behind a write whose R2T is not answered, so that waiting is limited."""
    bench = await start(Limits(data_seconds=0.05))

    def steps(initiator: Initiator) -> int:
        write = initiator.submit(WRITE, PATTERN)
        initiator.expect(0x31, write)
        with bench.initiator(name="iqn.2026-01.example:other") as other:
            status = other.command(bytes(6)).status
        with pytest.raises(ConnectionError):
            initiator.receive()
        return status

    keys = {"InitialR2T": "Yes", "ImmediateData": "No"}
    assert await bench.run(steps, keys=keys) == 0
    assert bench.disk.contents[: len(PATTERN)] == bytes(len(PATTERN))
    await bench.server.stop(grace_seconds=0)


async def test_a_silent_initiator_is_dropped() -> None:
    """RFC 7143 section 11.19: a ping first, then the end."""
    bench = await start(Limits(ping_after_seconds=0.05, ping_answer_seconds=0.05))

    def steps() -> int:
        with bench.login() as initiator:  # It sends nothing more: that might come too late.
            ping = initiator.receive()
            with pytest.raises(ConnectionError):
                initiator.receive()
        return ping.opcode

    assert await asyncio.to_thread(steps) == 0x20
    await bench.server.stop(grace_seconds=0)


async def test_an_initiator_that_takes_nothing_is_dropped() -> None:
    """What waits to be sent is limited; others are not held up meanwhile."""
    bench = await start(Limits(outgoing_bytes=1 << 20))

    def steps(initiator: Initiator) -> None:
        with pytest.raises((ConnectionError, TimeoutError)):  # noqa: PT012 - any send may fail
            while True:
                for _ in range(16):
                    initiator.submit(Read10(blocks=4000).encode(), b"", 4000 * BLOCK)
                with bench.initiator(name="iqn.2026-01.example:other") as other:
                    assert other.nop() == b"ping"
                initiator.receive()

    await bench.run(steps, timeout=5)
    await bench.server.stop(grace_seconds=0)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def any_pdu(draw: random.Random) -> bytes:
    """A header of some operation code, with numbers that mostly mean something, and data."""
    length = draw.choice([0, 0, 4, 48, 512])
    numbers = [draw.choice([0, 1, 2, 3, 0xFFFF_FFFF, draw.getrandbits(32)]) for _ in range(8)]
    head = bytes([draw.choice([0, 1, 2, 3, 4, 5, 6, 0x10, 0x1F]) | draw.choice([0, 0x40])])
    head += draw.randbytes(3) + bytes([0]) + length.to_bytes(3, "big") + bytes(8)
    return head + b"".join(n.to_bytes(4, "big") for n in numbers) + draw.randbytes(length)


def things_of_ours() -> Counter[str]:
    """Living objects of the project's own classes, by class; values that are cached aside."""
    gc.collect()
    things = [t for t in gc.get_objects() if str(type(t).__module__).startswith("pyvtl.")]
    return Counter(type(t).__qualname__ for t in things if not isinstance(t, Structure | Enum))


async def test_a_thousand_connections_leave_nothing_behind(bench: Bench) -> None:
    """Cut logins, half a write, PDUs at random: no task, file descriptor or object stays."""
    draw = random.Random(1)

    def garbage(n: int) -> None:
        with socket.create_connection((bench.portal.host, bench.portal.port)) as raw:
            raw.sendall(bytes(n % 97) if n % 2 else any_pdu(draw))

    def nonsense() -> None:
        with suppress(ConnectionError), bench.initiator() as initiator:
            for _ in range(8):
                initiator.socket.sendall(any_pdu(draw))

    def half_a_write() -> None:
        with bench.initiator() as initiator:
            initiator.submit(WRITE, PATTERN)

    def cycle(times: int) -> None:
        for n in range(times):
            match n % 4:
                case 0:
                    half_a_write()
                case 1:
                    nonsense()
                case _:
                    garbage(n)
        with bench.initiator() as last:  # all that came before it has been accepted
            last.nop()

    async def settled() -> tuple[int, int, Counter[str]]:
        await until(lambda: not bench.server._service.carriers)
        return open_files(), len(asyncio.all_tasks()), things_of_ours()

    with structlog.testing.capture_logs() as logs:
        await asyncio.to_thread(cycle, 20)
        before = await settled()
        await asyncio.to_thread(cycle, 1000)
        assert await settled() == before
    assert [e for e in logs if e["event"] in ("connection.failed", "task.failed")] == []
