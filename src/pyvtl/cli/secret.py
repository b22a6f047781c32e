"""The key of encrypted tapes, for commands that read them without a server."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyvtl.store.keys import Secret


def master_secret(config: Path | None) -> "Secret | None":
    """What the settings say, which are the ones of `serve`.  CommandError, UsageError."""
    from pyvtl.cli.config import load
    from pyvtl.gateway import service

    return service.master_secret(load(config, {}).config)
