"""kill -9 of a server that uploads: what was answered is in the store after the next start."""

import asyncio
import random
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from pyvtl.cloud.s3 import S3Store
from tests.killing import Attempt, Object, connect, whole_tape, write_until_killed
from tests.pushing import Gateway, check_promises
from tests.s3_clients import CREDENTIALS, NOBODY, bucket_on
from tests.seaweed import Seaweed
from tests.serving import Server, serving
from tests.tapes import contents

SETTINGS = """
[store]
url = "{bucket}"
endpoint_url = "{endpoint}"
region = "us-east-1"
segment_size = "4MiB"
idle_seconds = 0.05
recovery_point_seconds = 0.1
attempts = 2
"""
FEW_ROUNDS = 3


def settings(folder: Path, store: S3Store, server: Seaweed) -> Path:
    file = folder / "pyvtl.toml"
    file.write_text(SETTINGS.format(bucket=store._bucket, endpoint=server.url))
    return file


def round_of(server: Server, drive: str, draw: random.Random, known: list[Object]) -> Attempt:
    """Write until the server is killed."""
    tape = connect(server, drive)
    killer = threading.Timer(draw.uniform(0.1, 0.8), server.kill)
    killer.start()
    attempt = write_until_killed(tape, draw, known)
    killer.join()
    tape.close()
    return attempt


def found_on(server: Server, drive: str) -> list[Object]:
    with connect(server, drive) as reader:
        return whole_tape(reader)


async def check_rounds(server: Server, store: S3Store, draw: random.Random, rounds: int) -> None:
    """Kill it so often; whatever the store says is true each time, and all is there at the end."""
    (drive,) = await asyncio.to_thread(server.loaded, 1, "1GiB")
    barcode = await asyncio.to_thread(_only_tape, server)
    known: list[Object] = []
    for number in range(rounds):
        attempt = await asyncio.to_thread(round_of, server, drive, draw, known)
        await check_promises(store, barcode)
        await asyncio.to_thread(server.start)
        known = await asyncio.to_thread(found_on, server, drive)
        assert attempt.explains(known), f"round {number}"
    await asyncio.to_thread(server.stop)
    other = Gateway(server.folder.parent / "other")
    (pulled,) = await other.pull(store, barcode)
    assert pulled.problem is None
    with other.vault() as vault:
        assert contents(vault.open(barcode)) == known


def _only_tape(server: Server) -> str:
    barcode, *_ = server.run("tape", "list").splitlines()[1].split()
    return barcode


async def check(folder: Path, s3_server: Seaweed, seed: int, rounds: int) -> None:
    environment: Mapping[str, str] = {**NOBODY, **CREDENTIALS}
    async with bucket_on(s3_server) as store:
        options = ("--config", str(settings(folder, store, s3_server)))
        with serving(folder / "data", *options, environment=environment) as server:
            await check_rounds(server, store, random.Random(seed), rounds)


@pytest.mark.timeout(600)
async def test_what_was_answered_reaches_the_store_in_spite_of_kill_9(
    tmp_path: Path, s3_server: Seaweed, crash_seed: int
) -> None:
    await check(tmp_path, s3_server, crash_seed, FEW_ROUNDS)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_what_was_answered_reaches_the_store_in_spite_of_kill_9_again_and_again(
    tmp_path: Path, s3_server: Seaweed, crash_seed: int, crash_rounds: int
) -> None:
    await check(tmp_path, s3_server, crash_seed + 1, crash_rounds)
