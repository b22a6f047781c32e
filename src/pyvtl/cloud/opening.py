"""A store by its location, with all that belongs around it."""

from dataclasses import dataclass

from pyvtl.cloud.directory import DirectoryStore
from pyvtl.cloud.location import Bucket, Folder, Location
from pyvtl.cloud.metered import Metered
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.patience import Patience
from pyvtl.cloud.retrying import Retrying
from pyvtl.cloud.s3_options import S3Options
from pyvtl.cloud.schedule import Rated, Schedule
from pyvtl.cloud.throttled import Throttled

USUAL_OPTIONS = S3Options()
USUAL_PATIENCE = Patience()
UNLIMITED = Schedule()


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A store to use, and the counts of what is asked of the service behind it."""

    objects: ObjectStore
    metered: Metered


async def open_store(
    location: Location,
    options: S3Options = USUAL_OPTIONS,
    patience: Patience = USUAL_PATIENCE,
    schedule: Rated = UNLIMITED,
) -> OpenStore:
    """Retrying over throttled over counted: each attempt is paid for and counted.

    Raises MisconfiguredError for what is wrong on this side; `check` asks the other one.  The S3
    client keeps the event loop for a third of a second: open it before anybody is served.
    """
    metered = Metered(await _open(location, options))
    return OpenStore(Retrying(Throttled(metered, schedule), patience), metered)


async def _open(location: Location, options: S3Options) -> ObjectStore:
    match location:
        case Folder(path):
            return DirectoryStore(path)
        case Bucket():
            from pyvtl.cloud.s3 import S3Store  # noqa: PLC0415 - half a second, for S3 only

            return await S3Store.open(location, options)
