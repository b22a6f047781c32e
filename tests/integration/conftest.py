"""Which event loop the server of a test runs on."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """That of `pyvtl serve`; for connections asyncio's own too, as it may be for an embedder."""
    of_serve = {"uvloop": uvloop.new_event_loop}
    if item.path.name == "test_portal.py":
        return {"asyncio": asyncio.new_event_loop, **of_serve}
    return of_serve
