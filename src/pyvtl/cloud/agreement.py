"""A store and the data folders that share it are one repository: with one key for all hashes."""

from pathlib import Path

from pyvtl.cloud.adopting import check_not_adopted
from pyvtl.cloud.documents import GatewayDocument, Repository, decode, encode
from pyvtl.cloud.errors import PreconditionFailedError, UnavailableError
from pyvtl.cloud.heads import read_document
from pyvtl.cloud.names import REPOSITORY, gateway_key
from pyvtl.cloud.objects import STANDARD, Absent, ObjectStore
from pyvtl.cloud.refusals import ForeignRepositoryError
from pyvtl.cloud.threads import in_thread
from pyvtl.store.files import LocalFiles, read_file, write_file
from pyvtl.store.repository import REPOSITORY as LOCAL
from pyvtl.store.repository import TAPES, repository_key


async def agree(store: ObjectStore, gateway: str, folder: Path) -> None:
    """Let a data folder push here: a new store takes its key, a new data folder the store's.

    Raises ForeignRepositoryError where the two have tapes of different repositories.
    """
    there = await read_document(store, Repository, REPOSITORY)
    if there is None:
        here = await in_thread(_local, folder)
        there = await _put_first(store, here)
    await join(store, gateway, folder, there)


async def join(store: ObjectStore, gateway: str, folder: Path, there: Repository) -> None:
    """Make a data folder part of the repository in the store, and tell the store so."""
    await in_thread(_take, folder, there)
    document = GatewayDocument(gateway_id=gateway, repository_id=there.repository_id)
    try:
        await store.put(gateway_key(gateway), encode(document), Absent(), storage_class=STANDARD)
    except PreconditionFailedError:
        await check_not_adopted(store, gateway)


async def repository_of(store: ObjectStore) -> Repository:
    """The repository in the store.  Raises ForeignRepositoryError where there is none."""
    there = await read_document(store, Repository, REPOSITORY)
    if there is None:
        raise ForeignRepositoryError("the store holds no tapes: nothing was ever pushed to it")
    return there


async def _put_first(store: ObjectStore, here: Repository) -> Repository:
    """Of several who put it at once one wins, and its repository is everybody's."""
    try:
        await store.put(REPOSITORY, encode(here), Absent(), storage_class=STANDARD)
    except (PreconditionFailedError, UnavailableError):
        winner = await read_document(store, Repository, REPOSITORY)
        if winner is None:
            raise
        return winner
    return here


def _local(folder: Path) -> Repository:
    """That of a data folder, made if there is none yet."""
    files = LocalFiles()
    files.mkdir(folder)
    repository_key(files, folder)
    return decode(Repository, str(folder / LOCAL), read_file(files, folder / LOCAL))


def _take(folder: Path, there: Repository) -> None:
    """Have the repository of the store in the data folder, if it has no tapes of another."""
    files, path = LocalFiles(), folder / LOCAL
    if path.exists() and decode(Repository, str(path), read_file(files, path)) == there:
        return
    tapes = folder / TAPES
    if tapes.exists() and files.listdir(tapes):
        raise ForeignRepositoryError(
            f"the store belongs to repository {there.repository_id}, and {folder} has tapes of"
            " another: name another store or prefix, or a new data folder"
        )
    write_file(files, path, encode(there))
