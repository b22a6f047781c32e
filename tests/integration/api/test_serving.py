"""How the API is served: its keys, HTTPS, and what stands in the way."""

import asyncio
import json
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest
import trustme

from pyvtl import Gateway
from pyvtl.api.serving import serve_api
from pyvtl.cli.welcome import welcome
from pyvtl.config.model import Config
from pyvtl.gateway.errors import GatewayError
from tests.api_client import KEY_ID, Served, client, config
from tests.s3_server import certificate
from tests.serving import ENVIRONMENT, PYVTL


def api(folder: Path, **settings: object) -> Config:
    """A gateway's settings, with nothing but these in [api]."""
    return config(folder, api={"listen": "127.0.0.1:0", **settings})


async def works(gateway: Gateway, url: str, key_id: str, secret: str) -> None:
    made = client(url, key_id=key_id, secret=secret, region="us-east-1")
    served = Served(gateway, url, made)
    assert len((await served.call("ListGateways"))["Gateways"]) == 1


async def test_keys_are_made_once_and_their_place_is_told(tmp_path: Path) -> None:
    texts = []
    for _ in range(2):
        async with Gateway(api(tmp_path)) as gateway, serve_api(gateway) as endpoint:
            assert endpoint is not None
            file = tmp_path / "aws-credentials"
            assert endpoint.credentials == file
            assert file.stat().st_mode & 0o777 == 0o600
            assert f"AWS_SHARED_CREDENTIALS_FILE={file} aws " in welcome(gateway, endpoint)
            texts.append(file.read_text())
            lines = dict(line.split(" = ") for line in texts[-1].splitlines()[1:])
            assert lines["region"] == "us-east-1"
            keys = lines["aws_access_key_id"], lines["aws_secret_access_key"]
            assert keys[1] not in welcome(gateway, endpoint)
            await works(gateway, endpoint.url, *keys)
    assert texts[0] == texts[1]


async def test_keys_of_the_settings_leave_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a-secret-in-a-file\n")
    data = tmp_path / "data"
    keys = {"access_key_id": KEY_ID, "secret_access_key_file": secret}
    async with Gateway(api(data, **keys)) as gateway, serve_api(gateway) as endpoint:
        assert endpoint is not None
        assert endpoint.credentials is None
        assert not (data / "aws-credentials").exists()
        await works(gateway, endpoint.url, KEY_ID, "a-secret-in-a-file")


async def test_a_broken_file_of_keys_is_told_without_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "aws-credentials").write_text("[default]\naws_access_key_id = PRECIOUS\n")
    async with Gateway(api(tmp_path)) as gateway:
        with pytest.raises(GatewayError, match="cannot be read") as caught:
            await serve_api(gateway).__aenter__()
        assert "PRECIOUS" not in str(caught.value)


async def test_https(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert, key = certificate(authority, tmp_path)
    settings = api(tmp_path / "data", tls_cert=cert, tls_key=key)
    async with Gateway(settings) as gateway, serve_api(gateway) as endpoint:
        assert endpoint is not None
        assert endpoint.url.startswith("https://")
        context = ssl.create_default_context()
        authority.configure_trust(context)
        async with aiohttp.ClientSession() as session:
            answer = await session.post(endpoint.url, ssl=context)
            assert (answer.status, "x-amzn-RequestId" in answer.headers) == (400, True)


async def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    settings = api(tmp_path / "data", tls_cert=tmp_path / "none", tls_key=tmp_path / "none")
    async with Gateway(settings) as gateway:
        with pytest.raises(GatewayError, match=r"api\.tls_cert and api\.tls_key cannot be used"):
            await serve_api(gateway).__aenter__()


async def test_an_address_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    async with Gateway(api(tmp_path / "one")) as gateway, serve_api(gateway) as endpoint:
        assert endpoint is not None
        taken = endpoint.url.removeprefix("http://")
        second = api(tmp_path / "two", listen=taken)
        async with Gateway(second) as other:
            with pytest.raises(GatewayError, match=f"cannot listen on {taken}: .*--api off"):
                await serve_api(other).__aenter__()


async def test_an_api_that_is_off(tmp_path: Path) -> None:
    async with Gateway(api(tmp_path, listen="off")) as gateway, serve_api(gateway) as endpoint:
        assert endpoint is None
        assert not (tmp_path / "aws-credentials").exists()
        assert "AWS" not in welcome(gateway, endpoint)


async def test_other_machines_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = api(tmp_path, listen="0.0.0.0:0")
    async with Gateway(settings) as gateway, serve_api(gateway) as endpoint:
        assert endpoint is not None
    assert "api.open" in capsys.readouterr().out


def elsewhere(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One `pyvtl` command of somebody who has no data folder here."""
    return subprocess.run(
        [*PYVTL, *command],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT
        | {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
        | environment,
    )


async def test_commands_reach_a_server_elsewhere_with_its_keys(tmp_path: Path) -> None:
    async with Gateway(api(tmp_path)) as gateway, serve_api(gateway) as endpoint:
        assert endpoint is not None
        keys = {"AWS_SHARED_CREDENTIALS_FILE": str(endpoint.credentials)}
        at = ("--endpoint", endpoint.url)
        made = ("tape", "create", "--barcode", "FAR00001", "--size", "1GiB", "--json")
        done = await asyncio.to_thread(lambda: elsewhere(*at, *made, **keys))
        assert done.returncode == 0, done.stderr
        assert [row["barcode"] for row in json.loads(done.stdout)] == ["FAR00001"]
        done = await asyncio.to_thread(lambda: elsewhere(*at, "tape", "show", "NOWHERE1", **keys))
        assert (done.returncode, done.stderr) == (1, "pyvtl: there is no tape NOWHERE1\n")
        done = await asyncio.to_thread(lambda: elsewhere(*at, "tape", "list"))
        assert (done.returncode, "there are no keys" in done.stderr) == (1, True)
        wrong = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": "wrong"}
        done = await asyncio.to_thread(lambda: elsewhere(*at, "tape", "list", **wrong))
        assert done.returncode == 1
        assert done.stderr.startswith("pyvtl: The security token included in the request")


async def test_control_requests_without_a_signature_are_refused(tmp_path: Path) -> None:
    async with Gateway(api(tmp_path)) as gateway, serve_api(gateway) as endpoint:
        assert endpoint is not None
        async with aiohttp.ClientSession() as session:
            for method, path in (("GET", "/control/tapes"), ("DELETE", "/control/gateway")):
                answer = await session.request(method, endpoint.url + path)
                told = json.loads(await answer.read())
                assert answer.status == 400
                assert told["__type"] == "MissingAuthenticationTokenException"
        assert gateway.about.information.state == "RUNNING"


def test_what_is_no_endpoint_is_wrong_usage() -> None:
    done = elsewhere("--endpoint", "nowhere:3261", "tape", "list")
    assert (done.returncode, "write like http://HOST:3261" in done.stderr) == (2, True)
