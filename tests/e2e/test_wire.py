"""What a dissector of others and the tools of sg3-utils think of our bytes."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.host import Host, attached, create_tapes
from tests.e2e.machine import Guest
from tests.serving import Server, serving

# Faults of the dissector itself that a correct session runs into: how the frame looks (what it is,
# and how many bytes of data it has), and why that is no fault of ours.
DISSECTOR_FAULTS = {
    r"(Inquiry|Log Sense) Response Data.*\t4$": "only four bytes were asked for",
    r"Inquiry Response Data.*\t6$": "VPD page B0h of a tape drive is read as that of a disk",
    r"Log Sense Response Data.*\t(6|11)$": "supported log pages: a list, read as log parameters",
}

PAGES = {
    "sg_inq {device}": "INQUIRY, standard data",
    "sg_vpd -a {device}": "INQUIRY, every vital product data page",
    "sg_modes -a {device}": "MODE SENSE(10), every page",
    "sg_modes -6 -a {device}": "MODE SENSE(6), every page",
    "sg_logs -a {device}": "LOG SENSE, every page",
    "sg_opcodes {device}": "REPORT SUPPORTED OPERATION CODES",
    "sg_luns {device}": "REPORT LUNS",
    "sg_turs {device}": "TEST UNIT READY",
    "sg_requests {device}": "REQUEST SENSE",
}
COMPLAINTS = re.compile(r"(?i)malformed|too short|unexpected|illegal request|bad |wrong|exceeds")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A library with one tape."""
    with serving(tmp_path_factory.mktemp("wire") / "data") as running:
        create_tapes(running, "WIRE", 1)
        yield running


@pytest.fixture(scope="module")
def capture(guest: Guest, service: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frames of a short session: login, load, write, read, all pages, logout."""
    file = tmp_path_factory.mktemp("capture") / "session.pcap"
    with guest.captured(file), attached(guest, service) as host:
        host.mtx("status")
        host.mtx("load 1601 0")
        host.guest.must(f"tar -cf {host.tape(0)} --record-size=65536 /etc")
        host.guest.must(f"tar -tf {host.tape(0)} --record-size=65536")
        host.guest.must(f"dd if=/dev/zero of={host.nst(0)} bs=512k count=4")
        host.guest.must(f"mt -f {host.nst(0)} eod; mt -f {host.nst(0)} tell")
        for device in (host.sg(0), host.changer):
            host.guest.run(f"sg_vpd -a {device}; sg_modes -a {device}; sg_logs -a {device}")
        host.mtx("unload 1 0")
    return file


def tshark(capture: Path, service: Server, *options: str) -> str:
    """What tshark prints about a capture."""
    command = ["tshark", "-r", str(capture), "-d", f"tcp.port=={service.port},iscsi", *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def test_a_dissector_finds_nothing_malformed(capture: Path, service: Server) -> None:
    """tshark: no PDU and no CDB is malformed, and it does see iSCSI and SCSI."""
    fields = ["-T", "fields", "-e", "_ws.col.Info", "-e", "iscsi.datasegmentlength"]
    wanted = "_ws.malformed || _ws.expert.severity == error"
    complaints = [
        line
        for line in tshark(capture, service, "-Y", wanted, *fields).splitlines()
        if not any(re.search(fault, line) for fault in DISSECTOR_FAULTS)
    ]
    seen = {opcode: tshark(capture, service, "-Y", f"iscsi.opcode == {opcode}") for opcode in SEEN}
    assert complaints == []
    assert [opcode for opcode, frames in seen.items() if not frames] == []


SEEN = (0x01, 0x03, 0x05, 0x06, 0x21, 0x23, 0x25, 0x26)
"""Opcodes of a session with writes and reads: command, login, Data-Out, logout, their answers."""


@pytest.fixture(scope="module")
def host(guest: Guest, service: Server, capture: Path) -> Iterator[Host]:
    """The guest on that library, with the tape in drive 0."""
    with attached(guest, service) as logged_in:
        logged_in.mtx("load 1 0")
        guest.must(f"mt -f {logged_in.nst(0)} rewind")
        yield logged_in


@pytest.mark.parametrize("command", PAGES, ids=PAGES.values())
@pytest.mark.parametrize("kind", ["drive", "changer"])
def test_tools_of_others_take_our_pages(host: Host, kind: str, command: str) -> None:
    """sg3-utils: every page is fetched and decoded without a complaint."""
    device = host.sg(0) if kind == "drive" else host.changer
    outcome = host.guest.run(command.format(device=device))
    assert (outcome.status, COMPLAINTS.findall(outcome.output)) == (0, [])


def test_tapeinfo_knows_the_drive(host: Host) -> None:
    """tapeinfo of mtx: identity, serial, block limits and where the tape stands."""
    lines = host.guest.must(f"tapeinfo -f {host.sg(0)}").splitlines()
    assert "Product Type: Tape Drive" in lines
    assert "Vendor ID: 'IBM     '" in lines
    assert "Product ID: 'ULT3580-TD5     '" in lines
    assert "MinBlock: 0" in lines
    assert "MaxBlock: 1048576" in lines
    assert "Ready: yes" in lines
    assert "BOP: yes" in lines


def test_loaderinfo_knows_the_changer(host: Host) -> None:
    """loaderinfo of mtx: the numbers of elements, bar codes and all."""
    lines = host.guest.must(f"loaderinfo -f {host.changer}").splitlines()
    assert "Number of Medium Transport Elements: 1" in lines
    assert "Number of Storage Elements: 1600" in lines
    assert "Number of Import/Export Elements: 1600" in lines
    assert "Number of Data Transfer Elements: 10" in lines
