"""`pyvtl store`: repairs of what lies in the data folder."""

from typing import Annotated

import typer

from pyvtl.cli.failure import CommandError
from pyvtl.cli.options import DataDir

app = typer.Typer(help="Repair what lies in the data folder.", no_args_is_help=True)


@app.callback()
def store() -> None:
    """Repair what lies in the data folder."""


@app.command("rebuild-catalog")
def rebuild(data_dir: DataDir) -> None:
    """Make the catalog anew from the tapes themselves.  No server may be running."""
    from pyvtl.gateway.folder import DataFolder, DataFolderError
    from pyvtl.media.medium import MediumError
    from pyvtl.media.vault import rebuild_catalog

    try:
        with DataFolder(data_dir, make=False):
            found = rebuild_catalog(data_dir)
    except (DataFolderError, MediumError) as error:
        raise CommandError(str(error)) from None
    print(f"the catalog of {data_dir} was made anew from {found} tapes")


Shared = Annotated[
    str, typer.Option("--dedup", help="As the setting store.dedup: pool or tape.", metavar="SCOPE")
]


@app.command("rebuild-index")
def rebuild_dedup_index(data_dir: DataDir, dedup: Shared = "pool") -> None:
    """Make the dedup index anew from the tapes.  No server may be running."""
    from pyvtl.gateway.folder import DataFolder, DataFolderError
    from pyvtl.store.dedup import Scope
    from pyvtl.store.files import LocalFiles
    from pyvtl.store.sharing import rebuild_index

    if dedup not in (Scope.POOL.value, Scope.TAPE.value):
        raise CommandError(f"--dedup is pool or tape, not {dedup}")
    try:
        with DataFolder(data_dir, make=False):
            found = rebuild_index(LocalFiles(), data_dir, Scope(dedup))
    except (DataFolderError, OSError) as error:
        raise CommandError(str(error)) from None
    print(f"the dedup index of {data_dir} knows {found} packs")
