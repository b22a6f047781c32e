"""A userland initiator for tests: blocking sockets, `struct`, and nothing of pyvtl.

It shares no code with what it tests, so that one mistake cannot hide in both.
"""

from tests.initiator.chap import Chap
from tests.initiator.devices import Changer, Tape, load_tapes
from tests.initiator.session import CheckConditionError, Initiator, LoginError, Response

__all__ = [
    "Changer",
    "Chap",
    "CheckConditionError",
    "Initiator",
    "LoginError",
    "Response",
    "Tape",
    "load_tapes",
]
