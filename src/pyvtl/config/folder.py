"""Where the data folder is when nobody says."""

import os
from pathlib import Path


def default_data_dir() -> Path:
    """`/var/lib/pyvtl` for root, else `pyvtl` in the user's XDG data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/pyvtl")
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local/share") / "pyvtl"
