"""What can be wrong with a request to the library, or with starting it."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyvtl.media.inventory import InventoryError
from pyvtl.media.medium import MediumError


class GatewayError(Exception):
    """It cannot be; the message says why, and what to do first.  Nothing was changed."""


class InvalidRequestError(GatewayError):
    """The request itself is wrong, whatever the library holds."""


class TapeNotFoundError(GatewayError):
    """There is no tape with that barcode."""


class BarcodeTakenError(GatewayError):
    """A tape has that barcode, or had it once."""


class NoFreeSlotError(GatewayError):
    """All import/export slots are full."""


class TapeInUseError(GatewayError):
    """The tape is in a drive."""


class StorageError(GatewayError):
    """The disk, or what lies on it, does not allow it."""


class GatewayNotFoundError(GatewayError):
    """There is no such gateway, or it is deleted."""


class GatewayInUseError(GatewayError):
    """The gateway is not in the state for it: tapes are left, it is connected, or shut down."""


class ActivationKeyError(GatewayError):
    """The activation key is not that of a gateway that waits to be activated."""


class TargetNotFoundError(GatewayError):
    """There is no target with that name."""


class ChapCredentialsNotFoundError(GatewayError):
    """The target has no credentials for that initiator."""


class DeviceNotFoundError(GatewayError):
    """There is no drive or changer with that name."""


class DeviceInUseError(GatewayError):
    """An initiator is logged in to the device."""


class RateLimitNotFoundError(GatewayError):
    """There is no bandwidth limit to delete."""


class InvalidScheduleError(GatewayError):
    """A bandwidth schedule contradicts itself."""


class DiskNotFoundError(GatewayError):
    """There is no such local disk."""


class DiskInUseError(GatewayError):
    """The local disk is allocated already."""


class WrongStatusError(GatewayError):
    """The tape is in a state in which this cannot be."""


class TapeRetrievedError(WrongStatusError):
    """The tape is retrieved: it has to go back to the archive first."""


class TapeNotArchivedError(GatewayError):
    """The archive has no such tape, or it is being retrieved or retrieved already."""


class RetentionLockedError(GatewayError):
    """The retention lock of its pool keeps the tape where and as it is."""


class PoolNotFoundError(GatewayError):
    """There is no such pool, or it is deleted."""


class PoolInUseError(GatewayError):
    """Tapes or rules of automatic creation name the pool."""


class PoolChangeError(GatewayError):
    """The tape cannot go from its pool to that one."""


class PolicyNotFoundError(GatewayError):
    """No automatic tape creation is set up."""


class TooManyTagsError(GatewayError):
    """A resource has 50 tags at most."""


class TagsNotFoundError(GatewayError):
    """There is nothing of that name to have tags."""


class TokenReusedError(GatewayError):
    """A client token stands for another request already."""


class NoStoreError(GatewayError):
    """The gateway has no object store, and this needs one."""


class StoreUnavailableError(GatewayError):
    """The object store gave no answer, or refused; nothing was changed here."""


class OtherGatewayNotFoundError(GatewayError):
    """No gateway of that name uses the object store."""


@contextmanager
def told_as_gateway_errors() -> Iterator[None]:
    """Turn what media, store and inventory raise into an error of the gateway."""
    try:
        yield
    except (MediumError, InventoryError) as error:
        raise StorageError(str(error)) from error
