"""The server is killed while the kernel writes: what was answered is whole, and work goes on."""

from collections.abc import Iterator

import pytest

from tests.e2e.host import Host, attached, create_tapes
from tests.e2e.machine import Guest
from tests.serving import serving

ROUNDS = 3
RECORD = "--record-size=65536"
BLOCKS_BEFORE_THE_KILL = 40


@pytest.fixture
def host(guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The guest on a library of one drive with a tape in it."""
    with serving(tmp_path_factory.mktemp("crash") / "data") as service:
        create_tapes(service, "CRASH", 1)
        with attached(guest, service) as logged_in:
            logged_in.mtx("load 1601 0")
            yield logged_in


def test_what_was_answered_survives_and_work_goes_on(host: Host) -> None:
    """kill -9 in mid-write, three times: the archives before it compare, the tape has an end."""
    guest, nst = host.guest, host.nst(0)
    guest.must(f"mt -f {nst} rewind")
    for archives in range(1, ROUNDS + 1):
        guest.must(f"tar -cf {nst} {RECORD} -C /input part", 100)
        kill_in_mid_write(host, nst)
        come_back(host, nst)
        for _ in range(archives):
            guest.must(f"tar -df {nst} {RECORD} -C /input; s=$?; mt -f {nst} fsf 1; exit $s", 100)
        start = where(host, nst)
        blocks = read_to_the_end(host, nst)
        guest.must(f"mt -f {nst} eod")
        assert where(host, nst) == start + blocks
        guest.must(f"mt -f {nst} rewind")
        guest.must(f"mt -f {nst} fsf {archives}")


def kill_in_mid_write(host: Host, nst: str) -> None:
    """Kill the server while the kernel writes without an end, and see the writer told of it."""
    written = f"/sys/class/scsi_tape/{nst.removeprefix('/dev/')}/stats/write_cnt"
    enough = int(host.guest.must(f"cat {written}")) + BLOCKS_BEFORE_THE_KILL
    host.guest.must(
        "rm -f /tmp/ended;"
        f" (dd if=/dev/urandom of={nst} bs=64k; echo $? >/tmp/ended) >/dev/null 2>&1 &"
    )
    host.guest.until(f"[ $(cat {written}) -ge {enough} ]")
    host.service.kill()
    host.service.start()
    assert host.guest.until("[ -s /tmp/ended ] && cat /tmp/ended", 60).strip() != "0"


def come_back(host: Host, nst: str) -> None:
    """The kernel's session is back by itself; the tape is at its beginning once more."""
    host.guest.until(f"mt -f {nst} rewind", 60)
    assert "BOT" in host.guest.must(f"mt -f {nst} status")


def where(host: Host, nst: str) -> int:
    """The logical object number of the position."""
    return int(host.guest.must(f"mt -f {nst} tell").split()[2].rstrip("."))


def read_to_the_end(host: Host, nst: str) -> int:
    """How many blocks come before an error or the end of data."""
    read = host.guest.run(f"dd if={nst} of=/dev/null bs=64k", 100)
    return int(read.output.partition("+")[0].splitlines()[-1])
