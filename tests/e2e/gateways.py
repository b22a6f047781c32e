"""Two gateways with their APIs on one bucket of SeaweedFS, for tests of what users do with them."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from pyvtl.cloud.location import Bucket
from tests.faults.s3 import in_bucket
from tests.ports import free_port, wait_for_port
from tests.s3_clients import CREDENTIALS
from tests.seaweed import Seaweed
from tests.serving import Server, serving

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Served:
    """A server and the address of its API."""

    server: Server
    endpoint: str

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client of the API needs: the keys that the server made."""
        keys = {"AWS_SHARED_CREDENTIALS_FILE": str(self.server.folder / "aws-credentials")}
        return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **keys}

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """A program with the keys of the API."""
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=self.environment
        )


def s3_client(server: Seaweed) -> Any:
    """boto3's client of an S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def make_bucket(server: Seaweed, name: str) -> Bucket:
    """A new bucket."""
    s3_client(server).create_bucket(Bucket=name)
    return Bucket(name)


@contextmanager
def gateway_on(bucket: Bucket, s3: str, folder: Path, **settings: str) -> Iterator[Served]:
    """A started gateway with two drives; the rest as settings say, or as `pyvtl serve` makes it."""
    port = free_port()
    settings = {"PYVTL_LIBRARY__DRIVES": "2", "PYVTL_STORE__IDLE_SECONDS": "0.1", **settings}
    environment = in_bucket(bucket, s3, **settings)
    with serving(folder, "--api", f"127.0.0.1:{port}", environment=environment) as server:
        wait_for_port(port)
        yield Served(server, f"http://127.0.0.1:{port}")
