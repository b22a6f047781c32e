"""A conformance program that others wrote runs against the whole of our iSCSI and SCSI layers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.memory import MemoryPool
from pyvtl.device.profile import ult3580_td5
from pyvtl.iscsi.node import Node, PortalAddress, TargetName
from pyvtl.media.inventory import Place
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.target import Target
from pyvtl.server.portal import Server
from tests.e2e.libiscsi import LEFT_OUT, LEFT_OUT_HERE, SUITES, Suite, all_suites, build_shim, run
from tests.protocol.smc.library import Library
from tests.ramdisk import RamDisk

BASE = "iqn.2026-01.example:"


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lets the program start on what is no disk."""
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Where a server listens that has a drive with a tape, a changer and a disk."""
    drive = TapeDrive(
        ult3580_td5.identity("AB12CD34EF", bytes.fromhex("3001122334455667")),
        ult3580_td5.settings(),
        MemoryPool(),
    )
    await drive.load(lambda: MemoryMedium(capacity_bytes=1 << 30), "MEM001L5")
    changer = Library({"A": Place(200), "B": Place(201)}).changer
    units = {"drive": drive, "changer": changer, "disk": RamDisk(blocks=131072)}
    server = Server(
        Node.of(*(TargetName(BASE + name) for name in units)),
        {BASE + name: Target({0: unit}) for name, unit in units.items()},
    )
    portal = await server.start(PortalAddress("127.0.0.1", 0))
    yield f"iscsi://{portal}/{BASE}"
    await server.stop()
    await drive.close()


@pytest.mark.parametrize("suite", SUITES, ids=str)
async def test_suite(suite: Suite, url: str, shim: Path) -> None:
    """Every test of the suite passes, or skips for the reason in the table."""
    preload = None if suite.device == "disk" else shim
    counts, output = await run(suite.name, f"{url}{suite.device}/0", preload)
    print(output)
    expected = {"passed": suite.passed, "skipped": suite.skipped}
    assert dict(counts) == {verdict: count for verdict, count in expected.items() if count}


def test_every_suite_of_the_program_is_run_or_left_out_with_a_reason() -> None:
    run_somewhere = {suite.name for suite in SUITES}
    assert run_somewhere | LEFT_OUT.keys() == all_suites()
    assert not run_somewhere & LEFT_OUT.keys()
    assert not LEFT_OUT_HERE.keys() & {(suite.device, suite.name) for suite in SUITES}


def test_every_skip_has_its_reason() -> None:
    assert not [suite for suite in SUITES if bool(suite.skipped) != bool(suite.skips)]
