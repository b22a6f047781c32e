"""What the object store refuses, as an error of the gateway."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyvtl.cloud.adopting import RefusedAdoptionError
from pyvtl.cloud.errors import ObjectStoreError
from pyvtl.cloud.refusals import NoGatewayError, NotArchivedError, RefusedTapeError
from pyvtl.gateway.errors import (
    GatewayInUseError,
    OtherGatewayNotFoundError,
    StorageError,
    StoreUnavailableError,
    TapeNotArchivedError,
)
from pyvtl.media.medium import MediumError
from pyvtl.store.errors import StoreError


@contextmanager
def told_by_the_store() -> Iterator[None]:
    """Turn what the object store, a tape and the disk refuse into an error of the gateway."""
    try:
        yield
    except NotArchivedError as error:
        raise TapeNotArchivedError(str(error)) from error
    except NoGatewayError as error:
        raise OtherGatewayNotFoundError(str(error)) from error
    except RefusedAdoptionError as error:
        raise GatewayInUseError(str(error)) from error
    except ObjectStoreError as error:
        raise StoreUnavailableError(str(error)) from error
    except (RefusedTapeError, MediumError, StoreError, OSError) as error:
        raise StorageError(str(error)) from error
