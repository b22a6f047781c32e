"""The life of a tape: its states, and the one table of what leads from each to which.

Names of states are AWS Storage Gateway's.  Every change is made durable by the `Ledger` before it
counts, and a state that a gateway works on is itself the job that is resumed after a crash.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Final

from pyvtl.gateway.errors import TapeRetrievedError, WrongStatusError


class Status(StrEnum):
    """TapeStatus and TapeArchiveStatus of AWS Storage Gateway."""

    CREATING = "CREATING"
    AVAILABLE = "AVAILABLE"
    IN_TRANSIT = "IN TRANSIT TO VTS"
    ARCHIVING = "ARCHIVING"
    ARCHIVED = "ARCHIVED"
    RETRIEVING = "RETRIEVING"
    RETRIEVED = "RETRIEVED"
    RECOVERED = "RECOVERED"
    IRRECOVERABLE = "IRRECOVERABLE"
    DELETING = "DELETING"
    DELETED = "DELETED"


class Happening(Enum):
    """What changes the state of a tape."""

    CREATED = "it lies in an import/export slot"
    CREATION_FAILED = "it could not be made"
    EXPORTED = "the host moved it to an import/export slot"
    ARCHIVAL_CANCELLED = "its archival was cancelled"
    UPLOADED = "the object store has all of it"
    ARCHIVED = "the archive has all of it"
    RETRIEVAL_STARTED = "it was asked for"
    RETRIEVAL_CANCELLED = "its retrieval was cancelled"
    ARRIVED = "it lies here again"
    RECOVERED = "it came from a recovery point of a lost gateway"
    LOST = "what is left of it cannot be used"
    DELETION_STARTED = "it is to be deleted"
    DELETED = "nothing is left of it"


S, H = Status, Happening
TRANSITIONS: Final[Mapping[tuple[Status, Happening], Status]] = {
    (S.CREATING, H.CREATED): S.AVAILABLE,
    (S.CREATING, H.CREATION_FAILED): S.DELETED,
    (S.AVAILABLE, H.EXPORTED): S.IN_TRANSIT,
    (S.AVAILABLE, H.DELETION_STARTED): S.DELETING,
    (S.AVAILABLE, H.LOST): S.IRRECOVERABLE,
    (S.IN_TRANSIT, H.ARCHIVAL_CANCELLED): S.AVAILABLE,
    (S.IN_TRANSIT, H.UPLOADED): S.ARCHIVING,
    (S.ARCHIVING, H.ARCHIVED): S.ARCHIVED,
    (S.ARCHIVED, H.RETRIEVAL_STARTED): S.RETRIEVING,
    (S.RETRIEVING, H.RETRIEVAL_CANCELLED): S.ARCHIVED,
    (S.RETRIEVING, H.ARRIVED): S.RETRIEVED,
    (S.RETRIEVING, H.RECOVERED): S.RECOVERED,
    (S.RETRIEVED, H.EXPORTED): S.ARCHIVING,
    (S.RECOVERED, H.EXPORTED): S.ARCHIVING,
    (S.RECOVERED, H.DELETION_STARTED): S.DELETING,
    (S.IRRECOVERABLE, H.DELETION_STARTED): S.DELETING,
    (S.DELETING, H.DELETION_STARTED): S.DELETING,
    (S.DELETING, H.DELETED): S.DELETED,
}
"""A tape that was retrieved or recovered is in the store already: it is archived at once.  A
deletion that failed, of a disk that gave an error, may be asked for again."""

IN_LIBRARY: Final = frozenset({S.AVAILABLE, S.RETRIEVED, S.RECOVERED, S.IRRECOVERABLE})
"""States in which a tape lies in a slot or a drive."""
READ_ONLY: Final = frozenset({S.RETRIEVED, S.RECOVERED, S.IRRECOVERABLE})
"""States in which a tape may not be written."""
UNDER_WAY: Final = frozenset(
    {S.CREATING, S.IN_TRANSIT, S.ARCHIVING, S.ARCHIVED, S.RETRIEVING, S.DELETING}
)
"""States in which a gateway that knows the tape has work to do.  Of one that is ARCHIVED: to let
go of what is left of it here."""

FIRST: Final[Mapping[Happening, str]] = {
    H.EXPORTED: "wait until it is AVAILABLE",
    H.ARCHIVAL_CANCELLED: "archival can be cancelled only while it is IN TRANSIT TO VTS",
    H.RETRIEVAL_STARTED: "only an ARCHIVED tape can be retrieved: export it and wait",
    H.RETRIEVAL_CANCELLED: "retrieval can be cancelled only while it is RETRIEVING",
    H.DELETION_STARTED: "wait until the library or the archive has it, or cancel; then delete it",
}
"""What to do about a refusal."""


def after(barcode: str, status: Status, happening: Happening) -> Status:
    """The state that follows.  Raises WrongStatusError, which says what to do first."""
    following = TRANSITIONS.get((status, happening))
    if following is not None:
        return following
    if (status, happening) == (S.RETRIEVED, H.DELETION_STARTED):
        raise TapeRetrievedError(
            f"tape {barcode} is retrieved from the archive: move it to an import/export slot first,"
            " so that it goes back there, and delete the archived tape"
        )
    advice = FIRST.get(happening, "this cannot happen to it now")
    raise WrongStatusError(f"tape {barcode} is {status}: {advice}")
