"""`pyvtl store`: repairs of what lies in the data folder."""

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
