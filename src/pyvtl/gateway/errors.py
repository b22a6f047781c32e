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


@contextmanager
def told_as_gateway_errors() -> Iterator[None]:
    """Turn what media, store and inventory raise into an error of the gateway."""
    try:
        yield
    except (MediumError, InventoryError) as error:
        raise StorageError(str(error)) from error
