"""Writes the tables in docs/conformance.md: `python -m tests.conformance`.

The table of commands is made from the command tables of the devices, and those of the suites
from what the end-to-end tests run, so that they say what is so; a test fails while the page says
something else.
"""

from collections.abc import Sequence
from pathlib import Path

from pyvtl.device.changer.changer import MediumChanger
from pyvtl.device.drive.drive import TapeDrive
from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.command import Command, Ignores, Needs
from tests.drawn_tables import redrawn
from tests.e2e.libiscsi import LEFT_OUT, LEFT_OUT_HERE, SUITES

PAGE = Path(__file__).parents[1] / "docs" / "conformance.md"
DEVICES = {"drive": TapeDrive.COMMANDS, "changer": MediumChanger.COMMANDS}
HEADINGS = ("Code", "Command", "Document", "Device", "Fields looked at", "Conditions")


def table() -> str:
    """The commands in order of their codes, as a table in Markdown."""
    devices: dict[Command, list[str]] = {}
    for device, commands in DEVICES.items():
        for row in commands:
            devices.setdefault(row, []).append(device)
    return _markdown(HEADINGS, [_line(row, devices[row]) for row in sorted(devices, key=_order)])


def suites() -> str:
    """Which suites of `iscsi-test-cu` run on what, with what outcome."""
    lines = [(s.name, s.device, str(s.passed), str(s.skipped or ""), s.skips) for s in SUITES]
    return _markdown(("Suite", "Device", "Passed", "Skipped", "Why"), lines)


def left_out() -> str:
    """Which suites do not run, on one device or on any."""
    lines = [(name, device, why) for (device, name), why in LEFT_OUT_HERE.items()]
    lines += [(name, "all", why) for name, why in LEFT_OUT.items()]
    return _markdown(("Suite", "Device", "Why"), lines)


def _markdown(headings: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    rows = [headings, tuple("---" for _ in headings), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _order(row: Command) -> tuple[int, int, str]:
    return row.cdb.OPCODE, row.cdb.SERVICE_ACTION or 0, row.cdb.__name__


def _line(row: Command, devices: list[str]) -> tuple[str, ...]:
    document, _, name = _title(row.cdb).partition(" ")
    return (
        _code(row.cdb),
        name,
        document,
        ", ".join(devices),
        ", ".join(slot.name.replace("_", " ") for slot in row.cdb.SLOTS) or "none",
        ", ".join(_conditions(row)) or "none",
    )


def _code(cdb: type[Cdb]) -> str:
    action = "" if cdb.SERVICE_ACTION is None else f"/{cdb.SERVICE_ACTION:02X}h"
    return f"{cdb.OPCODE:02X}h{action}"


def _title(cdb: type[Cdb]) -> str:
    """Document and command: what the docstring starts with, up to the first stop."""
    text = " ".join((cdb.__doc__ or "").split())
    return min((text.partition(stop)[0] for stop in (".", ";", ":", ",")), key=len)


def _conditions(row: Command) -> list[str]:
    """What must hold first, and what does not stand in the way."""
    words = {
        "needs a medium": Needs.MEDIUM in row.needs,
        "that can be written": Needs.WRITABLE in row.needs,
        "passes unit attentions": Ignores.UNIT_ATTENTION in row.ignores,
        "passes reservations": Ignores.RESERVATION in row.ignores,
    }
    return [word for word, holds in words.items() if holds]


def page_with_table(page: str) -> str:
    """The page with the tables between their marks made anew."""
    return redrawn(page, {"commands": table(), "suites": suites(), "left out": left_out()})


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text()))
