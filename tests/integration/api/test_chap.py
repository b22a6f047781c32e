"""CHAP credentials through boto3, and at the login of an initiator."""

import asyncio
from pathlib import Path

import pytest

from pyvtl.config.model import Config
from tests.api_client import GATEWAY, Served, serving_api
from tests.initiator import Tape
from tests.initiator.chap import Chap
from tests.initiator.session import LoginError

HOST, OTHER = "iqn.2026-01.example:host", "iqn.2026-01.example:other"
SECRET, TARGET_SECRET = "initiators-01", "the-targets-1"


def drive_arn(api: Served) -> str:
    return f"{GATEWAY}/target/{api.gateway.drive_names[0]}"


async def put(api: Served, secret: str = SECRET, **members: str) -> dict[str, object]:
    """UpdateChapCredentials for the first drive and HOST."""
    return await api.call(
        "UpdateChapCredentials",
        TargetARN=drive_arn(api),
        InitiatorName=HOST,
        SecretToAuthenticateInitiator=secret,
        **members,
    )


async def log_in(api: Served, chap: Chap | None, drive: int = 0, name: str = HOST) -> None:
    """Log in to a drive and out again; LoginError."""

    def as_host() -> None:
        port, target = api.gateway.portals[0].port, api.gateway.drive_names[drive]
        Tape("127.0.0.1", port, target, name=name, chap=chap).close()

    await asyncio.to_thread(as_host)


async def test_describe_chap_credentials(api: Served) -> None:
    arn = drive_arn(api)
    assert await put(api, SecretToAuthenticateTarget=TARGET_SECRET) == {
        "TargetARN": arn,
        "InitiatorName": HOST,
    }
    assert await api.call("DescribeChapCredentials", TargetARN=arn) == {
        "ChapCredentials": [
            {
                "TargetARN": arn,
                "InitiatorName": HOST,
                "SecretToAuthenticateInitiator": SECRET,
                "SecretToAuthenticateTarget": TARGET_SECRET,
            }
        ]
    }


async def test_only_an_initiator_that_proves_itself_logs_in_to_that_target(api: Served) -> None:
    await put(api, SecretToAuthenticateTarget=TARGET_SECRET)
    target = api.gateway.drive_names[0]
    await log_in(api, Chap(HOST, SECRET, target, TARGET_SECRET))
    for chap, name in (
        (None, HOST),
        (Chap(HOST, "wrong-secret-1"), HOST),
        (None, OTHER),
        (Chap(OTHER, SECRET), OTHER),
    ):
        with pytest.raises(LoginError, match="0201"):
            await log_in(api, chap, name=name)
    await log_in(api, None, drive=1)


async def test_credentials_last_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    async with serving_api(tmp_path) as api:
        await put(api)
    assert (tmp_path / "chap.json").stat().st_mode & 0o777 == 0o600
    async with serving_api(tmp_path) as api:
        await log_in(api, Chap(HOST, SECRET))
        with pytest.raises(LoginError):
            await log_in(api, None)


async def test_new_credentials_close_the_connections_to_the_target(api: Served) -> None:
    port, names = api.gateway.portals[0].port, api.gateway.drive_names
    sessions = [await asyncio.to_thread(Tape, "127.0.0.1", port, name) for name in names]
    await put(api)
    with pytest.raises((ConnectionError, EOFError)):
        await asyncio.to_thread(sessions[0].nop)
    assert await asyncio.to_thread(sessions[1].nop) == b"ping"
    for session in sessions:
        await asyncio.to_thread(session.close)


async def test_deleted_credentials_open_the_target_again(api: Served) -> None:
    await put(api)
    arn = drive_arn(api)
    key = {"TargetARN": arn, "InitiatorName": HOST}
    assert await api.call("DeleteChapCredentials", **key) == key
    await log_in(api, None)
    assert await api.refused("DeleteChapCredentials", **key) == (
        "ChapCredentialNotFound",
        f"target {api.gateway.drive_names[0]} has no CHAP credentials for initiator {HOST}",
    )


async def test_the_account_of_the_settings_goes_on_for_others(tmp_path: Path) -> None:
    def with_account(config: Config) -> Config:
        chap = {"user": "everybody", "secret": "known-to-all-01"}
        return Config.model_validate(config.model_dump() | {"chap": chap})

    async with serving_api(tmp_path, with_account) as api:
        await put(api)
        await log_in(api, Chap(HOST, SECRET))
        await log_in(api, Chap("everybody", "known-to-all-01"), name=OTHER)
        with pytest.raises(LoginError, match="0201"):
            await log_in(api, Chap("everybody", "known-to-all-01"), name=HOST)


@pytest.mark.parametrize("secret", ["short", "x" * 17, "é" * 9])
async def test_a_secret_has_12_to_16_bytes(api: Served, secret: str) -> None:
    refusal = await api.refused(
        "UpdateChapCredentials",
        TargetARN=drive_arn(api),
        InitiatorName=HOST,
        SecretToAuthenticateInitiator=secret,
    )
    assert refusal == (
        "InvalidParameters",
        "the CHAP secret of the initiator must have 12 to 16 bytes",
    )


async def test_both_sides_have_secrets_of_their_own(api: Served) -> None:
    refusal = await api.refused(
        "UpdateChapCredentials",
        TargetARN=drive_arn(api),
        InitiatorName=HOST,
        SecretToAuthenticateInitiator=SECRET,
        SecretToAuthenticateTarget=SECRET,
    )
    assert refusal[0] == "InvalidParameters"


async def test_a_target_that_is_not_there_is_not_found(api: Served) -> None:
    for arn in (f"{GATEWAY}/target/iqn.1997-05.com.amazon:nowhere", f"{GATEWAY}/elsewhere"):
        refusal = await api.refused("DescribeChapCredentials", TargetARN=arn)
        assert refusal[0] == "TargetNotFound"
