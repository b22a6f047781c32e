"""The server holds every bound of AWS's model: clients like boto3 leave most of them to it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pyvtl.api.operations import OPERATIONS
from tests.api_bounds import Broken, broken, wrong_types
from tests.api_client import GATEWAY, Served

NAMES = sorted(row.name for row in OPERATIONS)


def answers(api: Served, cases: Callable[[str], Iterator[Broken]]) -> list[tuple[str, Any]]:
    """What each input is answered with: the error's name, and its code if it has one.

    boto3 writes an input as the model has it, so the broken one takes its place afterwards.
    """
    wanted: dict[str, Any] = {}

    def put_in(request: Any, **_: object) -> None:
        request.data = json.dumps(wanted["input"]).encode()

    api.client.meta.events.register("before-sign.storage-gateway", put_in)
    found: list[tuple[str, Any]] = []
    for name in NAMES:
        for what, wanted["input"] in cases(name):
            try:
                api.client._make_api_call(name, {})
            except ClientError as error:
                code = error.response.get("error", {}).get("errorCode")
                found.append((what, (error.response["Error"]["Code"], code)))
            else:
                found.append((what, "done"))
    return found


async def test_every_bound_of_every_operation_is_held(api: Served) -> None:
    found = await asyncio.to_thread(answers, api, broken)
    assert len(found) > 300
    held = ("InvalidGatewayRequestException", "InvalidParameters")
    assert [(what, answer) for what, answer in found if answer != held] == []


async def test_every_type_is_held(api: Served) -> None:
    found = await asyncio.to_thread(answers, api, wrong_types)
    assert len(found) > 80
    held = ("SerializationException", None)
    assert [(what, answer) for what, answer in found if answer != held] == []


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"NumTapesToCreate": 11},
            (
                "1 validation error detected: Value 11 at 'numTapesToCreate' failed to satisfy"
                " constraint: Member must have value less than or equal to 10"
            ),
        ),
        (
            {"TapeBarcodePrefix": "low"},
            (
                "1 validation error detected: Value 'low' at 'tapeBarcodePrefix' failed to satisfy"
                " constraint: Member must satisfy regular expression pattern: ^[A-Z]*$"
            ),
        ),
        (
            {"ClientToken": "x", "Tags": [{"Key": "a"}]},
            (
                "2 validation errors detected: Value 'x' at 'clientToken' failed to satisfy"
                " constraint: Member must have length greater than or equal to 5; Value null at"
                " 'tags.1.member.value' failed to satisfy constraint: Member must not be null"
            ),
        ),
    ],
)
async def test_a_refusal_says_what_is_wrong_where(
    api: Served, members: dict[str, object], message: str
) -> None:
    request = {
        "GatewayARN": GATEWAY,
        "TapeSizeInBytes": 100 << 30,
        "ClientToken": "a-token",
        "NumTapesToCreate": 1,
        "TapeBarcodePrefix": "DEMO",
    }
    refusal = await api.refused("CreateTapes", **(request | members))
    assert refusal == ("InvalidParameters", message)


async def test_a_sensitive_value_is_not_repeated(api: Served) -> None:
    code, message = await api.refused(
        "UpdateChapCredentials",
        TargetARN=f"{GATEWAY}/target/iqn.1997-05.com.amazon:sgw-12a3456b-tapedrive-01",
        InitiatorName="iqn.2026-01.example:host",
        SecretToAuthenticateInitiator="opensesame" * 20,
    )
    assert (code, "opensesame" in message) == ("InvalidParameters", False)


@pytest.mark.parametrize("key", ["Größe", "a b", "x:y/z=+-@_."])
async def test_letters_of_all_scripts_are_letters(api: Served, key: str) -> None:
    refusal = await api.refused(
        "CreateTapeWithBarcode",
        GatewayARN=GATEWAY,
        TapeBarcode="TAPE0001",
        TapeSizeInBytes=1,
        Tags=[{"Key": key, "Value": ""}],
    )
    assert "TapeSizeInBytes" in refusal[1]
