"""Log lines: a JSON object each, or for people."""

import io
import json

import pytest
import structlog

from pyvtl import logs


@pytest.fixture(autouse=True)
def _as_before() -> object:
    yield
    structlog.reset_defaults()


def test_an_event_is_one_json_object_with_its_fields() -> None:
    stream = io.StringIO()
    logs.set_up("info", "auto", stream)
    structlog.get_logger().info("session.opened", initiator="iqn.2026-01.example:host")
    line = json.loads(stream.getvalue())
    del line["timestamp"]
    assert line == {
        "event": "session.opened",
        "level": "info",
        "initiator": "iqn.2026-01.example:host",
    }


def test_what_is_below_the_level_is_left_out() -> None:
    stream = io.StringIO()
    logs.set_up("warning", "json", stream)
    structlog.get_logger().info("session.opened")
    assert stream.getvalue() == ""


def test_for_people_the_event_comes_first_and_without_colors_off_a_terminal() -> None:
    stream = io.StringIO()
    logs.set_up("info", "console", stream)
    structlog.get_logger().warning("portal.open", address="0.0.0.0:3260")
    assert "portal.open" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
