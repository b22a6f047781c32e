"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from pyvtl.config.folder import default_data_dir

DATA_DIR_VARIABLE = "PYVTL_GATEWAY__DATA_DIR"

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar=DATA_DIR_VARIABLE,
        default_factory=default_data_dir,
        help="Data folder of the server to talk to.",
        file_okay=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, sizes in bytes.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", envvar="PYVTL_CONFIG", help="Settings file (TOML).", dir_okay=False),
]
