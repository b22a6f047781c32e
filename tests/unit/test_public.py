"""What `import pyvtl` promises."""

import subprocess
import sys

import pytest

import pyvtl
from pyvtl.config.model import Config
from pyvtl.gateway.gateway import Gateway
from tests.serving import ENVIRONMENT


def test_the_public_names() -> None:
    assert pyvtl.__all__ == ["Config", "Gateway", "__version__"]
    assert (pyvtl.Config, pyvtl.Gateway) == (Config, Gateway)


def test_other_names_are_missing_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'pyvtl' has no attribute 'Library'"):
        _ = pyvtl.Library


def test_importing_the_package_imports_nothing_slow() -> None:
    code = "import pyvtl, sys; print([m for m in ('pydantic', 'asyncio') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, env=ENVIRONMENT
    )
    assert done.stdout == "[]\n"
