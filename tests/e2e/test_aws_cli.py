"""The real `aws` command against a server, with the keys and the address that it prints."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Server, serving
from tests.waiting import seen


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "data"
    folder.mkdir()
    with serving(folder, "--api", "127.0.0.1:0") as started:
        yield started


def told(server: Server) -> str:
    """What the server printed when it served."""
    log = server.folder.parent / "serve.log"
    return seen(log.read_text, lambda text: "AWS API" in text)


@pytest.mark.e2e
def test_the_command_that_the_server_prints_lists_tapes_with_the_keys_that_it_made(
    aws: Path, server: Server
) -> None:
    server.run("tape", "create", "--barcode", "DEMO0001", "--size", "100GiB")
    (line,) = re.findall(r"AWS_SHARED_CREDENTIALS_FILE=\S+ aws .* list-tapes", told(server))

    def call(operation: str, *options: str) -> Any:
        command = line.replace(" aws ", f" {aws} ").replace("list-tapes", operation)
        done = subprocess.run(
            ["env", *command.split(), *options],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    keys = server.folder / "aws-credentials"
    assert keys.stat().st_mode & 0o777 == 0o600
    (gateway,) = call("list-gateways")["Gateways"]
    made = call(
        "create-tapes",
        *("--gateway-arn", gateway["GatewayARN"], "--tape-size-in-bytes", str(100 << 30)),
        *("--client-token", "first", "--num-tapes-to-create", "2", "--tape-barcode-prefix", "AWS"),
    )
    listed = {tape["TapeARN"] for tape in call("list-tapes", "--page-size", "1")["TapeInfos"]}
    assert {*made["TapeARNs"]} < listed
    assert len(listed) == 3
    (first, *_) = made["TapeARNs"]
    deleted = ("--gateway-arn", gateway["GatewayARN"], "--tape-arn", first)
    assert call("delete-tape", *deleted) == {"TapeARN": first}
    assert len(json.loads(server.run("tape", "list", "--json"))) == 2
