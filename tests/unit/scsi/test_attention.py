"""Unit attentions for each nexus, and how many nexuses are remembered."""

from pyvtl.scsi.asc import Asc
from pyvtl.scsi.attention import NEXUSES_KEPT, UnitAttentions
from pyvtl.scsi.nexus import Nexus

POWER_ON = Asc.POWER_ON_RESET_OR_BUS_DEVICE_RESET_OCCURRED
RESET = Asc.BUS_DEVICE_RESET_FUNCTION_OCCURRED
CHANGED = Asc.MODE_PARAMETERS_CHANGED


def nexus(number: int) -> Nexus:
    return Nexus(f"initiator-{number}", "target")


def test_conditions_come_in_order_and_once() -> None:
    attentions = UnitAttentions()
    for condition in (POWER_ON, CHANGED, POWER_ON):
        attentions.post(nexus(1), condition)
    assert [attentions.take(nexus(1)) for _ in range(3)] == [POWER_ON, CHANGED, None]


def test_a_reset_takes_the_place_of_what_was_pending() -> None:
    attentions = UnitAttentions()
    attentions.post(nexus(1), CHANGED)
    attentions.replace_all(RESET)
    assert [attentions.take(nexus(1)) for _ in range(2)] == [RESET, None]


def test_only_known_nexuses_are_told() -> None:
    attentions = UnitAttentions()
    attentions.begin_session(nexus(1))
    attentions.post_all(CHANGED)
    assert (attentions.take(nexus(1)), attentions.take(nexus(2))) == (CHANGED, None)


def test_those_gone_longest_are_forgotten_first() -> None:
    attentions = UnitAttentions()
    for number in range(NEXUSES_KEPT):
        attentions.begin_session(nexus(number))
    attentions.end_session(nexus(1))
    attentions.end_session(nexus(0))
    attentions.begin_session(nexus(-1))
    assert (nexus(0) in attentions, nexus(1) in attentions) == (True, False)


def test_a_nexus_in_session_is_never_forgotten() -> None:
    attentions = UnitAttentions()
    for number in range(NEXUSES_KEPT + 10):
        attentions.begin_session(nexus(number))
    assert all(nexus(number) in attentions for number in range(NEXUSES_KEPT + 10))
    for number in range(10):
        attentions.end_session(nexus(number))
    assert not any(nexus(number) in attentions for number in range(10))


def test_the_end_of_a_session_that_was_never_begun() -> None:
    attentions = UnitAttentions()
    attentions.end_session(nexus(1))
    assert nexus(1) not in attentions
