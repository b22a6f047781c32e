"""A gateway in this process with its API, and boto3 as its client."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError

from pyvtl import Config, Gateway
from pyvtl.api.model import operation_model
from pyvtl.api.serving import serve_api
from pyvtl.api.validation import validated
from pyvtl.cloud.objects import ObjectStore

KEY_ID, SECRET = "PYVTLTESTKEYOFNOBODY", "a-secret-of-the-tests-and-of-nobody-else"
ACCOUNT, REGION, GATEWAY_ID = "123456789012", "eu-test-1", "12a3456b"
ARN = f"arn:aws:storagegateway:{REGION}:{ACCOUNT}"
GATEWAY = f"{ARN}:gateway/sgw-12A3456B"
GIB = 1 << 30
SESSION = boto3.Session()
"""One for all, since it reads a lot of files; not for several threads at a time."""


def config(folder: Path, **sections: Mapping[str, object]) -> Config:
    """A small library with an API, both on free ports."""
    given: dict[str, Mapping[str, object]] = {
        "gateway": {"data_dir": folder, "id": GATEWAY_ID},
        "portal": {"listen": ["127.0.0.1:0"]},
        "library": {"drives": 2, "slots": 4, "import_export_slots": 20},
        "api": {
            "listen": "127.0.0.1:0",
            "region": REGION,
            "account_id": ACCOUNT,
            "access_key_id": KEY_ID,
            "secret_access_key": SECRET,
        },
    }
    return Config.model_validate(given | sections)


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway, and a client of its API that checks nothing by itself."""

    gateway: Gateway
    url: str
    client: Any

    async def call(self, operation: str, **members: object) -> dict[str, Any]:
        """One operation off the event loop; its output, held against the model."""
        output = await asyncio.to_thread(self._call, operation, members)
        metadata = output.pop("ResponseMetadata")
        assert metadata["HTTPHeaders"]["x-amzn-requestid"]
        return output

    async def refused(self, operation: str, **members: object) -> tuple[str, str]:
        """One operation that the API refuses: the code of AWS's list, and the message."""
        exceptions = self.client.exceptions
        with pytest.raises(exceptions.InvalidGatewayRequestException) as caught:
            await self.call(operation, **members)
        answer = caught.value.response
        return answer["error"]["errorCode"], answer["message"]

    async def failed(self, operation: str, **members: object) -> tuple[str, int]:
        """One operation that fails in a way common to all services: its name, the status."""
        with pytest.raises(ClientError) as caught:
            await self.call(operation, **members)
        answer = caught.value.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]

    def _call(self, operation: str, members: Mapping[str, object]) -> dict[str, Any]:
        output: dict[str, Any] = self.client._make_api_call(operation, dict(members))
        return output


def client(url: str, *, key_id: str = KEY_ID, secret: str = SECRET, region: str = REGION) -> Any:
    """boto3's client, without anybody's settings, that leaves all checks to the server."""
    settings = ClientConfig(parameter_validation=False, retries={"total_max_attempts": 1})
    made = SESSION.client(
        "storagegateway",
        endpoint_url=url,
        config=settings,
        region_name=region,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
    )
    made.meta.events.register("after-call.storage-gateway", _check_output)
    return made


def _check_output(http_response: Any, parsed: Any, model: Any, **_: object) -> None:
    """What the server answers has to have the members and the bounds of the model."""
    if http_response.status_code == 200:
        answer = json.loads(http_response.content)
        validated(operation_model(model.name).output_shape, answer)


@asynccontextmanager
async def serving_api(
    folder: Path,
    adjust: Callable[[Config], Config] = lambda same: same,
    objects: ObjectStore | None = None,
) -> AsyncIterator[Served]:
    """A gateway in a folder and its API."""
    started = Gateway(adjust(config(folder)), objects=objects)
    async with started as gateway, serve_api(gateway) as endpoint:
        assert endpoint is not None
        yield Served(gateway, endpoint.url, client(endpoint.url))
