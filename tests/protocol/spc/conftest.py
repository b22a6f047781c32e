"""A plain logical unit, known to two initiators."""

import pytest

from pyvtl.scsi.identity import Identity
from pyvtl.scsi.mode_page import Control, DisconnectReconnect, InformationalExceptions
from tests.protocol.spc.plain_unit import PlainUnit
from tests.scsi_client import ALICE, BOB, introduce


@pytest.fixture
def unit() -> PlainUnit:
    """Neither initiator has anything left to be told."""
    identity = Identity("ACME", "Plain", "0001", "SN00000001", bytes.fromhex("3123456789abcdef"))
    unit = PlainUnit(identity, (InformationalExceptions(), Control(), DisconnectReconnect()))
    introduce(unit, ALICE, BOB)
    return unit
