"""What the README tells a new user to type works as it stands there."""

import re
from pathlib import Path

from tests.e2e.host import detach, portal
from tests.e2e.machine import Guest
from tests.serving import serving

README = (Path(__file__).parents[2] / "README.md").read_text()

LINKS = """until [ -e /dev/tape/by-path/*-tapedrive-01-lun-0-nst ] &&
    [ -e /dev/tape/by-path/*-changer ]; do sleep 0.2; done"""
"""What a user's slow fingers do: wait until udev has seen the devices."""


def commands_of(heading: str) -> str:
    """The first block of shell commands under a heading."""
    found = re.search(rf"## {heading}\n.*?```sh\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_sixty_seconds_from_discovery_to_a_backup(guest: Guest, tmp_path: Path) -> None:
    """Five tapes are seen, one is loaded, written, read back, and the drive tells its state."""
    with serving(tmp_path / "data", "--tapes", "5") as service:
        commands = commands_of("Sixty seconds").replace("127.0.0.1", portal(service))
        commands = commands.replace("changer=", f"{LINKS}\nchanger=", 1)
        try:
            output = guest.must(f"set -e\n{commands}", 120)
        finally:
            detach(guest)
    assert output.count("IMPORT/EXPORT:Full :VolumeTag=TAPE") == 5
    assert "etc/passwd\n" in output
    assert "SCSI 2 tape drive:" in output
