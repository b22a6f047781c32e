"""What a user does with the library from a Linux host, and what must come back."""

import re
from collections.abc import Iterator

import pytest

from tests.e2e.host import Host, attached, create_tapes, detach, discover, listing, portal
from tests.e2e.machine import Guest
from tests.serving import Server, serving

DRIVES, TAPES = 10, 5
EMPTY_DRIVE = 9
RECORD = "--record-size=65536"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A library as `pyvtl serve` makes it without a setting."""
    with serving(tmp_path_factory.mktemp("library") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def barcodes(service: Server) -> list[str]:
    """Five blank tapes, each far larger than this machine's disk has to be."""
    return create_tapes(service, "DEMO", TAPES)


@pytest.fixture(scope="module")
def host(guest: Guest, service: Server, barcodes: list[str]) -> Iterator[Host]:
    """The guest with all eleven devices, already waiting for a tape in the last drive.

    The kernel waits two minutes for a tape that somebody may be putting in, so row 20 starts here.
    """
    with attached(guest, service) as logged_in:
        tape = logged_in.tape(EMPTY_DRIVE)
        guest.must(f"(tar tf {tape} >/tmp/empty 2>&1; echo $? >>/tmp/empty) >/dev/null 2>&1 &")
        yield logged_in


@pytest.fixture
def drive(host: Host, barcodes: list[str]) -> Iterator[int]:
    """Drive 4 with the first tape in it, rewound; unloaded afterwards."""
    number = 4
    with loaded(host, barcodes[0], number):
        yield number


class loaded:  # noqa: N801 - reads as the word it is in a with statement
    """A tape in a drive for the time of a block, and back in its home slot after it."""

    def __init__(self, host: Host, barcode: str, drive: int) -> None:
        self.host, self.drive = host, drive
        self.slot = slot_of(host, barcode)

    def __enter__(self) -> None:
        self.host.mtx(f"load {self.slot} {self.drive}")
        self.host.guest.must(f"mt -f {self.host.nst(self.drive)} rewind")

    def __exit__(self, *exc: object) -> None:
        guest = self.host.guest
        home = re.search(
            rf"Data Transfer Element {self.drive}:Full \(Storage Element (\d+) Loaded\)",
            guest.run(f"mtx -f {self.host.changer} status").output,
        )
        if home:
            self.host.mtx(f"unload {home[1]} {self.drive}")


def slot_of(host: Host, barcode: str) -> int:
    """The slot that a tape lies in, as mtx numbers it."""
    return int(host.places()[barcode].rpartition(" ")[2])


def status_bits(output: str) -> set[str]:
    """What `mt status` says below its general status bits."""
    return set(output.splitlines()[-1].split())


def test_01_discovery_tells_a_changer_and_ten_drives(guest: Guest, service: Server) -> None:
    """iscsiadm --mode discovery: eleven targets of one gateway, on the portal that was asked."""
    lines = discover(guest, service)
    match = re.fullmatch(
        rf"{portal(service)},1 iqn\.1997-05\.com\.amazon:sgw-([0-9a-f]{{8}})-mediachanger", lines[0]
    )
    assert match
    base = f"{portal(service)},1 iqn.1997-05.com.amazon:sgw-{match[1]}"
    assert lines[1:] == [f"{base}-tapedrive-{n:02}" for n in range(1, DRIVES + 1)]


def test_02_all_targets_can_be_logged_in_to(guest: Guest, service: Server) -> None:
    """iscsiadm --mode node --login: one by one, then all; ten drives and one changer appear."""
    names = [line.split()[1] for line in discover(guest, service)]
    outputs = [
        guest.must(f"iscsiadm --mode node --targetname {name} --portal {portal(service)},1 --login")
        for name in names[:2]
    ]
    guest.must("iscsiadm --mode node --logout")
    outputs.append(guest.must("iscsiadm --mode node --login", 120))
    guest.until(f"[ $(ls -d /dev/nst*[0-9] | wc -l) = {DRIVES} ]")
    kinds = [line.split()[1] for line in guest.must("lsscsi").splitlines()]
    detach(guest)
    assert [output.count("successful.") for output in outputs] == [1, 1, 1 + DRIVES]
    assert sorted(kinds) == ["mediumx", *["tape"] * DRIVES]


def test_03_devices_have_lasting_names(host: Host) -> None:
    """ls /dev/tape/by-path /dev/tape/by-id: a path for each drive, an id for each device."""
    paths = host.guest.must("ls -l /dev/tape/by-path")
    name = f"ip-{portal(host.service)}-iscsi-{host.targets[5]}-lun-0"
    assert re.search(rf" {re.escape(name)} -> \.\./\.\./st\d\n", paths)
    assert re.search(rf" {re.escape(name)}-nst -> \.\./\.\./nst\d\n", paths)
    ids = dict(re.findall(r" (\S+) -> \.\./\.\./(\w+)", host.guest.must("ls -l /dev/tape/by-id")))
    tapes = {node for node in ids.values() if node.startswith("st")}
    assert len(tapes) == DRIVES
    assert host.changer.removeprefix("/dev/") in ids.values()


def test_04_the_changer_says_what_it_is(host: Host) -> None:
    """mtx inquiry: the words of AWS Gateway-VTL."""
    assert host.mtx("inquiry").splitlines() == [
        "Product Type: Medium Changer",
        "Vendor ID: 'AWS     '",
        "Product ID: 'Gateway-VTL     '",
        "Revision: '0100'",
        "Attached Changer API: No",
    ]


def test_05_new_tapes_lie_in_import_export_slots(host: Host, barcodes: list[str]) -> None:
    """pyvtl tape create: barcodes of the prefix and six hex digits, in slots 1601 and up."""
    assert all(re.fullmatch("DEMO[0-9A-F]{6}", barcode) for barcode in barcodes)
    listed = listing(host.service, "tape", "list")
    assert sorted(tape["slot"] for tape in listed) == [1601, 1602, 1603, 1604, 1605]
    assert {tape["size_bytes"] for tape in listed} == {100 << 30}


def test_06_the_changer_shows_every_element(host: Host, barcodes: list[str]) -> None:
    """mtx status: ten empty drives, 1,600 slots, 1,600 import/export slots with the new tapes."""
    head, *elements = [line.strip() for line in host.mtx("status").splitlines()]
    assert head == f"Storage Changer {host.changer}:10 Drives, 3200 Slots ( 1600 Import/Export )"
    assert elements[:DRIVES] == [f"Data Transfer Element {n}:Empty" for n in range(DRIVES)]
    assert elements[DRIVES : DRIVES + 1600] == [
        f"Storage Element {n}:Empty:VolumeTag=" for n in range(1, 1601)
    ]
    full = [f"Storage Element {n} IMPORT/EXPORT:Full :VolumeTag=" for n in range(1601, 1606)]
    assert sorted(elements[DRIVES + 1600 :][:TAPES]) == [
        start + barcode for start, barcode in zip(full, sorted_by_slot(host), strict=True)
    ]
    assert elements[-1] == "Storage Element 3200 IMPORT/EXPORT:Empty:VolumeTag="
    assert len(elements) == DRIVES + 3200


def sorted_by_slot(host: Host) -> list[str]:
    """Barcodes in the order of the slots that they lie in, as the server lists them."""
    tapes = listing(host.service, "tape", "list")
    return [tape["barcode"] for tape in sorted(tapes, key=lambda tape: tape["slot"])]


def test_07_a_tape_loaded_from_an_import_slot_gets_a_home(host: Host) -> None:
    """mtx load 1601 0: the drive says that its tape lives in storage element 1."""
    barcode = sorted_by_slot(host)[0]
    said = host.mtx("load 1601 0")
    status = [line.strip() for line in host.mtx("status").splitlines()]
    assert said == "Loading media from Storage Element 1601 into drive 0...done\n"
    assert status[1] == (
        f"Data Transfer Element 0:Full (Storage Element 1 Loaded):VolumeTag = {barcode}"
    )
    assert "Storage Element 1601 IMPORT/EXPORT:Empty:VolumeTag=" in status
    assert host.mtx("unload 1 0") == "Unloading drive 0 into Storage Element 1...done\n"


def test_08_tapes_move_between_slots_and_drives(host: Host) -> None:
    """mtx transfer, load, next, first, exchange, unload: done, and the status agrees."""
    first = next(code for code, place in host.places().items() if place == "Storage Element 1")
    second, third = [
        code for code, place in host.places().items() if place.startswith("Storage Element 16")
    ][:2]
    host.mtx(f"transfer {slot_of(host, second)} 2")
    host.mtx(f"transfer {slot_of(host, third)} 3")
    host.mtx("first 0")
    assert host.places()[first] == "Data Transfer Element 0"
    host.mtx("next 0")
    assert (host.places()[first], host.places()[second]) == (
        "Storage Element 1",
        "Data Transfer Element 0",
    )
    host.mtx("unload 7 0")
    host.mtx("exchange 1 3")
    moved = host.places()
    assert (moved[first], moved[second], moved[third]) == (
        "Storage Element 3",
        "Storage Element 7",
        "Storage Element 1",
    )


def test_08_a_tape_at_work_is_unloaded_first_unless_removal_is_prevented(
    host: Host, drive: int
) -> None:
    """mtx unload: MOVE MEDIUM unloads the drive; with removal prevented it ends with 05/53/02."""
    guest, nst = host.guest, host.nst(drive)
    guest.must(f"tar -cf {nst} {RECORD} -C /input part/ --exclude=*.so; mt -f {nst} lock")
    home = re.findall(r"4:Full \(Storage Element (\d+) Loaded", host.mtx("status"))[0]
    refused = guest.run(f"mtx -f {host.changer} unload {home} {drive}")
    guest.must(f"mt -f {nst} unlock")
    host.mtx(f"unload {home} {drive}")
    assert refused.status != 0
    assert "Sense Key=Illegal Request" in refused.output
    assert "Additional Sense Code = 53" in refused.output
    assert "Additional Sense Qualifier = 02" in refused.output


def test_09_tar_of_10_kib_records_is_refused_in_64_kib_blocks(host: Host, drive: int) -> None:
    """tar -cv without a record size: the kernel says that it is no multiple of the block size."""
    host.guest.must("dmesg --clear")
    refused = host.guest.run(f"tar -cv -f {host.tape(drive)} -C /input part")
    log = host.guest.must("dmesg")
    assert refused.status != 0
    assert re.search("Cannot write: Invalid argument", refused.output)
    assert "Write not multiple of tape block size." in log


def test_09_the_kernel_learns_the_block_limits(host: Host, barcodes: list[str]) -> None:
    """READ BLOCK LIMITS: [stN] Block limits 0 - 1048576 bytes, once for each drive."""
    host.guest.must("dmesg --clear")
    with loaded(host, barcodes[1], 8):
        assert "Block limits 0 - 1048576 bytes." in host.guest.must("dmesg")


def test_10_mt_shows_the_status_of_the_drive(host: Host, drive: int) -> None:
    """mt status: a SCSI 2 tape drive at the beginning of its tape."""
    assert host.guest.must(f"mt -f {host.tape(drive)} status").splitlines() == [
        "SCSI 2 tape drive:",
        "File number=0, block number=0, partition=0.",
        "Tape block size 65536 bytes. Density code 0x0 (default).",
        "Soft error count since last status=0",
        "General status bits on (41010000):",
        " BOT ONLINE IM_REP_EN",
    ]


def test_11_a_tree_comes_back_as_it_was(host: Host, drive: int) -> None:
    """tar -cv, -tv and -x with records of 64 KiB: `diff -r` finds no difference."""
    guest, tape = host.guest, host.tape(drive)
    size = int(guest.must("du -sb /input/tree").split()[0])
    written = guest.must(f"tar -cv {RECORD} -f {tape} -C /input tree | wc -l", 200)
    listed = guest.must(f"tar -tv {RECORD} -f {tape} | wc -l", 200)
    guest.must(f"mkdir -p /tmp/restored && tar -x {RECORD} -f {tape} -C /tmp/restored", 200)
    guest.must(
        "diff -r /input/tree /tmp/restored/tree; status=$?; rm -r /tmp/restored; exit $status"
    )
    assert listed == written
    assert size > 100 * 10**6


def test_12_variable_blocks_take_records_of_any_size(host: Host, drive: int) -> None:
    """mt setblk 0, then plain tar: records of 10 KiB."""
    guest, tape = host.guest, host.tape(drive)
    guest.must(f"mt -f {tape} setblk 0; tar -cf {tape} -C /input part", 100)
    guest.must(f"tar -df {tape} -C /input", 100)
    guest.must(f"mt -f {tape} setblk 65536")
    assert "Tape block size 65536 bytes" in guest.must(f"mt -f {tape} status")


class Archives:
    """Three small archives one after another, each a file of the tape."""

    def __init__(self, host: Host, nst: str) -> None:
        self.guest, self.nst = host.guest, nst
        self.mt("rewind")
        for number in range(3):
            self.guest.must(f"echo {number} >/tmp/file{number}; {self.tar('-c')} file{number}")

    def mt(self, operation: str) -> str:
        """What `mt` on the drive prints."""
        return self.guest.must(f"mt -f {self.nst} {operation}")

    def tar(self, mode: str) -> str:
        """A command that reads or writes one archive where the tape stands."""
        return f"tar {mode} -f {self.nst} {RECORD} -C /tmp"

    def read(self) -> str:
        """The names in the archive that the tape stands at."""
        return self.guest.must(self.tar("-t")).strip()

    def where(self) -> tuple[int, int]:
        """File and block number, as the kernel counts them."""
        found = re.search(r"File number=(-?\d+), block number=(-?\d+)", self.mt("status"))
        assert found
        return int(found[1]), int(found[2])

    def bits(self) -> set[str]:
        """The general status bits."""
        return status_bits(self.mt("status"))


@pytest.fixture
def archives(host: Host, drive: int) -> Archives:
    """Files 0, 1 and 2 on the tape of drive 4, which stands behind them."""
    return Archives(host, host.nst(drive))


def test_13_each_of_several_archives_reads_back(archives: Archives) -> None:
    """mt rewind, fsf, bsf, bsfm, asf: each archive is found again from either side."""
    archives.mt("rewind")
    assert archives.read() == "file0"
    archives.mt("fsf 1")
    assert archives.read() == "file1"
    archives.mt("rewind")
    archives.mt("fsf 2")
    assert (archives.where(), archives.read()) == ((2, 0), "file2")
    archives.mt("rewind")
    archives.mt("fsf 2")
    archives.mt("bsfm 2")
    assert (archives.where(), archives.read()) == ((1, 0), "file1")
    archives.mt("asf 2")
    assert archives.read() == "file2"


def test_13_blocks_and_filemarks_are_counted(archives: Archives) -> None:
    """mt fsr, bsr, bsf, eod, tell, seek: positions as the kernel and the drive count them."""
    archives.mt("rewind")
    archives.mt("fsr 1")
    assert (archives.where(), archives.mt("tell")) == ((0, 1), "At block 1.\n")
    archives.mt("bsr 1")
    assert archives.where() == (0, 0)
    archives.mt("eod")
    assert archives.where()[0] == 3
    assert {"EOD", "ONLINE"} <= archives.bits()
    assert archives.mt("tell") == "At block 6.\n"
    archives.mt("bsf 1")
    assert archives.mt("tell") == "At block 5.\n"
    archives.mt("seek 2")
    assert archives.mt("tell") == "At block 2.\n"
    assert archives.read() == "file1"


def test_13_the_end_of_data_is_told(archives: Archives) -> None:
    """Reading where nothing is written any more: no data, and then an error, never a hang."""
    archives.mt("eod")
    at_end = archives.guest.run(f"dd if={archives.nst} of=/dev/null bs=64k")
    assert "0+0 records in" in at_end.output or "Input/output error" in at_end.output
    beyond = archives.guest.run(f"mt -f {archives.nst} fsf 1")
    assert (beyond.status != 0, "Input/output error" in beyond.output) == (True, True)


def test_13_filemarks_and_erasing(archives: Archives) -> None:
    """mt weof writes filemarks, mt erase makes all that follows blank."""
    archives.mt("rewind")
    archives.mt("fsf 1")
    archives.mt("weof 2")
    archives.mt("rewind")
    archives.mt("eod")
    assert archives.mt("tell") == "At block 4.\n"
    archives.mt("rewind")
    archives.mt("erase")
    archives.mt("rewind")
    archives.mt("eod")
    assert archives.mt("tell") == "At block 0.\n"


def test_13_a_tape_taken_offline_comes_back(host: Host, archives: Archives) -> None:
    """mt offline, then load: the same tape, at its beginning."""
    archives.mt("offline")
    offline = host.guest.run(f"mt -f {archives.nst} status")
    archives.mt("load")
    archives.mt("rewind")
    assert "DR_OPEN" in offline.output
    assert archives.read() == "file0"


def test_13_settings_of_the_drive(archives: Archives) -> None:
    """mt lock, unlock, compression, densities, setdensity: accepted, as by hardware."""
    archives.mt("lock")
    archives.mt("unlock")
    archives.mt("compression 0")
    archives.mt("compression 1")
    assert "0x58   LTO-5" in archives.mt("densities")
    archives.mt("setdensity 0")


def test_14_only_the_rewinding_node_rewinds(host: Host, drive: int) -> None:
    """/dev/st4 rewinds at close, /dev/nst4 stays."""
    guest, nst, tape = host.guest, host.nst(drive), host.tape(drive)
    guest.must(f"tar -cf {nst} {RECORD} -C /tmp --files-from=/dev/null")
    stayed = guest.must(f"mt -f {nst} tell")
    guest.must(f"mt -f {nst} rewind; tar -cf {tape} {RECORD} -C /tmp --files-from=/dev/null")
    rewound = guest.must(f"mt -f {nst} tell")
    assert (stayed, rewound) == ("At block 2.\n", "At block 0.\n")


def test_18_a_protected_tape_is_read_only(host: Host, barcodes: list[str]) -> None:
    """pyvtl tape protect: tar cannot open it for writing, and what is on it stays."""
    guest, barcode = host.guest, barcodes[2]
    with loaded(host, barcode, 4):
        guest.must(f"tar -cf {host.tape(4)} {RECORD} -C /input part", 100)
    host.service.run("tape", "protect", barcode)
    with loaded(host, barcode, 4):
        refused = guest.run(f"tar -cf {host.tape(4)} {RECORD} -C /tmp .")
        erased = guest.run(f"mt -f {host.tape(4)} erase")
        status = guest.must(f"mt -f {host.tape(4)} status")
        guest.must(f"tar -df {host.tape(4)} {RECORD} -C /input", 100)
    host.service.run("tape", "unprotect", barcode)
    assert "Cannot open: Read-only file system" in refused.output
    assert erased.status != 0
    assert "WR_PROT" in status


def test_20_an_empty_drive_has_no_medium(host: Host) -> None:
    """tar tf on a drive with no tape: Cannot open: No medium found."""
    said = host.guest.until("tail -n 1 /tmp/empty | grep -x '[0-9]*' && cat /tmp/empty", 150)
    assert f"{host.tape(EMPTY_DRIVE)}: Cannot open: No medium found" in said
    assert said.splitlines()[-1] == "2"
