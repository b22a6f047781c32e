"""The control socket: JSON in, JSON out, and a reason for every refusal."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import aiohttp
import pytest

from pyvtl import Config, Gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    config = Config.model_validate(
        {
            "gateway": {"data_dir": tmp_path, "id": "0123abcd"},
            "portal": {"listen": ["127.0.0.1:0"]},
            "library": {"drives": 1, "slots": 2, "import_export_slots": 2},
        }
    )
    async with Gateway(config) as gateway:
        yield gateway


async def ask(gateway: Gateway, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """Status and data of one answer."""
    socket = gateway.config.gateway.data_dir / "control.sock"
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
        session.request(method, f"http://localhost{path}", data=body) as answer,
    ):
        return answer.status, json.loads(await answer.read())


async def test_library(gateway: Gateway) -> None:
    assert await ask(gateway, "GET", "/library") == (
        200,
        {
            "gateway_id": "0123abcd",
            "portals": [str(gateway.portals[0])],
            "slots": {"full": 0, "total": 2},
            "import_export_slots": {"full": 0, "total": 2},
            "devices": [
                {
                    "device": "changer",
                    "target": "iqn.1997-05.com.amazon:sgw-0123abcd-mediachanger",
                    "product": "AWS Gateway-VTL",
                    "serial": "0123ABCD00",
                    "element_address": 0,
                    "barcode": None,
                    "sessions": [],
                },
                {
                    "device": "drive 0",
                    "target": "iqn.1997-05.com.amazon:sgw-0123abcd-tapedrive-01",
                    "product": "IBM ULT3580-TD5",
                    "serial": "0123ABCD01",
                    "element_address": 10000,
                    "barcode": None,
                    "sessions": [],
                },
            ],
            "store": None,
        },
    )


async def test_a_tape_from_making_to_deleting(gateway: Gateway) -> None:
    wanted = b'{"barcode": "TAPE0001", "size_bytes": 1048576}'
    status, (tape,) = await ask(gateway, "POST", "/tapes", wanted)
    assert (status, tape["slot"], tape["write_protected"]) == (200, 3, False)
    tape["dirty_bytes"] = ANY  # every new label takes some of the disk
    protected = {**tape, "write_protected": True}
    assert await ask(gateway, "POST", "/tapes/TAPE0001/protect") == (200, protected)
    assert await ask(gateway, "GET", "/tapes/TAPE0001") == (200, protected)
    assert await ask(gateway, "POST", "/tapes/TAPE0001/unprotect") == (200, tape)
    assert await ask(gateway, "GET", "/tapes") == (200, [tape])
    status, refusal = await ask(gateway, "POST", "/tapes/TAPE0001/shred")
    assert (status, refusal["error"]) == (409, "Storage")
    assert "not encrypted" in refusal["message"]
    assert await ask(gateway, "DELETE", "/tapes/TAPE0001") == (200, None)
    assert await ask(gateway, "GET", "/tapes") == (200, [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Invalid JSON"),
        (b'{"barcode": "TAPE0001"}', "size_bytes\n  Field required"),
        (b'{"barcode": "TAPE0001", "size_bytes": "1"}', "Input should be a valid integer"),
        (b'{"barcode": "TAPE0001", "size_bytes": 1, "kind": 1}', "Extra inputs are not permitted"),
        (b'{"barcode": "TAPE0001", "size_bytes": 1048575}', "sizes go from 1MiB to 1EiB"),
        (b'{"size_bytes": 1048576}', "is no prefix"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(
    gateway: Gateway, body: bytes, reason: str
) -> None:
    status, answer = await ask(gateway, "POST", "/tapes", body)
    assert (status, answer["error"]) == (400, "InvalidRequest")
    assert reason in answer["message"]


async def test_refusals_have_a_name_and_a_reason(gateway: Gateway) -> None:
    missing = {"error": "TapeNotFound", "message": "there is no tape NOTHERE1"}
    assert await ask(gateway, "GET", "/tapes/NOTHERE1") == (404, missing)
    many = b'{"prefix": "MANY", "count": 3, "size_bytes": 1048576}'
    status, answer = await ask(gateway, "POST", "/tapes", many)
    assert (status, answer["error"]) == (409, "NoFreeSlot")
    unknown = {"error": "HTTPNotFound", "message": "/drives: Not Found"}
    assert await ask(gateway, "GET", "/drives") == (404, unknown)


async def test_requests_at_the_same_time_do_not_share_a_slot(gateway: Gateway) -> None:
    def wanted(number: int) -> bytes:
        return b'{"barcode": "TAPE000%d", "size_bytes": 1048576}' % number

    answers = await asyncio.gather(
        *(ask(gateway, "POST", "/tapes", wanted(number)) for number in range(3))
    )
    assert sorted(status for status, _ in answers) == [200, 200, 409]
    assert sorted(tape["slot"] for status, tapes in answers if status == 200 for tape in tapes) == [
        3,
        4,
    ]
