"""An archive larger than a tape: early warning ends the first volume, tar goes on with the next."""

from collections.abc import Iterator

import pytest

from tests.e2e.host import Host, attached, create_tapes
from tests.e2e.machine import Guest
from tests.serving import serving

# Early warning comes 64 MiB before the end, and in a tape as small as this one in the middle.
SIZE = "16MiB"
MULTI_VOLUME = "tar --multi-volume --record-size=65536"


@pytest.fixture
def host(guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The guest on a library with three small tapes in storage elements 1 to 3."""
    with serving(tmp_path_factory.mktemp("full") / "data") as service:
        create_tapes(service, "SMALL", 3, SIZE)
        with attached(guest, service) as logged_in:
            for number in (1, 2, 3):
                logged_in.mtx(f"transfer {1600 + number} {number}")
            yield logged_in


def test_tar_goes_on_with_the_next_tape_and_restores_from_both(host: Host) -> None:
    """tar -M: the kernel tells of early warning, `diff -r` finds all that lies on two tapes."""
    guest, tape = host.guest, host.tape(0)
    next_volume = (
        "#!/bin/sh\n"
        f"mtx -f {host.changer} unload $((TAR_VOLUME - 1)) 0 &&"
        f" mtx -f {host.changer} load $TAR_VOLUME 0\n"
    )
    guest.must(
        f"cat >/tmp/next <<'END'\n{next_volume}END\nchmod +x /tmp/next; mkdir -p /tmp/restored"
    )
    tar = f"{MULTI_VOLUME} --new-volume-script=/tmp/next -f {tape}"
    host.mtx("load 1 0")
    guest.must(f"{tar} -c -C /input part", 200)
    host.mtx("unload 2 0")
    host.mtx("load 1 0")
    guest.must(f"{tar} -x -C /tmp/restored", 200)
    guest.must("diff -r /input/part /tmp/restored/part; s=$?; rm -r /tmp/restored; exit $s")
    host.mtx("unload 2 0")


def test_a_tape_takes_no_more_than_its_capacity(host: Host) -> None:
    """dd to the end: the kernel says that no space is left, and what was written reads back."""
    guest, nst = host.guest, host.nst(0)
    host.mtx("load 3 0")
    guest.must(f"mt -f {nst} rewind")
    full = guest.run(f"dd if=/dev/zero of={nst} bs=64k", 200)
    again = guest.run(f"for i in 1 2 3; do dd if=/dev/zero of={nst} bs=64k; done", 200)
    guest.must(f"mt -f {nst} rewind")
    read = guest.must(f"dd if={nst} of=/dev/null bs=64k 2>&1", 200)
    assert "No space left on device" in full.output
    assert "No space left on device" in again.output
    assert int(read.partition("+")[0]) <= (16 << 20) // 65536
    host.mtx("unload 3 0")
