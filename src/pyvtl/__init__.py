"""pyvtl: a virtual tape library that keeps its tapes in S3."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyvtl.config.model import Config
    from pyvtl.gateway.gateway import Gateway

__version__ = "0.1.0"
__all__ = ["Config", "Gateway", "__version__"]

_MODULES = {"Config": "pyvtl.config.model", "Gateway": "pyvtl.gateway.gateway"}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that `pyvtl --version` is quick."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
