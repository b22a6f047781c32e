"""Logging, set up once: events with fields, for people or as a JSON object a line."""

import logging
import sys
from typing import Any, TextIO

import structlog

LEVELS = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error")}


def set_up(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Log to `stream` (stderr) from `level` on; `form` is auto, console or json."""
    stream = stream or sys.stderr
    is_terminal = stream.isatty()
    if form == "auto":
        form = "console" if is_terminal else "json"
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=is_terminal)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
